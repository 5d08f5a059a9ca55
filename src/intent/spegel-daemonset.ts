import { PullpathError } from '../errors.ts'
import type { YamlNode } from '../format/yaml-documents.ts'
import { itemsAt, nodeAt, textAt } from '../format/yaml-lookup.ts'
import type { IntentNote } from './intent.ts'
import { expandVariables } from './kubernetes-variables.ts'
import type { Environment, Word } from './spegel-command-line.ts'
import type { SpegelContainers } from './spegel-settings.ts'
import { type NamedVersion, parseSpegelVersion } from './spegel-version.ts'

/** A DaemonSet of Spegel, as `helm template` or the cluster shows it. */
export interface SpegelDaemonSet {
  name: string
  namespace: string | null
  version: NamedVersion | null
  containers: SpegelContainers
  /** Spegel's own ports on the node, as far as the objects show them: the targets, if no init container lists any. */
  ports: readonly Word[]
  /** The host's directory that the init container sees at a path of its own; the same path where nothing is mounted. */
  hostPathOf(path: string): string
  notes: readonly IntentNote[]
  node: YamlNode
}

/** Spegel's DaemonSet among these objects; null where there is none. The one that cleans up after Spegel is not meant. */
export function spegelDaemonSet(objects: readonly YamlNode[]): SpegelDaemonSet | null {
  for (const object of objects) {
    if (textAt(object, 'kind') !== 'DaemonSet') continue
    const pod = nodeAt(object, 'spec', 'template', 'spec')
    const init = itemsAt(pod, 'initContainers').find((it) => subcommandOf(it) === 'configuration')
    const registry = itemsAt(pod, 'containers').find((it) => subcommandOf(it) === 'registry' && isSpegels(it))
    if (init === undefined && registry === undefined) continue
    return describe(object, pod, init, registry, objects)
  }
  return null
}

function describe(
  object: YamlNode,
  pod: YamlNode | undefined,
  init: YamlNode | undefined,
  registry: YamlNode | undefined,
  objects: readonly YamlNode[],
): SpegelDaemonSet {
  const notes: IntentNote[] = []
  const call = (container: YamlNode | undefined) => {
    if (container === undefined) return null
    const environment = environmentOf(container, notes)
    const words = wordsOf(container).map((it) => expandVariables(it, environment))
    return { words: words.slice(words.findIndex((it) => SUBCOMMANDS.has(it.text)) + 1), environment }
  }
  const configuration = call(init)
  const mounts = itemsAt(init, 'volumeMounts')
  return {
    name: textAt(object, 'metadata', 'name') ?? 'spegel',
    namespace: textAt(object, 'metadata', 'namespace'),
    version: versionOf(object, init ?? registry),
    containers: {
      configuration: configuration && {
        ...configuration,
        mountsBasicAuth: mounts.some((it) => textAt(it, 'mountPath') === '/etc/secrets/basic-auth'),
      },
      registry: call(registry),
    },
    ports: portsOf(registry, objects),
    hostPathOf: (path) => hostPathOf(path, mounts, itemsAt(pod, 'volumes')),
    notes,
    node: object,
  }
}

const SUBCOMMANDS = new Set(['configuration', 'registry'])

function wordsOf(container: YamlNode): Word[] {
  return [...itemsAt(container, 'command'), ...itemsAt(container, 'args')].map((it) => {
    // The API server makes an empty text of a null.
    if (it.kind === 'scalar') return { text: it.value === null ? '' : it.text, source: it.at }
    throw new PullpathError('PP_INTENT_INVALID', `an argument is a ${it.kind}, so Kubernetes refuses the DaemonSet`, {
      position: it.at,
      advice: 'an argument that ends with a colon, or has a colon and a space in it, needs quotes',
    })
  })
}

/** The first word that is a subcommand; flags for all of Spegel may stand before it. */
function subcommandOf(container: YamlNode): string | null {
  const words = wordsOf(container).map((it) => it.text)
  return words.find((it) => SUBCOMMANDS.has(it)) ?? null
}

