import { hostDirectory } from '../host-directory.ts'
import { writerOf } from '../hosts/fingerprint.ts'
import { nodeAt, type TreeNode } from '../hosts/tree.ts'
import type { Intent } from '../intent/intent.ts'
import { type Attribution, attributionOf } from './attribution.ts'
import { conflictOf } from './conflict-findings.ts'
import { configPathMismatch, layersDeclaredDiscarded } from './daemon-findings.ts'
import { type DeclaredRegistry, declaredRegistries } from './declared-registries.ts'
import { driftOf } from './drift-findings.ts'
import { isEffective } from './effective.ts'
import { endpointFindings } from './endpoint-findings.ts'
import type { DaemonFacts, NodeFacts, ObservedTree } from './facts.ts'
import { type FindingDraft, makeFinding, withDistinctIds } from './finding.ts'
import { kubernetesReport } from './kubernetes-report.ts'
import { nodeFindings } from './node-findings.ts'
import { type ExpectedState, expectedState } from './node-paths.ts'
import type { RatedPath } from './path-comparison.ts'
import { pathReport } from './path-report.ts'
import { peersNeverServe } from './peers-never-serve.ts'
import { type EndpointProbe, isFresh, type Probes } from './probes.ts'
import { problemFindings, unbracketedTargets, wrongHostsDirectory } from './problem-findings.ts'
import { resolveFailed } from './proof-findings.ts'
import { ratedPath } from './rated-path.ts'
import { releaseNotApplied, releaseNotes } from './release-not-applied.ts'
import { type Remedies, remediesFor } from './remedy.ts'
import { rememberedPath } from './remembered-paths.ts'
import type {
  Evidence,
  Finding,
  InputReport,
  NodeReport,
  PathReport,
  RegistryIntent,
  RegistryReport,
} from './report.ts'
import { absenceNotes, declaredHere, isWithoutPod, spegelAbsent } from './spegel-absent.ts'
import { cannotStart, currentPod, probeNotes, spegelNotReady } from './spegel-finding.ts'
import { targetUrls } from './spegel-targets.ts'
import { witnessDisagrees } from './witness-findings.ts'

