import type { Intent } from '../intent/intent.ts'
import type { DeclaredRegistry } from './declared-registries.ts'
import { declaredEndpoints } from './effective.ts'
import type { NodeFacts } from './facts.ts'
import { describeEndpoint, describePath, type FindingDraft } from './finding.ts'
import type { ExpectedState } from './node-paths.ts'
import { distinctEndpoints, isInForce, type RatedEndpoint } from './path-comparison.ts'
import { editAt, type Remedies } from './remedy.ts'
import type { Remedy } from './report.ts'

/** What a conflict is decided from: the intent, and what it makes on this node. */
export interface ConflictContext {
  intent: Intent
  node: NodeFacts
  state: ExpectedState
  remedies: Remedies
}

/**
 * Whether what Git asks for can work for one registry: the expected path must keep what Talos declares. One fact gives
 * one finding, of the most specific reason.
 */
export function conflictOf(declared: DeclaredRegistry, context: ConflictContext): FindingDraft | null {
  const { intent, state } = context
  // A declared value that its reader refuses (duplicate endpoints) is already a finding, with file and line.
  if (intent.problems.some((it) => it.registry === declared.registry && BREAKS_FILE.has(it.code))) return null
  // So is the one that keeps Talos from writing any mirror: it explains what every other registry lacks.
  if (state.isTalosRefused) return null
  const expected = state.pathOf(declared.registry)
  const ignored = expected.notes.find((it) => it.code === 'FILE_IGNORED')
  if (ignored !== undefined) {
    return intent.problems.some((it) => it.code === 'SPEGEL_TARGET_DUPLICATE')
      ? null
      : invalidFile(declared, context, ignored.message)
  }

  const wanted = declaredEndpoints(declared, state.declaredPathOf(declared.registry))
  const lost = wanted.filter((it) => !expected.endpoints.some((found) => isInForce(it, found)))
  if (lost.length === 0) return reEnabledFallback(declared, context, wanted)
  if (declared.spegel === null) return notMirrored(declared, context, lost)
  if (state.failures.length > 0) return droppedByFailure(declared, context, lost)
  if (losesPlainHttp(lost, expected.endpoints)) return plainHttpLost(declared, context, lost)
  if (lost.some((it) => it.declaredIn === 'server')) return rootEntryLost(declared, context, lost)
  return notPrepended(declared, context, lost)
}

const BREAKS_FILE: ReadonlySet<string> = new Set(['TALOS_ENDPOINT_DUPLICATE', 'TALOS_ENDPOINT_INVALID'])

/** The registry itself was declared over http, and the path asks it over https only, or nobody beyond the peers. */
export function losesPlainHttp(lost: readonly RatedEndpoint[], asked: readonly RatedEndpoint[]): boolean {
  const isPlain = (it: RatedEndpoint) => it.role === 'origin' && it.url.startsWith('http://')
  const beyond = asked.filter((it) => it.role !== 'peer')
  return (
    lost.some(isPlain) && !asked.some(isPlain) && (beyond.length === 0 || beyond.some((it) => it.role === 'origin'))
  )
}

function draft(
  declared: DeclaredRegistry,
  { state }: ConflictContext,
  reason: FindingDraft['reason'],
  parts: { summary: string; cause: string; remedy: Remedy[]; evidence?: FindingDraft['evidence'] },
): FindingDraft {
  return {
    kind: 'conflict',
    reason,
    registry: declared.registry,
    summary: parts.summary,
    expected: describePath(state.declaredPathOf(declared.registry).endpoints),
    observed: describePath(distinctEndpoints(state.pathOf(declared.registry), 'auto')),
    cause: { actor: 'git', text: parts.cause, confidence: 'proven' },
    evidence: [...declaredEvidence(declared), ...(parts.evidence ?? [])],
    remedy: parts.remedy,
    source: declared.talosMirror?.source ?? declared.talosTls?.source ?? declared.spegel?.source ?? null,
  }
}

function declaredEvidence(declared: DeclaredRegistry): NonNullable<FindingDraft['evidence']>[number][] {
  const evidence = []
  if (declared.talosMirror !== null) {
    const urls = declared.talosMirror.endpoints.map((it) => it.url).join(', ')
    const source = declared.talosMirror.source?.file ?? 'Talos intent'
    evidence.push({ text: `Talos declares ${declared.registry} with ${urls || 'no endpoints'}`, source, time: null })
  }
  if (declared.spegel !== null) {
    const source = declared.spegel.source?.file ?? 'Spegel intent'
    evidence.push({ text: `Spegel's mirroredRegistries has ${declared.spegel.url}`, source, time: null })
  }
  return evidence
}

