import type { PathNote } from '../containerd/pull-path.ts'
import type { Attribution } from './attribution.ts'
import { causeOfDrift } from './cause.ts'
import { losesPlainHttp } from './conflict-findings.ts'
import type { DeclaredRegistry } from './declared-registries.ts'
import { declaredEndpoints } from './effective.ts'
import { describeEndpoint, describePath, type FindingDraft } from './finding.ts'
import type { ExpectedState } from './node-paths.ts'
import { comparePaths, distinctEndpoints, isInForce, type RatedEndpoint, type RatedPath } from './path-comparison.ts'
import type { Reason } from './reasons.ts'

/** What drift is decided from: the expected state and what is on the node. */
export interface DriftContext {
  state: ExpectedState
  imageCache: 'auto' | 'on' | 'off'
  attribution: Attribution
}

/**
 * Where the observed path of one registry is not the expected one. The most specific reasons only: what one of them
 * explains is not reported again as a missing, unexpected or changed endpoint.
 */
export function driftOf(declared: DeclaredRegistry, observed: RatedPath, context: DriftContext): FindingDraft[] {
  if (observed.error?.code === 'NOT_SEEN') return []
  const expected = context.state.pathOf(declared.registry)
  const wanted = distinctEndpoints(expected, context.imageCache)
  const asked = distinctEndpoints(observed, context.imageCache)
  const difference = comparePaths(wanted, asked)
  const brokenAlike = observed.error?.code === expected.error?.code
  const isSame =
    difference.missing.length + difference.unexpected.length + difference.changed.length === 0 && !difference.reordered
  if (isSame && brokenAlike) return []
  if (context.state.isSpegelRefused && brokenAlike && isEarlierSpegel(wanted, asked)) return []
  const meant = declaredEndpoints(declared, context.state.declaredPathOf(declared.registry))
  if (context.state.isTalosRefused && brokenAlike && isEarlierTalos(wanted, asked, meant)) return []

  const report = (reason: Reason, summary: string, parts: Partial<FindingDraft> = {}): FindingDraft => ({
    kind: 'drift',
    reason,
    registry: declared.registry,
    summary,
    expected: describePath(wanted),
    observed: observed.error === null ? describePath(asked) : [observed.error.message],
    ...causeOfDrift(reason, declared, observed, context.attribution),
    ...parts,
  })

  if (observed.error !== null && !brokenAlike) {
    const position = observed.error.source
    return [
      report(
        'hosts-file-invalid',
        `Every pull of ${named(declared)} fails before anyone is asked: ${observed.error.message}`,
        { source: position },
      ),
    ]
  }
  const ignored = noteOf(observed, 'FILE_IGNORED')
  if (ignored !== undefined && noteOf(expected, 'FILE_IGNORED') === undefined) {
    return [
      report('hosts-file-invalid', `containerd asks ${nonPeers(asked)} for ${named(declared)}: ${ignored.message}`, {
        source: ignored.source,
      }),
    ]
  }
  const hidden = shadowedBy(observed)
  if (hidden !== undefined) return [report('mirror-shadowed', `${hidden.message}: containerd asks ${listOf(asked)}`)]
  const lost = lostEndpoints(wanted, asked)
  if (lost.length > 0 && observed.endpoints.every((it) => it.declaredIn === 'default')) {
    return [
      report('mirror-missing', `No entry for ${named(declared)}: containerd asks ${nonPeers(asked)} and nobody else`),
    ]
  }
  return partialDrift(declared, observed, context, { wanted, asked }, report)
}

type Report = (reason: Reason, summary: string, parts?: Partial<FindingDraft>) => FindingDraft

