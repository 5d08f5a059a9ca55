import type { Intent, SpegelIntent } from '../intent/intent.ts'
import { isInFile, type SourcePosition } from '../source-position.ts'
import { isAtLeast } from '../version.ts'
import type { NodeFacts } from './facts.ts'
import { clusterNames } from './names-in-cluster.ts'
import type { Remedy } from './report.ts'

/** The commands that put things right, with this node's names filled in. */
export interface Remedies {
  /** Recreates this node's Spegel pod, whose init container writes Spegel's entries anew. */
  recreateSpegelPod(): Remedy
  /** Shows whether this node's Spegel pod is still starting. */
  showSpegelPod(): Remedy
  /** Shows what a container of this node's Spegel pod said last. */
  showSpegelLog(container: 'configuration' | 'registry'): Remedy
  /** Shows why Spegel's DaemonSet has no pod here. */
  describeDaemonSet(): Remedy
  /** Shows the pods of Spegel that wait for a node. */
  showWaitingPods(): Remedy
  findDaemonSet(): Remedy
  /** Shows why Flux did not apply Spegel's HelmRelease. Empty where there is none. */
  showRelease(): Remedy[]
  /** Has Flux apply the HelmRelease: what `changed` in it, or the same `again`. Empty where there is none. */
  applyRelease(what: 'changed' | 'again'): Remedy[]
  /** Applies Talos' configuration, then recreates the Spegel pod that the apply has wiped. */
  applyTalos(why: string): Remedy[]
  /** Brings what Git says of Spegel into the cluster. */
  applySpegel(): Remedy[]
  /** Edits Spegel's values in Git: sets `path` below `spegel` to a value. */
  setSpegelValue(path: string, value: string, why: string): Remedy
  addMirroredRegistry(url: string): Remedy
  /** Edits Spegel's values in Git by hand: `change` says how. */
  editSpegelValues(change: string, why: string): Remedy
  showFile(path: string): Remedy
}

export function remediesFor(intent: Intent, node: NodeFacts): Remedies {
  const spegel = intent.spegel
  const known = clusterNames(node.cluster)
  const namespace = shellWord(known.namespace ?? spegel?.namespace ?? 'kube-system')
  const nodeName = shellWord(node.name)
  const release = shellWord(spegel?.name ?? 'spegel')
  const daemonSet = shellWord(known.daemonSet ?? spegel?.name ?? 'spegel')
  const selector = shellWord(known.selector ?? podSelector(spegel))
  const here = `-l ${selector} --field-selector spec.nodeName=${nodeName}`
  const recreateSpegelPod = (): Remedy => ({
    command: `kubectl -n ${namespace} delete pod ${known.pod === null ? here : shellWord(known.pod)}`,
    why: "Spegel writes its entries only when its pod is created: the new pod's init container writes them again",
  })
  const edit = (change: (values: string) => string, described: string, why: string): Remedy =>
    editValues(intent, node, change, described, why)
  const applyRelease = (what: 'changed' | 'again'): Remedy[] => {
    if (known.release === null) return []
    const [place, name] = [shellWord(known.release.namespace), shellWord(known.release.name)]
    if (known.release.isSuspended) {
      const command = `flux -n ${place} resume helmrelease ${name}`
      return [{ command, why: 'Flux applies nothing as long as it is suspended' }]
    }
    if (what === 'changed') return [bringRelease(place, name)]
    const command = `flux -n ${place} reconcile helmrelease ${name} --force`
    return [{ command, why: 'has Helm apply the release once more, though nothing of it has changed' }]
  }
  return {
    recreateSpegelPod,
    showSpegelPod: () => ({
      command: `kubectl -n ${namespace} get pods ${here}`,
      why: 'shows whether the Spegel pod is still starting on this node',
    }),
    showSpegelLog: (container) => ({
      command: `kubectl -n ${namespace} logs ${known.pod === null ? `-l ${selector} --prefix` : shellWord(known.pod)} -c ${container} --tail=20`,
      why:
        container === 'configuration'
          ? 'its last line says why it ended: a URL in mirroredRegistries that it refuses, a directory that it cannot write'
          : 'shows whether it finds peers',
    }),
    describeDaemonSet: () => ({
      command: `kubectl -n ${namespace} describe daemonset ${daemonSet}`,
      why: 'its events and its node selector say why it has no pod here',
    }),
    showWaitingPods: () => ({
      command: `kubectl -n ${namespace} get pods -l ${selector} --field-selector status.phase=Pending -o wide`,
      why: 'shows the pods that no node takes; describe one to see why',
    }),
    findDaemonSet: () => ({
      command: `kubectl get daemonsets -A -l app.kubernetes.io/name=spegel`,
      why: 'shows whether it has another name or namespace: then set intent.spegel.namespace and .name, and where Spegel is not used intent.spegel.from: none',
    }),
    showRelease: () => {
      if (known.release === null) return []
      const [place, name] = [shellWord(known.release.namespace), shellWord(known.release.name)]
      return [{ command: `kubectl -n ${place} describe helmrelease ${name}`, why: 'shows what Helm said' }]
    },
    applyRelease,
    applyTalos: (why) => [
      {
        command: `task talos:apply-node IP=${node.ip} MODE=auto`,
        why: `${why} (without that task: talosctl -n ${node.ip} apply-config -f <machine config>)`,
      },
      ...(spegel?.addsMirrors
        ? [
            {
              ...recreateSpegelPod(),
              why: "a changed Talos configuration removes Spegel's entries: its pod must write them again",
            },
          ]
        : []),
    ],
    applySpegel: () => {
      if (known.release !== null) return [...applyRelease('changed'), recreateSpegelPod()]
      // The DaemonSet itself is the intent: only the pod is older.
      if (node.cluster?.intent != null) return [recreateSpegelPod()]
      return [
        spegel?.form === 'helmrelease'
          ? bringRelease(namespace, release)
          : {
              command: `kubectl -n ${namespace} rollout restart daemonset ${daemonSet}`,
              why: 'after the new settings were applied: every pod writes its entries anew',
            },
        recreateSpegelPod(),
      ]
    },
    editSpegelValues: (change, why) => editAt(editPlace(intent, node), `in Spegel's values, ${change}`, why),
    setSpegelValue: (path, value, why) =>
      edit((values) => `(${values}.${path}) = ${value}`, `set spegel.${path}: ${value}`, why),
    addMirroredRegistry: (url) =>
      edit(
        (values) => `(${values}.mirroredRegistries) += [${JSON.stringify(url)}]`,
        `add ${url} to mirroredRegistries`,
        `lists the registry, so that Spegel writes an entry for it (in Git: spegel.mirroredRegistries: [..., ${url}])`,
      ),
    showFile: (path) => ({
      command: `talosctl -n ${node.ip} read ${shellWord(path)}`,
      why: 'shows what containerd reads on every pull',
    }),
  }
}

