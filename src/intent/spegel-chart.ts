import { PullpathError } from '../errors.ts'
import type { YamlMap, YamlNode } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import { type Found, isNull, isTrue, lookUp, printed } from './helm-values.ts'
import { expandVariables } from './kubernetes-variables.ts'
import type { Word } from './spegel-command-line.ts'
import type { SpegelEra } from './spegel-era.ts'

/** What Spegel's chart makes of values, as far as pulls depend on it: the words of both containers. */
export interface RenderedChart {
  /** The words of the init container; they are made even where the chart leaves the container out. */
  configuration: readonly Word[]
  registry: readonly Word[]
  /** Whether the chart makes the init container. */
  hasInitContainer: boolean
  /** Whether the basic-auth secret is mounted into the init container. */
  mountsBasicAuth: boolean
  /** Switches that hold a `${VAR}`, so that the chart's default is taken in their place. */
  unseen: readonly Word[]
  /** The name of the DaemonSet and its namespace, for a release of this name in this namespace. */
  name: string
  namespace: string
}

/**
 * Renders the container arguments as the chart of this era does (templates/daemonset.yaml).
 * Throws PP_INTENT_INVALID where Helm itself would fail, so that nothing is deployed.
 */
export function renderChart(
  values: YamlMap,
  era: SpegelEra,
  release: { name: string; namespace: string },
): RenderedChart {
  for (const path of [['spegel'], ['service'], ['service', 'registry']]) requireMap(values, path)
  const spegel = (key: string): Found => lookUp(values, ['spegel', key])
  const unseen: Word[] = []
  const spegelSwitch = (key: string): Found => {
    const found = spegel(key)
    const text = found.kind === 'written' ? printed(found.node) : null
    if (found.kind !== 'written' || text === null || !VARIABLE.test(text)) return found
    unseen.push({ text, source: found.node.at })
    return { kind: 'default' }
  }
  const registry = (key: string): Found => lookUp(values, ['service', 'registry', key])

  const mirrored = listWords(spegel('mirroredRegistries'), 'spegel.mirroredRegistries')
  const mirroredFlag = mirrored.length === 0 ? [] : [plain('--mirrored-registries'), ...mirrored]
  const additional = listWords(spegel('additionalMirrorTargets'), 'spegel.additionalMirrorTargets')
  const filters = era.knowsFilters ? listWords(spegel('registryFilters'), 'spegel.registryFilters') : []

  const nodeIp = nodeIpWord(registry('nodeIp'))
  const environment = new Map([['NODE_IP', nodeIp]])
  const expanded = (words: readonly Word[]): Word[] => words.map((it) => expandVariables(it, environment))
  const ownTargets = [target(registry('nodePort'), 'service.registry.nodePort', era.nodePort)]
  const avoidsHostPort = era.knowsPreferSameNode && truth(registry('usePreferSameNodeTrafficDistribution'), false)
  if (era.hostPort !== null && !avoidsHostPort) {
    ownTargets.unshift(target(registry('hostPort'), 'service.registry.hostPort', era.hostPort))
  }
  return {
    configuration: expanded([
      option('containerd-registry-config-path', spegel('containerdRegistryConfigPath'), '/etc/containerd/certs.d'),
      ...mirroredFlag,
      plain('--mirror-targets'),
      ...ownTargets,
      ...additional,
      option('resolve-tags', spegelSwitch('resolveTags'), 'true'),
      option('prepend-existing', spegelSwitch('prependExisting'), 'false'),
    ]),
    registry: expanded([...mirroredFlag, ...(filters.length === 0 ? [] : [plain('--registry-filters'), ...filters])]),
    hasInitContainer: truth(spegelSwitch('containerdMirrorAdd'), true),
    mountsBasicAuth: truth(lookUp(values, ['basicAuthSecretName']), false),
    unseen,
    name: fullName(values, release.name),
    namespace: textAt(values, 'namespaceOverride') ?? release.namespace,
  }
}