/** The heart: what containerd on this node will do, where that is not what was declared, why, and what to run. */
export function evaluate(declared: Intent, observed: ObservedTree, daemon: DaemonFacts, node: NodeFacts): NodeReport {
  const intent = declaredHere(declared, node)
  const remedies = remediesFor(intent, node)
  const state = expectedState(intent, daemon, node)
  const attribution = attributionOf(observed.hosts, daemon.hostsDir, node, remedies)
  const isVisible = observed.hosts.kind === 'directory'
  const isTrusted = isVisible && !node.inputs.some((it) => !it.up && DECISIVE.has(it.input))
  const context = { state, imageCache: node.imageCache, attribution }
  // A daemon that reads elsewhere explains what is wrong with every registry: one finding, not one for each.
  const readsElsewhere = configPathMismatch(intent, daemon, node) !== null
  const drifts: FindingDraft[] = []
  const unseen: Evidence[] = []
  const registries: Omit<RegistryReport, 'findings'>[] = []

  for (const declared of declaredRegistries(intent)) {
    const { registry } = declared
    const path = rememberedPath(registry, daemon, observed.view, intent, node.ip)
    const isSeen = isVisible && path.error?.code !== 'NOT_SEEN'
    if (isVisible && !isSeen && !readsElsewhere) unseen.push(unseenEvidence(path, daemon))
    const found = isSeen ? driftOf(declared, path, context) : []
    const works =
      !state.refusedRegistries.has(registry) &&
      isEffective(declared, state.declaredPathOf(registry), path, intent.spegel, node.ip)
    if (!readsElsewhere) drifts.push(...found)
    registries.push({
      registry,
      declaredBy: declaredBy(declared),
      effective: isSeen && (isTrusted || !works) ? works : null,
      inSync: isSeen && (isTrusted || found.length > 0) ? found.length === 0 : null,
      intent: registryIntent(declared, intent, node),
      expected: expectedReport(state, registry, daemon),
      observed: isVisible ? observedReport(path, attribution) : null,
    })
  }
  for (const registry of undeclaredRegistries(observed.hosts, registries)) {
    registries.push({
      registry,
      declaredBy: [],
      effective: null,
      inSync: null,
      intent: { talos: null, spegel: null },
      expected: null,
      observed: observedReport(ratedPath(registry, daemon, observed.view, intent, node.ip), attribution),
    })
  }
  const ofNode = nodeFindings(intent, daemon, node, unseen)
  const proven = node.proofs.flatMap((proof) => {
    const path = rememberedPath(proof.registry, daemon, observed.view, intent, node.ip)
    return resolveFailed(proof, path, node) ?? []
  })
  const witnessed = node.witnesses.flatMap((it) => witnessDisagrees(it, node) ?? [])
  const conflicts = conflictDrafts(intent, state, daemon, node, remedies)
  const probed = probeDrafts(intent, state, node, remedies, [...drifts, ...conflicts])
  const ofCluster = [spegelAbsent(node, remedies), releaseNotApplied(node, remedies)].filter((it) => it !== null)
  const drafts = [...drifts, ...proven, ...witnessed, ...probed, ...ofNode, ...ofCluster, ...conflicts]
  const findings = withDistinctIds(drafts.map((it) => makeFinding(it, node.now)))
  return {
    node: { name: node.name, ip: node.ip },
    evaluatedAt: node.now,
    containerd: {
      version: daemon.version.text,
      pullMode: daemon.pullMode,
      configPath: daemon.configPath,
      hostsDir: daemon.hostsDir,
      facts: daemon.facts.map((it) => ({ ...it })),
      assumed: [...daemon.assumed],
    },
    spegel: intent.spegel && { version: intent.spegel.version.text, assumed: intent.spegel.versionAssumed },
    talos: intent.talos && { version: intent.talos.version.text },
    inputs: [...node.inputs],
    proofs: [...node.proofs],
    witnesses: [...node.witnesses],
    probes: shownProbes(node, registries),
    kubernetes: kubernetesReport(node.cluster),
    registries: registries.map((it) => ({ ...it, findings: idsOf(findings, it.registry) })),
    findings,
    notes: [
      ...intent.notes.map((it) => it.message),
      ...daemon.notes,
      ...state.failures,
      ...probeNotes(node),
      ...absenceNotes(node),
      ...releaseNotes(node.cluster),
    ],
  }
}

/** What the intent alone shows: whether what Git asks for can work on this node. No tree is needed. */
export function evaluateIntent(intent: Intent, daemon: DaemonFacts, node: NodeFacts): Finding[] {
  const state = expectedState(intent, daemon, node)
  const drafts = conflictDrafts(intent, state, daemon, node, remediesFor(intent, node))
  return withDistinctIds(drafts.map((it) => makeFinding(it, node.now)))
}

/** Without these nothing can be said to be in sync. */
const DECISIVE: ReadonlySet<InputReport['input']> = new Set(['hosts', 'containerd', 'intent_talos', 'intent_spegel'])

function conflictDrafts(
  intent: Intent,
  state: ExpectedState,
  daemon: DaemonFacts,
  node: NodeFacts,
  remedies: Remedies,
): FindingDraft[] {
  const { spegel } = intent
  const ofRegistries = declaredRegistries(intent).flatMap((declared) => [
    conflictOf(declared, { intent, node, state, remedies }),
    spegel === null ? null : peersNeverServe(declared, spegel, remedies),
  ])
  const ofNode = [
    wrongHostsDirectory(intent, daemon.hostsDir, remedies),
    unbracketedTargets(intent, node.ip),
    layersDeclaredDiscarded(intent, remedies),
  ]
  return [
    ...ofRegistries.filter((it) => it !== null),
    ...problemFindings(intent),
    ...ofNode.filter((it) => it !== null),
  ]
}

/** What is wrong with the endpoints, unless it is known already why they are asked in a way that cannot work. */
function probeDrafts(
  intent: Intent,
  state: ExpectedState,
  node: NodeFacts,
  remedies: Remedies,
  known: readonly FindingDraft[],
): FindingDraft[] {
  const isExplained = (registry: string) =>
    known.some((it) => it.registry === registry && it.reason === 'plain-http-lost')
  const asked = withoutExplainedPeers(node)
  const ofRegistries = declaredRegistries(intent).flatMap((declared) => {
    return isExplained(declared.registry) ? [] : endpointFindings(declared, { node: asked, state, remedies })
  })
  const ofSpegel = spegelNotReady(node, remedies)
  return ofSpegel === null ? ofRegistries : [...ofRegistries, ofSpegel]
}