/** What a pull of this registry would do, in words: the last endpoint that is asked decides how it ends. */
function outcome(declared: DeclaredRegistry, { state }: ConflictContext): string {
  const endpoints = distinctEndpoints(state.pathOf(declared.registry), 'auto')
  const beyond = endpoints.filter((it) => it.role !== 'peer').map((it) => it.url)
  if (beyond.length === 0) return 'beyond its peers containerd would ask nobody'
  return `beyond its peers containerd would ask ${beyond.join(', then ')}`
}

/** How the registry must stand in mirroredRegistries: on the scheme of Talos' own endpoint for it, else https. */
function listingUrl(declared: DeclaredRegistry): string {
  const own = declared.talosMirror?.endpoints.find(
    (it) => it.url.replace(/^https?:\/\//, '').split('/')[0] === declared.registry,
  )
  return `${own?.url.startsWith('http://') ? 'http' : 'https'}://${declared.registry}`
}

function notMirrored(
  declared: DeclaredRegistry,
  context: ConflictContext,
  lost: readonly RatedEndpoint[],
): FindingDraft {
  const spegel = context.intent.spegel
  const isEmpty = spegel?.mirroredRegistries.length === 0
  const url = declared.registry === '_default' ? '_default' : listingUrl(declared)
  const remedy = [context.remedies.addMirroredRegistry(url)]
  if (spegel?.prependExisting === false) {
    remedy.push(
      context.remedies.setSpegelValue('prependExisting', 'true', "keeps Talos' endpoints behind Spegel's targets"),
    )
  }
  return draft(declared, context, 'registry-not-mirrored', {
    summary: `Every pull of ${named(declared)} would break away from ${urls(lost)}: ${outcome(declared, context)}`,
    cause: isEmpty
      ? `mirroredRegistries is empty, so Spegel writes _default alone and moves Talos' entry for ${declared.registry} into _backup`
      : `mirroredRegistries does not list ${declared.registry}, so Spegel moves Talos' entry into _backup and writes none of its own`,
    remedy: [...remedy, ...context.remedies.applySpegel()],
    evidence: [
      {
        text: isEmpty
          ? 'mirroredRegistries is empty'
          : `mirroredRegistries lists ${spegel?.mirroredRegistries.map((it) => it.url).join(', ')}`,
        source: spegel?.source?.file ?? 'Spegel intent',
        time: null,
      },
    ],
  })
}

function plainHttpLost(
  declared: DeclaredRegistry,
  context: ConflictContext,
  lost: readonly RatedEndpoint[],
): FindingDraft {
  const url = `http://${declared.registry}`
  return draft(declared, context, 'plain-http-lost', {
    summary: `${named(declared)} is declared over http (${urls(lost)}), but ${outcome(declared, context)}`,
    cause: `Spegel lists it as ${declared.spegel?.url}, which becomes the last endpoint, and Talos' entry does not stay before it${whyNotPrepended(declared, context)}`,
    remedy: [
      {
        ...context.remedies.addMirroredRegistry(url),
        why: `lists it over http; remove ${declared.spegel?.url} from the list (in Git: ${url} in its place)`,
      },
      ...context.remedies.applySpegel(),
    ],
  })
}

function rootEntryLost(
  declared: DeclaredRegistry,
  context: ConflictContext,
  lost: readonly RatedEndpoint[],
): FindingDraft {
  const what = declared.talosMirror?.skipFallback
    ? 'skipFallback makes Talos write the last endpoint as the root entry of hosts.toml'
    : 'Talos writes the TLS settings of a registry without a mirror at the root of hosts.toml'
  return draft(declared, context, 'fallback-lost', {
    summary: `${lost.map(describeEndpoint).join(', ')} would not survive Spegel's rewrite: ${outcome(declared, context)}`,
    cause: `${what}, and Spegel keeps only [host] tables, whatever prependExisting says`,
    remedy: declared.talosMirror?.skipFallback
      ? [
          editAt(
            declared.talosMirror.source,
            `in the Talos patch, set skipFallback: false for ${declared.registry}`,
            'every endpoint is then a [host] table, which Spegel can keep',
          ),
          ...context.remedies.applyTalos('applies the changed patch'),
        ]
      : [
          editAt(
            declared.talosTls?.source ?? null,
            `in the Talos patch, add a mirror ${declared.registry} with the endpoint ${lost[0]?.url.replace(/\/v2$/, '')}`,
            'a mirror endpoint with the same host is a [host] table that carries the TLS settings',
          ),
          ...context.remedies.applyTalos('applies the changed patch'),
        ],
  })
}

/** Nothing is lost, but an endpoint that skipFallback excluded is asked after all. */
function reEnabledFallback(
  declared: DeclaredRegistry,
  context: ConflictContext,
  wanted: readonly RatedEndpoint[],
): FindingDraft | null {
  if (!declared.talosMirror?.skipFallback || wanted.length === 0) return null
  const extra = distinctEndpoints(context.state.pathOf(declared.registry), 'auto').filter(
    (it) => it.role !== 'peer' && !wanted.some((endpoint) => isInForce(endpoint, it)),
  )
  if (extra.length === 0) return null
  return {
    ...rootEntryLost(declared, context, extra),
    summary: `skipFallback of ${declared.registry} would be without effect: containerd would still ask ${urls(extra)}`,
  }
}

function notPrepended(
  declared: DeclaredRegistry,
  context: ConflictContext,
  lost: readonly RatedEndpoint[],
): FindingDraft {
  const remedy = context.intent.spegel?.prependExisting
    ? [
        editAt(
          declared.spegel?.source ?? null,
          `in Spegel's values, list ${listingUrl(declared)}, so that its server line stands for Talos' endpoint`,
          `Talos writes ${declared.registry.replace(/:(\d+)$/, '_$1_')}/, Spegel looks for ${declared.registry}/: nothing is prepended for a registry with a port`,
        ),
      ]
    : [context.remedies.setSpegelValue('prependExisting', 'true', "keeps Talos' endpoints behind Spegel's targets")]
  return draft(declared, context, 'existing-not-prepended', {
    summary: `${urls(lost)} would be lost for ${named(declared)}: ${outcome(declared, context)}`,
    cause: `Spegel writes its own entry and keeps nothing of Talos'${whyNotPrepended(declared, context)}`,
    remedy: [...remedy, ...context.remedies.applySpegel()],
  })
}

function whyNotPrepended(declared: DeclaredRegistry, { intent }: ConflictContext): string {
  if (intent.spegel?.prependExisting === false) return ': prependExisting is off'
  if (/:\d+$/.test(declared.registry)) return ': the directory names do not meet, because the registry has a port'
  return ''
}

function droppedByFailure(
  declared: DeclaredRegistry,
  context: ConflictContext,
  lost: readonly RatedEndpoint[],
): FindingDraft {
  const failure = context.state.failures.join('; ')
  return draft(declared, context, 'origin-dropped', {
    summary: `${urls(lost)} would survive only in _backup: ${outcome(declared, context)}`,
    cause: `Spegel's init container fails after it has cleared the tree: ${failure}`,
    remedy: [
      editAt(
        context.intent.spegel?.source ?? null,
        `mend what makes the init container fail, ${failure}`,
        'it fails at every start, and leaves the node without the entries it had not written yet',
      ),
      ...context.remedies.applySpegel(),
    ],
  })
}

function invalidFile(declared: DeclaredRegistry, context: ConflictContext, message: string): FindingDraft {
  const { intent, state, remedies } = context
  const isSpegels = intent.spegel?.addsMirrors === true && !state.isSpegelRefused
  return draft(declared, context, 'hosts-file-invalid', {
    summary: `containerd would ignore the whole hosts.toml of ${named(declared)}: ${outcome(declared, context)}`,
    cause: `what is declared becomes a file that this containerd cannot use: ${message}`,
    remedy: [
      editAt(
        declared.talosMirror?.source ?? declared.spegel?.source ?? null,
        `mend what is declared for ${named(declared)}`,
        isSpegels ? "Spegel writes the file, of its targets and of Talos' endpoints" : 'Talos writes the file',
      ),
      ...(isSpegels ? remedies.applySpegel() : remedies.applyTalos('applies the changed patch')),
    ],
  })
}

function named(declared: DeclaredRegistry): string {
  return declared.registry === '_default' ? 'a registry without an entry of its own' : declared.registry
}

function urls(endpoints: readonly RatedEndpoint[]): string {
  return endpoints.map((it) => it.url.replace(/\/v2$/, '')).join(', ')
}
