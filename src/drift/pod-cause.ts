import { type Attribution, isoTime } from './attribution.ts'
import { present } from './cluster-facts.ts'
import { configurationCause, type Explained, finishedEvidence, isAfterInit } from './init-container.ts'
import type { Evidence } from './report.ts'
import { currentPod, podSource } from './spegel-finding.ts'

/** What a change of any mirror, auth or TLS entry does (talos.md 4.1). */
export const WIPE =
  'a change of any mirror, auth or TLS entry makes Talos remove everything in the tree that is not its own'

/** Why nothing of Spegel is in the tree, by what Kubernetes says of its pod; null: it says nothing. */
export function goneByPod(it: Attribution): Explained | null {
  const { cluster } = it.node
  if (cluster === null) return null
  const { value, failure } = cluster.pods
  if (value?.length === 0 && failure === null) {
    return {
      cause: {
        actor: 'spegel',
        text: 'no Spegel pod is on this node that would write its entries',
        confidence: 'proven',
      },
      evidence: [{ text: 'no pod of Spegel', source: `node ${it.node.name}`, time: null }, noTrace(it)],
      remedy: [it.remedies.describeDaemonSet()],
    }
  }
  const pod = currentPod(cluster)
  if (pod === null) return null
  const source = podSource(cluster, pod)
  const unfinished = configurationCause(pod, source, it.remedies)
  if (unfinished !== null) return { ...unfinished, evidence: [...unfinished.evidence, noTrace(it)] }
  const finished = finishedEvidence(pod, source)
  return finished === null ? null : afterFinished(it, finished)
}

function afterFinished(it: Attribution, finished: Evidence & { time: string }): Explained {
  const { bootedAt } = it.node
  const recreate = it.remedies.recreateSpegelPod()
  const { talos, entriesChangedAt } = it.traces
  if (bootedAt !== null && Date.parse(finished.time) < Date.parse(bootedAt)) {
    const text = `The node booted at ${bootedAt}, and Spegel's init container finished last at ${finished.time}: it has not run since`
    return {
      cause: { actor: 'node', text, confidence: 'proven' },
      evidence: [finished, { text: 'the node booted', source: 'uptime', time: bootedAt }],
      remedy: [it.remedies.showSpegelPod(), recreate],
    }
  }
  if (isAfterInit(talos.newest, finished.time)) {
    const written = isoTime(talos.newest)
    const text = `Talos rewrote the tree at ${written}, after Spegel's init container finished at ${finished.time}: ${WIPE}`
    return {
      cause: { actor: 'talos', text, confidence: 'proven' },
      evidence: [finished, { text: 'Talos wrote its files', source: it.hostsDir, time: written }, noTrace(it)],
      remedy: [recreate],
    }
  }
  if (isAfterInit(entriesChangedAt, finished.time)) {
    const changed = isoTime(entriesChangedAt)
    const text = `Spegel's entries were removed at ${changed}, after its init container finished at ${finished.time}: ${WIPE}`
    return {
      cause: { actor: 'talos', text, confidence: 'likely' },
      evidence: [finished, { text: 'an entry was made or removed', source: it.hostsDir, time: changed }, noTrace(it)],
      remedy: [recreate],
    }
  }
  const text = `Spegel's init container finished at ${finished.time}, nothing changed in the tree since, and nothing of Spegel is in it: it writes to another directory`
  return {
    cause: { actor: 'spegel', text, confidence: 'likely' },
    evidence: [finished, noTrace(it)],
    remedy: [it.remedies.showSpegelLog('configuration'), it.remedies.describeDaemonSet()],
  }
}

/** When the init container of this node's pod finished; null: that is not known, or it has not. */
export function initFinished(it: Attribution): (Evidence & { time: string }) | null {
  const pod = currentPod(it.node.cluster)
  return pod === null ? null : finishedEvidence(pod, podSource(it.node.cluster, pod))
}

/** The pod here was made before the DaemonSet was changed last; null: it was not, or nobody says so. */
export function outdatedPod(it: Attribution): Evidence | null {
  const pod = currentPod(it.node.cluster)
  const templateGeneration = present(it.node.cluster?.daemonSet)?.templateGeneration ?? null
  if (pod?.templateGeneration == null || templateGeneration === null) return null
  if (Number(pod.templateGeneration) >= Number(templateGeneration)) return null
  return {
    text: `made from template ${pod.templateGeneration} of the DaemonSet, which is at ${templateGeneration}`,
    source: podSource(it.node.cluster, pod),
    time: null,
  }
}

function noTrace(it: Attribution): Evidence {
  return { text: 'no _backup directory, and no file of Spegel', source: it.hostsDir, time: null }
}