/** The entry is there, and some of it is not as expected: peers first, then the origin, then what is left. */
function partialDrift(
  declared: DeclaredRegistry,
  observed: RatedPath,
  context: DriftContext,
  paths: { wanted: RatedEndpoint[]; asked: RatedEndpoint[] },
  report: Report,
): FindingDraft[] {
  const { wanted, asked } = paths
  const findings: FindingDraft[] = []
  const explained = new Set<RatedEndpoint>()
  const explain = (endpoints: readonly RatedEndpoint[]) => {
    for (const it of endpoints) explained.add(it)
  }

  const wantedPeers = wanted.filter((it) => it.role === 'peer')
  const askedPeers = asked.filter((it) => it.role === 'peer')
  if (wantedPeers.length > 0 && askedPeers.length === 0) {
    findings.push(
      report(
        'peer-mirror-missing',
        `Every pull of ${named(declared)} goes to the origin: Spegel's ${count(wantedPeers, 'target')} not asked`,
      ),
    )
    // Talos' own file, without Spegel on top, explains whatever else differs from the expected path.
    const talosAlone = distinctEndpoints(context.state.talosPathOf(declared.registry), context.imageCache)
    if (hasSameEndpoints(asked, talosAlone)) return findings
    explain(wantedPeers)
  } else if (isStale(wantedPeers, askedPeers)) {
    const addresses = [...new Set(askedPeers.map((it) => it.host.replace(/:\d+$/, '')))].join(', ')
    findings.push(
      report(
        'peer-target-stale',
        `Spegel's targets for ${named(declared)} are at ${addresses}, which is not this node: each pull waits for them in vain`,
      ),
    )
    explain([...wantedPeers, ...askedPeers])
  }

  const wantedOrigin = declaredEndpoints(declared, context.state.declaredPathOf(declared.registry))
  const spegelOrigin = wanted.filter((it) => it.role === 'origin')
  const lost = lostEndpoints(wanted, asked)
  if (losesPlainHttp(lost, asked)) {
    findings.push(
      report('plain-http-lost', `${named(declared)} is declared over http, but containerd asks ${nonPeers(asked)}`),
    )
    explain([...lost, ...spegelOrigin, ...asked.filter((it) => it.role === 'origin')])
  } else {
    const dropped = lost.filter(
      (it) => wantedOrigin.some((own) => own.url === it.url) && context.attribution.isInBackup(declared.registry),
    )
    if (dropped.length > 0) {
      findings.push(
        report(
          'origin-dropped',
          `${listOf(dropped)} of ${named(declared)} survives only in _backup: containerd asks ${listOf(asked)}`,
        ),
      )
      // What containerd asks in its place, unless it was to be asked anyway.
      const isWanted = (it: RatedEndpoint) => wanted.some((own) => own.url === it.url)
      explain([...dropped, ...asked.filter((it) => it.declaredIn !== 'hosts.toml' && !isWanted(it))])
    }
  }
  findings.push(...remainingDrift(declared, observed, { wanted, asked }, explained, report))
  return findings
}

/** Endpoint by endpoint, what nothing else has explained. */
function remainingDrift(
  declared: DeclaredRegistry,
  observed: RatedPath,
  paths: { wanted: RatedEndpoint[]; asked: RatedEndpoint[] },
  explained: ReadonlySet<RatedEndpoint>,
  report: Report,
): FindingDraft[] {
  const isOpen = (it: RatedEndpoint) => !explained.has(it)
  const difference = comparePaths(paths.wanted.filter(isOpen), paths.asked.filter(isOpen))
  // The registry itself asked in another way is one fact, and the default upstream is nobody's declaration: neither is
  // missed where the registry is asked.
  const asksOrigin = observed.endpoints.some((it) => it.role === 'origin')
  const originChanged = difference.unexpected.some((it) => it.role === 'origin')
  const isReplaced = (it: RatedEndpoint) =>
    it.declaredIn === 'default' ? asksOrigin : it.role === 'origin' && originChanged
  const missing = difference.missing.filter((it) => !isReplaced(it))
  const findings: FindingDraft[] = []
  if (missing.length > 0) {
    findings.push(report('endpoint-missing', `containerd does not ask ${listOf(missing)} for ${named(declared)}`))
  }
  if (difference.unexpected.length > 0) {
    findings.push(
      report(
        'endpoint-unexpected',
        `containerd asks ${listOf(difference.unexpected)} for ${named(declared)}, which nobody declared`,
      ),
    )
  }
  if (difference.reordered) {
    findings.push(
      report('endpoint-order', `containerd asks the endpoints of ${named(declared)} in another order than declared`),
    )
  }
  for (const { expected, observed: found } of difference.changed.slice(0, 1)) {
    findings.push(
      report(
        'endpoint-options',
        `${describeEndpoint(found)} is asked in another way than ${describeEndpoint(expected)}`,
      ),
    )
  }
  return findings
}