/** Both as a shell takes them. */
function bringRelease(namespace: string, name: string): Remedy {
  const command = `flux -n ${namespace} reconcile helmrelease ${name} --with-source`
  return { command, why: 'brings the HelmRelease from Git into the cluster' }
}

/** Spegel's pods carry the component label since chart 0.4; before that only the chart's name. */
function podSelector(spegel: SpegelIntent | null): string {
  if (spegel === null || isAtLeast(spegel.version, '0.4.0')) return 'app.kubernetes.io/component=spegel'
  return 'app.kubernetes.io/name=spegel'
}

function editValues(
  intent: Intent,
  node: NodeFacts,
  change: (values: string) => string,
  described: string,
  why: string,
): Remedy {
  const { spegel } = intent
  const place = editPlace(intent, node)
  if (spegel === null || place === null || !isInFile(place))
    return editAt(place, `in Spegel's values, ${described}`, why)
  if (spegel.form === 'helmrelease') {
    const values = `(select(.kind == "HelmRelease" and .metadata.name == ${JSON.stringify(spegel.name)}) | .spec.values.spegel)`
    return { command: `yq -i ${shellWord(change(values))} ${shellWord(place.file)}`, why }
  }
  if (spegel.form === 'values')
    return { command: `yq -i ${shellWord(change('.spegel'))} ${shellWord(place.file)}`, why }
  return editAt(place, `in Spegel's values, ${described}`, why)
}

/** What was read from the cluster is edited where it comes from: of a DaemonSet that Flux made, the HelmRelease. */
function editPlace({ spegel }: Intent, { cluster }: NodeFacts): SourcePosition | null {
  const source = spegel?.source ?? null
  if (source === null || isInFile(source)) return source
  const { release } = clusterNames(cluster)
  return release === null ? source : { ...source, file: `helmrelease ${release.namespace}/${release.name}` }
}

/** Opens what is declared at the place that has to be changed, and says how; in words alone where no file is known. */
export function editAt(place: SourcePosition | null, change: string, why: string): Remedy {
  if (place === null) return { command: `# ${change}`, why }
  // An object of the cluster is made from Git: to edit it there would not last.
  if (!isInFile(place)) return { command: `# in Git, where ${place.file} comes from: ${change}`, why }
  return { command: `\${EDITOR:-vi} +${place.line} ${shellWord(place.file)}`, why: `${change}: ${why}` }
}

/** As a shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
