import type { Intent } from '../intent/intent.ts'
import type { DaemonFacts, NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { editAt, type Remedies, shellWord } from './remedy.ts'
import type { Evidence, Remedy } from './report.ts'

/** What is wrong with the node as a whole, as far as files show it. */
export function nodeFindings(
  intent: Intent,
  daemon: DaemonFacts,
  node: NodeFacts,
  unseen: readonly Evidence[],
): FindingDraft[] {
  return [
    configPathMismatch(intent, daemon, node),
    layersDiscarded(intent, daemon, node),
    unreadable(daemon, node, unseen),
  ].filter((it) => it !== null)
}

/** containerd must read the directory that Talos and Spegel write, and must be able to use the value as it stands. */
export function configPathMismatch(intent: Intent, daemon: DaemonFacts, node: NodeFacts): FindingDraft | null {
  if (!daemon.configPathKnown) return null
  const roots = daemon.configPath.split(':').filter((it) => it !== '')
  const reads = roots.some((it) => it.replace(/\/+$/, '') === daemon.hostsDir.replace(/\/+$/, ''))
  // containerd 2.1 and later: the transfer service takes a list for one path, which does not exist.
  const isBrokenList = daemon.configPath.includes(':') && daemon.pullMode === 'transfer'
  if (reads && !isBrokenList) return null
  const summary =
    daemon.configPath === ''
      ? 'containerd reads no hosts directory at all: config_path is empty'
      : isBrokenList
        ? `containerd takes the list ${daemon.configPath} for one path in transfer mode, and finds no hosts.toml`
        : `containerd reads ${daemon.configPath}, but Talos and Spegel write ${daemon.hostsDir}`
  return {
    kind: 'drift',
    reason: 'config-path-mismatch',
    registry: '',
    summary: `${summary}: no declared mirror is used on this node`,
    expected: [`config_path = '${daemon.hostsDir}'`],
    observed: [`config_path = '${daemon.configPath}'`],
    cause: {
      actor: 'containerd',
      text: `its configuration says so${intent.talos === null ? '' : ', after the parts that Talos merges into it'}`,
      confidence: 'proven',
    },
    evidence: [
      {
        text: `config_path = '${daemon.configPath}', pull mode ${daemon.pullMode}`,
        source: daemon.configSource,
        time: null,
      },
    ],
    remedy: [
      {
        command: `talosctl -n ${node.ip} read ${daemon.configSource || '/etc/cri/conf.d/cri.toml'} | grep -n config_path`,
        why: 'shows which part sets it (the file holds credentials: mind where you paste it)',
      },
      {
        command: `task talos:apply-node IP=${node.ip} MODE=auto`,
        why: 'after removing config_path from machine.files or the CRICustomizationConfig; up to Talos 1.13 containerd reads it at the next boot',
      },
    ],
  }
}

/** Peers ask a node for layers that its containerd has thrown away: they get manifests and 404 for each layer. */
function layersDiscarded(intent: Intent, daemon: DaemonFacts, node: NodeFacts): FindingDraft | null {
  if (intent.spegel === null || daemon.discardUnpackedLayers !== true) return null
  return {
    kind: 'drift',
    reason: 'layers-discarded',
    registry: '',
    summary: 'discard_unpacked_layers is on: peers get manifests from this node, and 404 for every layer',
    expected: ['discard_unpacked_layers = false'],
    observed: ['discard_unpacked_layers = true'],
    cause: {
      actor: 'talos',
      text: "Talos turns it on unless a part of containerd's configuration turns it off",
      confidence: 'likely',
    },
    evidence: [{ text: 'discard_unpacked_layers = true', source: daemon.configSource, time: null }],
    remedy: [keepLayers(node.ip)],
  }
}

function keepLayers(ip: string) {
  return {
    command: `talosctl -n ${ip} patch machineconfig --mode=staged -p '[{"op":"add","path":"/machine/files","value":[{"op":"create","path":"/etc/cri/conf.d/20-customization.part","content":"[plugins.\\"io.containerd.cri.v1.images\\"]\\n  discard_unpacked_layers = false\\n"}]}]' && talosctl -n ${ip} reboot`,
    why: 'keeps the layers of what is pulled from then on; put the same part into Git. Up to Talos 1.13 it takes a reboot; from 1.14 a CRICustomizationConfig document does it without',
  }
}

const KEPT = 'the layers are then kept, so that peers can have them'

/** The same, as it is declared: the last part that says anything counts, as Talos merges them. */
export function layersDeclaredDiscarded(intent: Intent, remedies: Remedies): FindingDraft | null {
  const part = intent.talos?.daemonParts.findLast((it) => it.discardUnpackedLayers !== null)
  if (intent.spegel === null || part?.discardUnpackedLayers !== true) return null
  return {
    kind: 'conflict',
    reason: 'layers-discarded',
    registry: '',
    summary: `${part.name} keeps discard_unpacked_layers on: no node could serve layers to its peers`,
    expected: ['discard_unpacked_layers = false'],
    observed: ['discard_unpacked_layers = true'],
    cause: { actor: 'git', text: `${part.name} declares it`, confidence: 'proven' },
    evidence: [{ text: 'discard_unpacked_layers = true', source: part.source?.file ?? part.name, time: null }],
    remedy: [
      part.source === null
        ? editAt(null, `in ${part.name}, set discard_unpacked_layers = false`, KEPT)
        : {
            command: `sed -i 's/discard_unpacked_layers = true/discard_unpacked_layers = false/' ${shellWord(part.source.file)}`,
            why: KEPT,
          },
      ...remedies.applyTalos('applies the changed part; up to Talos 1.13 reboot the node after it'),
    ],
    source: part.source,
  }
}

/** What was configured and cannot be seen. What was not configured is a note. */
function unreadable(daemon: DaemonFacts, node: NodeFacts, unseen: readonly Evidence[]): FindingDraft | null {
  const down = node.inputs.filter((it) => !it.up)
  if (down.length === 0 && unseen.length === 0) return null
  const evidence = [...down.map((it) => ({ text: it.message, source: it.input, time: null })), ...unseen]
  return {
    kind: 'fault',
    reason: 'unreadable',
    registry: '',
    summary: `Pullpath cannot see ${[...new Set(evidence.map((it) => it.source))].join(', ')}: what depends on it is not known to be in sync`,
    cause: { actor: 'unknown', text: evidence.map((it) => it.text).join('; '), confidence: 'proven' },
    evidence,
    remedy: waysToSee(daemon, node, unseen),
  }
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
    remedy.push({
      command: `talosctl -n ${node.ip} ls -l -r /etc/cri`,
      why: "shows where containerd's configuration is, for containerd.configFile and its mount",
    })
  }
  if (isDown('intent_talos', 'intent_spegel')) {
    remedy.push({
      command: 'kubectl -n kube-system describe daemonset pullpath',
      why: 'shows which ConfigMap stands behind the file: mend it in Git',
    })
  }
  return remedy
}
