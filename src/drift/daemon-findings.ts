import type { DaemonFact } from '../containerd/running-daemon.ts'
import type { Intent } from '../intent/intent.ts'
import { isAtLeast } from '../version.ts'
import type { DaemonFacts, NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { editAt, type Remedies, shellWord } from './remedy.ts'
import type { Evidence, Remedy } from './report.ts'
import type { ResolveProof } from './resolve-proof.ts'

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
    evidence: [evidenceOf(daemon, 'config_path'), evidenceOf(daemon, 'pull mode')],
    remedy: [
      {
        command: `talosctl -n ${node.ip} read ${daemon.configFile ?? '/etc/cri/conf.d/cri.toml'} | grep -n config_path`,
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
export function layersDiscarded(intent: Intent, daemon: DaemonFacts, node: NodeFacts): FindingDraft | null {
  if (intent.spegel === null) return null
  const isSet = daemon.discardUnpackedLayers === true
  const gone = node.proofs.find((it) => it.layersKept === false)
  // What was seen counts more than what was read: the setting may have changed after the daemon started.
  if (gone === undefined && (!isSet || node.proofs.some((it) => it.layersKept === true))) return null
  return {
    kind: 'drift',
    reason: 'layers-discarded',
    registry: '',
    summary: 'discard_unpacked_layers is on: peers get manifests from this node, and 404 for every layer',
    expected: ['discard_unpacked_layers = false'],
    observed: [isSet ? 'discard_unpacked_layers = true' : 'layers are gone right after a pull'],
    cause: {
      actor: 'talos',
      text: "Talos turns it on unless a part of containerd's configuration turns it off",
      confidence: 'likely',
    },
    evidence: [
      ...(isSet ? [evidenceOf(daemon, 'discard_unpacked_layers')] : []),
      ...(gone === undefined ? [] : [goneEvidence(gone)]),
    ],
    remedy: [keepLayers(intent, node.ip)],
  }
}

function goneEvidence({ reference, at }: ResolveProof): Evidence {
  return { text: `no layer of ${reference} was left right after it was pulled`, source: 'containerd', time: at }
}

const KEEP_LAYERS = '[plugins."io.containerd.cri.v1.images"]\n  discard_unpacked_layers = false\n'

/** Up to Talos 1.13 a part is a file, and counts after a reboot; from 1.14 on it is a document of its own. */
function keepLayers(intent: Intent, ip: string): Remedy {
  const keeps = 'keeps the layers of what is pulled from then on; put the same into Git'
  if (intent.talos !== null && isAtLeast(intent.talos.version, '1.14.0')) {
    const document = {
      apiVersion: 'v1alpha1',
      kind: 'CRICustomizationConfig',
      name: 'keep-layers',
      content: KEEP_LAYERS,
    }
    const command = `talosctl -n ${ip} patch machineconfig -p ${shellWord(JSON.stringify(document))}`
    return { command, why: `${keeps}. Talos 1.14 and later restart containerd by themselves` }
  }
  const file = { op: 'create', path: '/etc/cri/conf.d/20-customization.part', content: KEEP_LAYERS }
  const patch = [{ op: 'add', path: '/machine/files', value: [file] }]
  const command = `talosctl -n ${ip} patch machineconfig --mode=staged -p ${shellWord(JSON.stringify(patch))}`
  return { command: `${command} && talosctl -n ${ip} reboot`, why: `${keeps}. Up to Talos 1.13 it takes a reboot` }
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

/** containerd reads its configuration only when it starts; what has changed since waits for that. */
export function daemonConfigStale(intent: Intent, { stale }: DaemonFacts, node: NodeFacts): FindingDraft | null {
  if (stale === null) return null
  const { file, changedAt, startedAt } = stale
  const talos = intent.talos
  const restarts = talos !== null && isAtLeast(talos.version, '1.14.0')
  return {
    kind: 'drift',
    reason: 'daemon-config-stale',
    registry: '',
    summary: `${file} changed after containerd had started: what it says is not in force yet`,
    expected: [`containerd started after ${changedAt}`],
    observed: [`containerd started ${startedAt}`],
    cause: {
      actor: talos === null ? 'unknown' : 'talos',
      text:
        talos === null
          ? 'somebody changed the configuration and did not restart containerd'
          : restarts
            ? 'Talos 1.14 and later restart containerd after such a change; here that did not happen'
            : 'Talos up to 1.13 writes a changed configuration, but restarts containerd only at a reboot',
      confidence: 'likely',
    },
    evidence: [
      { text: `${file} was written last`, source: file, time: changedAt },
      { text: `containerd listens since ${startedAt}`, source: 'the time of its socket', time: null },
    ],
    remedy: [
      {
        command: `talosctl -n ${node.ip} reboot`,
        why: 'containerd starts with the configuration as it stands; the hosts tree is written anew as well',
      },
    ],
  }
}

/** A fact about the daemon as evidence, with where it was read; what was configured or assumed has no time. */
function evidenceOf({ facts }: DaemonFacts, name: DaemonFact['name']): Evidence {
  const fact = facts.find((it) => it.name === name)
  const source = fact === undefined || fact.source === '' ? 'assumed' : fact.source
  return { text: `${name} = ${fact?.value ?? 'not known'}`, source, time: null }
}
