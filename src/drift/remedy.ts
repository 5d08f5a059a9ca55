import type { Intent, SpegelIntent } from '../intent/intent.ts'
import type { SourcePosition } from '../source-position.ts'
import { isAtLeast } from '../version.ts'
import type { NodeFacts } from './facts.ts'
import type { Remedy } from './report.ts'

/** The commands that put things right, with this node's names filled in. */
export interface Remedies {
  /** Recreates this node's Spegel pod, whose init container writes Spegel's entries anew. */
  recreateSpegelPod(): Remedy
  /** Shows whether this node's Spegel pod is still starting. */
  showSpegelPod(): Remedy
  /** Applies Talos' configuration, then recreates the Spegel pod that the apply has wiped. */
  applyTalos(why: string): Remedy[]
  /** Brings what Git says of Spegel into the cluster. */
  applySpegel(): Remedy[]
  /** Edits Spegel's values in Git: sets `path` below `spegel` to a value. */
  setSpegelValue(path: string, value: string, why: string): Remedy
  addMirroredRegistry(url: string): Remedy
  showFile(path: string): Remedy
}

export function remediesFor(intent: Intent, node: NodeFacts): Remedies {
  const spegel = intent.spegel
  const namespace = shellWord(spegel?.namespace ?? 'kube-system')
  const nodeName = shellWord(node.name)
  const release = shellWord(spegel?.name ?? 'spegel')
  const recreateSpegelPod = (): Remedy => ({
    command: `kubectl -n ${namespace} delete pod -l ${podSelector(spegel)} --field-selector spec.nodeName=${nodeName}`,
    why: "Spegel writes its entries only when its pod is created: the new pod's init container writes them again",
  })
  const edit = (change: (values: string) => string, described: string, why: string): Remedy =>
    editValues(spegel, change, described, why)
  return {
    recreateSpegelPod,
    showSpegelPod: () => ({
      command: `kubectl -n ${namespace} get pods -l ${podSelector(spegel)} --field-selector spec.nodeName=${nodeName}`,
      why: 'shows whether the Spegel pod is still starting on this node',
    }),
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
    applySpegel: () => [
      spegel?.form === 'helmrelease'
        ? {
            command: `flux -n ${namespace} reconcile helmrelease ${release} --with-source`,
            why: 'brings the HelmRelease from Git into the cluster',
          }
        : {
            command: `kubectl -n ${namespace} rollout restart daemonset ${release}`,
            why: 'after the new settings were applied: every pod writes its entries anew',
          },
      recreateSpegelPod(),
    ],
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

/** Spegel's pods carry the component label since chart 0.4; before that only the chart's name. */
function podSelector(spegel: SpegelIntent | null): string {
  if (spegel === null || isAtLeast(spegel.version, '0.4.0')) return 'app.kubernetes.io/component=spegel'
  return 'app.kubernetes.io/name=spegel'
}

function editValues(
  spegel: SpegelIntent | null,
  change: (values: string) => string,
  described: string,
  why: string,
): Remedy {
  const file = spegel?.source?.file
  if (spegel?.form === 'helmrelease' && file !== undefined) {
    const values = `(select(.kind == "HelmRelease" and .metadata.name == ${JSON.stringify(spegel.name)}) | .spec.values.spegel)`
    return { command: `yq -i ${shellWord(change(values))} ${shellWord(file)}`, why }
  }
  if (spegel?.form === 'values' && file !== undefined) {
    return { command: `yq -i ${shellWord(change('.spegel'))} ${shellWord(file)}`, why }
  }
  return editAt(spegel?.source ?? null, `in Spegel's values, ${described}`, why)
}

/** Opens what is declared at the place that has to be changed, and says how; in words alone where no file is known. */
export function editAt(place: SourcePosition | null, change: string, why: string): Remedy {
  if (place === null) return { command: `# ${change}`, why }
  return { command: `\${EDITOR:-vi} +${place.line} ${shellWord(place.file)}`, why: `${change}: ${why}` }
}

/** As a shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
