import type { Intent } from '../intent/intent.ts'
import { type ClusterFacts, present, type SpegelDaemonSet } from './cluster-facts.ts'
import type { NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { isSelective, leftOutBy, untolerated } from './placement.ts'
import type { Remedies } from './remedy.ts'
import type { Finding, Remedy } from './report.ts'

/** Spegel is declared and has no pod here, and nothing says that this is on purpose. */
export function spegelAbsent(node: NodeFacts, remedies: Remedies): FindingDraft | null {
  const { cluster } = node
  if (cluster?.where == null || !isWithoutPod(cluster) || purposeOf(node) !== null) return null
  const { namespace, daemonSet: name } = cluster.where
  const known = cluster.daemonSet.value
  const place = `daemonset ${namespace}/${name}`
  const { cause, remedy } = known === 'absent' ? withoutDaemonSet(place, remedies) : whyNot(node, known, remedies)
  return {
    kind: 'fault',
    reason: 'spegel-absent',
    registry: '',
    summary:
      known === 'absent'
        ? `There is no DaemonSet ${name} in ${namespace}: no peer serves this node, and nothing writes Spegel's entries again`
        : `No Spegel pod on this node: no peer serves it, and nothing writes Spegel's entries again`,
    expected: [`a pod of ${place} on ${node.name}`],
    observed: [known === 'absent' ? 'no such DaemonSet' : 'no pod'],
    cause,
    evidence: [
      known === 'absent'
        ? { text: 'no such DaemonSet', source: place, time: cluster.daemonSet.knownUntil }
        : { text: `no pod of it has spec.nodeName=${node.name}`, source: place, time: cluster.pods.knownUntil },
    ],
    remedy,
  }
}

/** That Spegel leaves this node out on purpose is worth a line. */
export function absenceNotes(node: NodeFacts): string[] {
  const { cluster } = node
  if (cluster === null || !isWithoutPod(cluster)) return []
  const purpose = purposeOf(node)
  return purpose === null ? [] : [`Spegel's DaemonSet leaves this node out: ${purpose}.`]
}

/** What is declared for this node: nothing of Spegel's where its DaemonSet leaves the node out. */
export function declaredHere(intent: Intent, node: NodeFacts): Intent {
  if (node.cluster === null || intent.spegel === null || !isWithoutPod(node.cluster) || purposeOf(node) === null)
    return intent
  const known = WITHOUT_SPEGEL.get(intent) ?? { ...intent, spegel: null }
  WITHOUT_SPEGEL.set(intent, known)
  return known
}

/** What follows from an intent is kept with the object. */
const WITHOUT_SPEGEL = new WeakMap<Intent, Intent>()

/** Whether it is known that no pod of Spegel's is here; a deleted DaemonSet's pods are on their way out. */
export function isWithoutPod({ pods, daemonSet }: ClusterFacts): boolean {
  if (pods.value !== null && pods.value.length > 0) return false
  return pods.value !== null || daemonSet.value === 'absent'
}

function purposeOf({ cluster, name }: NodeFacts): string | null {
  const daemonSet = present(cluster?.daemonSet)
  if (daemonSet === null || !cluster?.node) return null
  return leftOutBy(daemonSet.placement, cluster.node, name)
}

interface Explained {
  cause: Finding['cause']
  remedy: Remedy[]
}

function withoutDaemonSet(place: string, remedies: Remedies): Explained {
  const text = `${place} does not exist: it was deleted, never installed, or has another name than intent.spegel says`
  return {
    cause: { actor: 'unknown', text, confidence: 'proven' },
    remedy: [remedies.findDaemonSet(), ...remedies.applyRelease('again')],
  }
}

function whyNot({ cluster }: NodeFacts, daemonSet: SpegelDaemonSet | null, remedies: Remedies): Explained {
  const node = cluster?.node ?? null
  const taint = daemonSet !== null && node !== null ? untolerated(daemonSet.placement, node) : null
  if (taint !== null) {
    const shown = `${taint.key}${taint.value === '' ? '' : `=${taint.value}`}:${taint.effect}`
    return {
      cause: {
        actor: 'git',
        text: `the node has the taint ${shown}, which Spegel's pods do not tolerate`,
        confidence: 'proven',
      },
      remedy: [
        remedies.editSpegelValues(
          `add { key: ${taint.key}, operator: Exists, effect: ${taint.effect} } to tolerations`,
          "lets Spegel's pod run on this node",
        ),
      ],
    }
  }
  const maybe =
    daemonSet !== null && node === null && isSelective(daemonSet.placement)
      ? "its nodeSelector or affinity may leave this node out, which is not known, since the Node's object could not be read"
      : 'it waits for room on the node, is refused (Pod Security), or the DaemonSet has not made it yet'
  return {
    cause: { actor: 'unknown', text: maybe, confidence: 'unknown' },
    remedy: [remedies.describeDaemonSet(), remedies.showWaitingPods()],
  }
}