/** What Flux fills in before Helm sees it. */
const VARIABLE = /\$\{/

/** templates/_helpers.tpl, spegel.fullname: a release that has the chart's name in its own is called by that alone. */
function fullName(values: YamlMap, release: string): string {
  const chart = textAt(values, 'nameOverride') ?? 'spegel'
  const full = textAt(values, 'fullnameOverride') ?? (release.includes(chart) ? release : `${release}-${chart}`)
  return full.slice(0, 63).replace(/-$/, '')
}

function textAt(values: YamlMap, key: string): string | null {
  const found = lookUp(values, [key])
  const text = found.kind === 'written' ? printed(found.node) : null
  return text === '' ? null : text
}

/** Templates reach into these maps without asking: Helm fails if one is taken away or is something else. */
function requireMap(values: YamlMap, path: readonly string[]): void {
  const found = lookUp(values, path)
  if (found.kind === 'default' || found.node.kind === 'map') return
  const what = isNull(found.node) ? 'is empty, which takes all of its defaults away' : 'is no map'
  throw new PullpathError('PP_INTENT_INVALID', `${path.join('.')} ${what}: Helm cannot render the chart`, {
    position: found.node.at,
    advice: `write settings below it, or remove the key`,
  })
}

/** A `with` and a `range`: nothing at all for an empty value, the values in the order of their keys for a map. */
function listWords(found: Found, name: string): Word[] {
  if (found.kind !== 'written' || !isTrue(found.node)) return []
  const { node } = found
  if (node.kind === 'list') return node.items.map((item) => itemWord(item, name))
  if (node.kind === 'map') {
    return [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => itemWord(entry.value, name))
  }
  if (VARIABLE.test(printed(node) ?? '')) {
    throw new PullpathError('PP_INTENT_INVALID', `${name} is a variable, so the list cannot be seen`, {
      position: node.at,
      advice: 'render the file first (flux build kustomization) and give the result',
    })
  }
  throw new PullpathError('PP_INTENT_INVALID', `${name} must be a list: Helm cannot render the chart with this`, {
    position: node.at,
    advice: `write it as a list, one "- ${printed(node) ?? '...'}" a line`,
  })
}

function itemWord(item: YamlNode, name: string): Word {
  const text = printed(item)
  if (text !== null) return { text, source: item.at }
  throw new PullpathError('PP_INTENT_INVALID', `an entry of ${name} is a ${item.kind}, where the chart wants a text`, {
    position: item.at,
    advice: 'write each entry as one text, such as "- http://192.168.1.106"',
  })
}

/** An address set for all nodes stands where otherwise each node's own does. */
function nodeIpWord(found: Found): Word {
  const own = found.kind === 'written' && isTrue(found.node) ? printed(found.node) : null
  return { text: own ?? '$(NODE_IP)', source: found.kind === 'written' ? found.node.at : null }
}

/** One of the chart's own targets. */
function target(port: Found, name: string, fallback: number): Word {
  const text = scalarText(port, name, String(fallback))
  const source = port.kind === 'default' ? null : port.node.at
  if (text !== '') return { text: `http://$(NODE_IP):${text}`, source }
  throw new PullpathError('PP_INTENT_INVALID', `${name} is empty: Kubernetes refuses what the chart makes of it`, {
    position: source,
    advice: `give it a port, such as ${fallback}, or remove the key`,
  })
}

function option(flag: string, found: Found, fallback: string): Word {
  const source = found.kind === 'default' ? null : found.node.at
  return { text: `--${flag}=${scalarText(found, flag, fallback)}`, source }
}

function scalarText(found: Found, name: string, fallback: string): string {
  if (found.kind === 'default') return fallback
  const text = printed(found.node)
  if (text !== null) return text
  throw new PullpathError('PP_INTENT_INVALID', `${name} is a ${found.node.kind}, where the chart wants one value`, {
    position: found.node.at,
  })
}

function truth(found: Found, fallback: boolean): boolean {
  if (found.kind === 'default') return fallback
  return found.kind === 'written' && isTrue(found.node)
}

function plain(text: string): Word {
  const source: SourcePosition | null = null
  return { text, source }
}
