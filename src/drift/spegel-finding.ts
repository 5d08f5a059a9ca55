import { type ClusterFacts, present, type SpegelPod } from './cluster-facts.ts'
import type { NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { configurationCause } from './init-container.ts'
import { FAILURES_THAT_COUNT, isFresh, type SpegelHealth } from './probes.ts'
import type { Remedies } from './remedy.ts'
import type { Evidence, Remedy } from './report.ts'
import { isWithoutPod } from './spegel-absent.ts'

/**
 * Spegel's pod on this node is not ready, by what Kubernetes says of it, or where Kubernetes is not asked by its own
 * /readyz: it was ready and is not any more. One that never was may be alone, since a cluster of one node is never
 * ready: no fault where Kubernetes says that it is one, a note where nothing says it. Where there is no pod at all, that
 * is the finding.
 */
export function spegelNotReady(node: NodeFacts, remedies: Remedies): FindingDraft | null {
  const { cluster } = node
  const pod = currentPod(cluster)
  if (cluster !== null && (isWithoutPod(cluster) || (isAlone(cluster) && !cannotStart(pod)))) return null
  return pod === null || pod.ready ? byProbe(node, pod, remedies) : byPod(node, cluster, pod, remedies)
}

/** What of the probes and the pod is no fault, and worth a line. */
export function probeNotes({ probes, now, cluster }: NodeFacts): string[] {
  const { spegel, endpoints } = probes
  const isSilent = spegel !== null && isFresh(spegel, now) && spegel.ready === false && spegel.lastReadyAt === null
  const isKnown = cluster !== null && cluster.pods.value !== null
  return [
    ...(cluster !== null && isAlone(cluster) && currentPod(cluster)?.ready === false
      ? ['Spegel has one node to run on, and no peer: it is never ready there, which is no fault.']
      : []),
    ...(isSilent && !isKnown
      ? [`Spegel at ${spegel.url} has not been ready yet: it knows no peer. In a cluster of one node it never is.`]
      : []),
    ...endpoints
      .filter((it) => !isFresh(it, now))
      .map((it) => `${it.url} was asked last at ${it.at}: whether it answers now is not known.`),
  ]
}

/** The pod that counts, as long as it is known to be as it was: the one that stays; null: none, or not known. */
export function currentPod(cluster: ClusterFacts | null): SpegelPod | null {
  if (cluster === null || cluster.pods.knownUntil !== null) return null
  const pods = cluster.pods.value ?? []
  return pods.find((it) => !it.isTerminating) ?? pods[0] ?? null
}

/** The pod, as evidence names it. */
export function podSource(cluster: ClusterFacts | null, { name }: SpegelPod): string {
  return `pod ${cluster?.where?.namespace}/${name}`
}

/** Whether its registry does not even run, so that nothing can listen at its port. */
export function cannotStart(pod: SpegelPod | null): boolean {
  return pod !== null && (pod.isBroken || pod.configuration?.state === 'failing')
}

/** Spegel's /readyz wants a peer. */
function isAlone({ daemonSet }: ClusterFacts): boolean {
  const desired = present(daemonSet)?.desired ?? null
  return desired !== null && desired <= 1
}

function byPod(node: NodeFacts, cluster: ClusterFacts | null, pod: SpegelPod, remedies: Remedies): FindingDraft {
  const source = podSource(cluster, pod)
  const writing = configurationCause(pod, source, remedies)
  const health = freshHealth(node)
  const saysWhy = health !== null && health.ready === false ? [probeEvidence(health)] : []
  const restarts = pod.restarts === 0 ? '' : `, restarted ${pod.restarts} times`
  return {
    kind: 'fault',
    reason: 'spegel-not-ready',
    registry: '',
    summary: `The Spegel pod ${pod.name} on this node is not ready: pulls go to the origin`,
    expected: [`${source}: ready`],
    observed: [`${source}: ${pod.phase}${restarts}${pod.words === '' ? '' : `: ${pod.words}`}`],
    cause: writing?.cause ?? reasonOf(pod),
    evidence: [
      { text: `not ready${pod.words === '' ? '' : `: ${pod.words}`}`, source, time: pod.since },
      ...(writing?.evidence ?? []),
      ...saysWhy,
    ],
    remedy: writing?.remedy ?? waysToReady(pod, remedies),
  }
}

function reasonOf(pod: SpegelPod): FindingDraft['cause'] {
  if (pod.isTerminating) return { actor: 'spegel', text: 'the pod is being deleted', confidence: 'proven' }
  if (pod.phase === 'Running' && pod.configuration?.state === 'finished') {
    return { actor: 'spegel', text: `it finds no peer, or is still starting: ${pod.words}`, confidence: 'likely' }
  }
  return { actor: 'spegel', text: pod.words === '' ? `its phase is ${pod.phase}` : pod.words, confidence: 'proven' }
}

function waysToReady(pod: SpegelPod, remedies: Remedies): Remedy[] {
  return [
    remedies.showSpegelPod(),
    remedies.showSpegelLog('registry'),
    ...(pod.isTerminating ? [] : [remedies.recreateSpegelPod()]),
  ]
}

/** By what Spegel itself answers; kubelet takes some probes longer to say the same. */
function byProbe(node: NodeFacts, pod: SpegelPod | null, remedies: Remedies): FindingDraft | null {
  const spegel = freshHealth(node)
  if (spegel === null || spegel.ready !== false) return null
  if (spegel.lastReadyAt === null || spegel.failures < FAILURES_THAT_COUNT) return null
  return {
    kind: 'fault',
    reason: 'spegel-not-ready',
    registry: '',
    summary: 'Spegel on this node was ready and is not any more: it finds no peer, so that pulls go to the origin',
    expected: [`${spegel.url}/readyz answers 200`],
    observed: [`${spegel.url}/readyz: ${spegel.words}, ${spegel.failures} times in a row`],
    cause: { actor: 'spegel', text: 'it has lost every peer that it knew', confidence: 'likely' },
    evidence: [
      probeEvidence(spegel),
      { text: 'ready', source: `${spegel.url}/readyz`, time: spegel.lastReadyAt },
      ...(pod === null
        ? []
        : [{ text: 'Kubernetes still holds the pod for ready', source: `pod ${pod.name}`, time: null }]),
    ],
    remedy: [remedies.showSpegelPod(), remedies.recreateSpegelPod()],
  }
}

function freshHealth({ probes, now }: NodeFacts): SpegelHealth | null {
  return probes.spegel !== null && isFresh(probes.spegel, now) ? probes.spegel : null
}

function probeEvidence({ url, words, at }: SpegelHealth): Evidence {
  return { text: `not ready: ${words}`, source: `${url}/readyz`, time: at }
}