/** `registry` is also what other programs call their subcommand. */
function isSpegels(container: YamlNode): boolean {
  const image = textAt(container, 'image') ?? ''
  const words = wordsOf(container).map((it) => it.text)
  return /spegel/.test(image) || words.some((it) => /^--(mirror-resolve-|router-addr|bootstrap-kind)/.test(it))
}

/** Each node's own address stays `$(NODE_IP)`, by whatever name a container calls it. */
function environmentOf(container: YamlNode, notes: IntentNote[]): Environment {
  const environment = new Map<string, Word>()
  for (const variable of itemsAt(container, 'env')) {
    const name = textAt(variable, 'name')
    if (name === null) continue
    const value = nodeAt(variable, 'value')
    const field = textAt(variable, 'valueFrom', 'fieldRef', 'fieldPath')
    const source = (value ?? variable).at
    if (field === 'status.hostIP') environment.set(name, { text: '$(NODE_IP)', source })
    else if (field === null && nodeAt(variable, 'valueFrom') === undefined) {
      environment.set(name, expandVariables({ text: textAt(value) ?? '', source }, environment))
    } else if (name === 'NODE_IP') {
      const message = 'the address in the targets comes from elsewhere than the node: it is not seen'
      notes.push({ code: 'TARGETS_UNKNOWN', message, source })
    }
  }
  return environment
}

/** The image says what runs; a label only what it was rendered from. */
function versionOf(object: YamlNode, container: YamlNode | undefined): NamedVersion | null {
  const image = nodeAt(container, 'image')
  const tag = /:([\w][\w.-]*)(?:@.*)?$/.exec(textAt(image) ?? '')?.[1]
  const labels = nodeAt(object, 'metadata', 'labels')
  const label = nodeAt(labels, 'app.kubernetes.io/version')
  const chart = nodeAt(labels, 'helm.sh/chart')
  const named = [
    { text: tag ?? null, where: 'the image', node: image },
    { text: textAt(label), where: 'the label app.kubernetes.io/version', node: label },
    { text: textAt(chart)?.replace(/^.*?-(?=v?\d)/, '') ?? null, where: 'the label helm.sh/chart', node: chart },
  ]
  // A chart that is rendered from a checkout calls itself v0.0.1.
  const found = named.find((it) => it.text !== null && it.text !== 'v0.0.1' && parseSpegelVersion(it.text) !== null)
  return found === undefined ? null : { text: found.text, where: found.where, source: found.node?.at ?? null }
}

/** The registry container's hostPort and the NodePort of its service, which the chart lists as targets. */
function portsOf(registry: YamlNode | undefined, objects: readonly YamlNode[]): Word[] {
  const ports = itemsAt(registry, 'ports')
  const host = ports.filter((it) => textAt(it, 'name') === 'registry').map((it) => nodeAt(it, 'hostPort'))
  const services = objects.filter((it) => textAt(it, 'kind') === 'Service' && textAt(it, 'spec', 'type') === 'NodePort')
  const node = services
    .flatMap((it) => itemsAt(it, 'spec', 'ports'))
    .filter((it) => textAt(it, 'targetPort') === 'registry')
    .map((it) => nodeAt(it, 'nodePort'))
  return [...host, ...node].flatMap((it) => {
    const port = textAt(it)
    return it === undefined || port === null ? [] : [{ text: `http://$(NODE_IP):${port}`, source: it.at }]
  })
}

function hostPathOf(path: string, mounts: readonly YamlNode[], volumes: readonly YamlNode[]): string {
  for (const mount of mounts) {
    const at = textAt(mount, 'mountPath')?.replace(/\/+$/, '')
    if (at === undefined || !(path === at || path.startsWith(`${at}/`))) continue
    const volume = volumes.find((it) => textAt(it, 'name') === textAt(mount, 'name'))
    const host = textAt(volume, 'hostPath', 'path')
    if (host !== null) return host.replace(/\/+$/, '') + path.slice(at.length)
  }
  return path
}