/** Nothing listens at Spegel's port where no pod of it runs: that is told of the pod, once. */
function withoutExplainedPeers(node: NodeFacts): NodeFacts {
  const { cluster, probes } = node
  if (cluster === null || !(isWithoutPod(cluster) || cannotStart(currentPod(cluster)))) return node
  const isExplained = ({ role, failure }: EndpointProbe) => role === 'peer' && failure?.reason === 'endpoint-down'
  return { ...node, probes: { ...probes, endpoints: probes.endpoints.filter((it) => !isExplained(it)) } }
}

/**
 * What was answered too long ago is not shown: it would be taken for how things are. Nor is what was asked for registries
 * whose pull path has changed since.
 */
function shownProbes({ probes, now }: NodeFacts, reported: readonly Omit<RegistryReport, 'findings'>[]): Probes {
  const { endpoints, harbor, spegel } = probes
  const asks = (registry: string, { role, url }: EndpointProbe) => {
    const found = reported.find((it) => it.registry === registry && it.declaredBy.length > 0)
    return found !== undefined && (role === 'face' || found.observed?.endpoints.some((it) => it.url === url) === true)
  }
  return {
    endpoints: endpoints
      .filter((it) => isFresh(it, now))
      .map((it) => ({ ...it, registries: it.registries.filter((registry) => asks(registry, it)) }))
      .filter((it) => it.registries.length > 0),
    harbor: harbor !== null && isFresh(harbor, now) ? harbor : null,
    spegel: spegel !== null && isFresh(spegel, now) ? spegel : null,
  }
}

function idsOf(findings: readonly Finding[], registry: string): string[] {
  return findings.filter((it) => it.registry === registry).map((it) => it.id)
}

function declaredBy(declared: DeclaredRegistry): ('talos' | 'spegel')[] {
  const by: ('talos' | 'spegel')[] = []
  if (declared.talosMirror !== null || declared.talosTls !== null) by.push('talos')
  if (declared.spegel !== null) by.push('spegel')
  return by
}

function registryIntent(declared: DeclaredRegistry, intent: Intent, node: NodeFacts): RegistryIntent {
  const { talosMirror, talosTls, spegel } = declared
  const mirror = talosMirror ?? (talosTls && { endpoints: [], skipFallback: false, source: talosTls.source })
  return {
    talos: mirror && {
      endpoints: mirror.endpoints.map(({ url, overridePath }) => ({ url, overridePath })),
      skipFallback: mirror.skipFallback,
      source: mirror.source,
    },
    spegel: spegel && { url: spegel.url, targets: targetUrls(intent.spegel, node.ip), source: spegel.source },
  }
}

function expectedReport(state: ExpectedState, registry: string, daemon: DaemonFacts): PathReport {
  const path = state.pathOf(registry)
  const relative = path.file?.slice(daemon.hostsDir.length + 1) ?? ''
  const file = path.file === null ? undefined : nodeAt(state.tree, relative)
  return pathReport(path, file?.kind === 'file' ? file : null, state.writers.get(relative) ?? 'unknown')
}

function observedReport(path: RatedPath, attribution: Attribution): PathReport {
  const file = path.file === null ? null : attribution.fileAt(path.file)
  return pathReport(path, file, file === null ? 'unknown' : writerOf(file))
}

/** Directories of registries that nobody declared: reported, never alarmed. */
function undeclaredRegistries(tree: TreeNode, declared: readonly { registry: string }[]): string[] {
  if (tree.kind !== 'directory') return []
  const known = new Set(
    declared.flatMap(({ registry }) => [registry, registry === '_default' ? '_default' : hostDirectory(registry)]),
  )
  const names = [...tree.entries.keys()].filter((name) => name !== '_backup' && !known.has(name))
  return names.map((name) => name.replace(/^(.+)_(\d+)_$/, '$1:$2')).sort()
}

function unseenEvidence(path: RatedPath, daemon: DaemonFacts): Evidence {
  return { text: path.error?.message ?? '', source: path.directory ?? daemon.hostsDir, time: null }
}
