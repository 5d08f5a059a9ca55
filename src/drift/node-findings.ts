import type { Intent } from '../intent/intent.ts'
import { configPathMismatch, daemonConfigStale, layersDiscarded } from './daemon-findings.ts'
import type { DaemonFacts, NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { shellWord } from './remedy.ts'
import type { Evidence, Remedy } from './report.ts'

/** What is wrong with the node as a whole. */
export function nodeFindings(
  intent: Intent,
  daemon: DaemonFacts,
  node: NodeFacts,
  unseen: readonly Evidence[],
): FindingDraft[] {
  return [
    configPathMismatch(intent, daemon, node),
    daemonConfigStale(intent, daemon, node),
    layersDiscarded(intent, daemon, node),
    unreadable(daemon, node, unseen),
  ].filter((it) => it !== null)
}

/** What was configured and cannot be seen. What was not configured is a note. */
function unreadable(daemon: DaemonFacts, node: NodeFacts, unseen: readonly Evidence[]): FindingDraft | null {
  // That Spegel does not answer is told of its endpoint.
  const isPeerDown = node.probes.endpoints.some((it) => it.role === 'peer' && it.failure !== null)
  // That there is no DaemonSet to read is told as such.
  const isAbsent = node.cluster?.daemonSet.value === 'absent'
  const down = node.inputs.filter(
    (it) => !it.up && !(it.input === 'spegel' && isPeerDown) && !(it.input === 'intent_spegel' && isAbsent),
  )
  if (down.length === 0 && unseen.length === 0) return null
  const evidence = [...down.map((it) => ({ text: it.message, source: it.input, time: null })), ...unseen]
  return {
    kind: 'fault',
    reason: 'unreadable',
    registry: '',
    summary: `Pullpath cannot see ${[...new Set(evidence.map((it) => it.source))].join(', ')}: what depends on it is not known to be in sync`,
    cause: { actor: 'unknown', text: toldOnce(evidence).join('; '), confidence: 'proven' },
    evidence,
    remedy: waysToSee(daemon, node, unseen),
  }
}

/** What one input says of itself, another may say among more. */
function toldOnce(evidence: readonly Evidence[]): string[] {
  const texts = [...new Set(evidence.map((it) => it.text))]
  return texts.filter((it) => !texts.some((other) => other !== it && other.includes(it)))
}

/** The finding has already said what cannot be seen and why: these show the thing itself, where it stands. */
function waysToSee(daemon: DaemonFacts, node: NodeFacts, unseen: readonly Evidence[]): Remedy[] {
  const isDown = (...inputs: string[]) => node.inputs.some((it) => !it.up && inputs.includes(it.input))
  const remedy: Remedy[] = []
  if (isDown('hosts') || unseen.length > 0) {
    remedy.push({
      command: `talosctl -n ${node.ip} ls -l -r ${daemon.hostsDir}`,
      why: 'shows what is on the node, with owners and modes (the agent must run as UID 0)',
    })
  }
  if (isDown('containerd')) {
    remedy.push(
      { command: `talosctl -n ${node.ip} service cri`, why: 'shows whether containerd runs, and since when' },
      {
        command: `talosctl -n ${node.ip} ls -l -r /etc/cri`,
        why: "shows where containerd's configuration is, for containerd.configFile and its mount",
      },
    )
  }
  if (isDown('spegel')) {
    remedy.push({
      command: `kubectl -n kube-system get pods -l app.kubernetes.io/component=spegel -o wide --field-selector spec.nodeName=${shellWord(node.name)}`,
      why: 'shows whether Spegel runs on this node; its port is spegel.port, or that of its first target',
    })
  }
  if (isDown('kube')) {
    remedy.push({
      command: "kubectl get --raw '/readyz?verbose'",
      why: 'shows whether the API server serves; where it refuses the agent, the message names the rule that its role lacks',
    })
  }
  const { cluster } = node
  const isLive = cluster?.intent != null
  const isFluxMissing = isDown('intent_spegel') && cluster?.isFluxMissing === true
  if (isFluxMissing) {
    remedy.push({
      command: 'kubectl api-resources --api-group=helm.toolkit.fluxcd.io',
      why: 'shows whether Flux is installed, with HelmReleases of v2 (Flux 2.3 and later): where it does not install Spegel, set intent.spegel.from to daemonset, values or none',
    })
  } else if (isDown('intent_spegel') && isLive && cluster.where !== null) {
    const { namespace, daemonSet } = cluster.where
    remedy.push({
      command: `kubectl -n ${shellWord(namespace)} get daemonset ${shellWord(daemonSet)} -o yaml`,
      why: 'shows what Spegel is told: mend it in Git, where it comes from',
    })
  }
  if (isDown('intent_talos') || (isDown('intent_spegel') && !isLive && !isDown('kube'))) {
    remedy.push({
      command: 'kubectl -n kube-system describe daemonset pullpath',
      why: 'shows which ConfigMap stands behind the file: mend it in Git',
    })
  }
  return remedy
}