/** What is declared beyond the peers and not in force. Where only peers are missing, nothing is lost. */
function lostEndpoints(wanted: readonly RatedEndpoint[], asked: readonly RatedEndpoint[]): RatedEndpoint[] {
  return wanted.filter(
    (it) => it.role !== 'peer' && it.declaredIn !== 'default' && !asked.some((found) => isInForce(it, found)),
  )
}

/** What an earlier Spegel wrote: all that is declared is in force, and nobody but peers and the registry is asked beside. */
function isEarlierSpegel(wanted: readonly RatedEndpoint[], asked: readonly RatedEndpoint[]): boolean {
  const added = comparePaths(wanted, asked).unexpected
  return lostEndpoints(wanted, asked).length === 0 && added.every((it) => it.role === 'peer' || it.role === 'origin')
}

/** What an earlier Talos wrote: all that is expected is in force, and beside it what Talos' intent means. */
function isEarlierTalos(
  wanted: readonly RatedEndpoint[],
  asked: readonly RatedEndpoint[],
  meant: readonly RatedEndpoint[],
): boolean {
  const added = comparePaths(wanted, asked).unexpected
  return lostEndpoints(wanted, asked).length === 0 && added.every((it) => meant.some((own) => isInForce(own, it)))
}

function hasSameEndpoints(one: readonly RatedEndpoint[], other: readonly RatedEndpoint[]): boolean {
  const { missing, unexpected, changed } = comparePaths(one, other)
  return missing.length + unexpected.length + changed.length === 0
}

/** The same ports in the same order at another address: written for a node that this one was, or is not. */
function isStale(wanted: readonly RatedEndpoint[], asked: readonly RatedEndpoint[]): boolean {
  if (wanted.length === 0) return false
  const port = (it: RatedEndpoint) => /:(\d+)$/.exec(it.host)?.[1] ?? ''
  const hosts = new Set(wanted.map((it) => it.host))
  return asked.every((it) => !hosts.has(it.host)) && wanted.map(port).join(' ') === asked.map(port).join(' ')
}

function shadowedBy(observed: RatedPath): PathNote | undefined {
  return noteOf(observed, 'DIRECTORY_SHADOWED') ?? noteOf(observed, 'DEFAULT_SHADOWED')
}

function noteOf(path: RatedPath, code: PathNote['code']): PathNote | undefined {
  return path.notes.find((it) => it.code === code)
}

function named(declared: DeclaredRegistry): string {
  return declared.registry === '_default' ? 'registries without an entry of their own' : declared.registry
}

function listOf(endpoints: readonly RatedEndpoint[]): string {
  return endpoints.length === 0 ? 'nobody' : endpoints.map((it) => it.url.replace(/\/v2$/, '')).join(', ')
}

function nonPeers(endpoints: readonly RatedEndpoint[]): string {
  const others = endpoints.filter((it) => it.role !== 'peer')
  return others.length === 0 ? 'only peers' : `only ${listOf(others)}`
}

function count(endpoints: readonly unknown[], what: string): string {
  return endpoints.length === 1 ? `one ${what} is` : `${endpoints.length} ${what}s are`
}
