import { isAtLeast, type Version } from '../version.ts'

/**
 * What a chart of one time reads and starts from. Held against every chart from v0.1.0 to v0.7.4 and main:
 * values.yaml and templates/daemonset.yaml.
 */
export interface SpegelEra {
  /** Keys at the top of the values, below `spegel`, below `service` and below `service.registry`. */
  topKeys: readonly string[]
  spegelKeys: readonly string[]
  serviceKeys: readonly string[]
  registryKeys: readonly string[]
  nodePort: number
  /** null: the chart knows no hostPort, and the NodePort is the only target of its own. */
  hostPort: number | null
  /** Whether `usePreferSameNodeTrafficDistribution` takes the hostPort target away. */
  knowsPreferSameNode: boolean
  knowsFilters: boolean
  /** What may stand in mirroredRegistries for "every registry". */
  wildcards: readonly string[]
  /** Whether the init container checks its targets as strictly as its registries. */
  checksTargets: boolean
}

interface KeyHistory {
  key: string
  /** The first chart that reads it; '' for one that was there in 0.1.0. */
  from: string
  /** The first chart that no longer reads it; '' for one that main still reads. */
  until: string
}

const TOP = history(
  'image imagePullSecrets nameOverride fullnameOverride namespaceOverride serviceAccount podAnnotations ' +
    'podSecurityContext revisionHistoryLimit securityContext service resources nodeSelector updateStrategy tolerations ' +
    'affinity commonLabels clusterDomain serviceMonitor grafanaDashboard priorityClassName basicAuthSecretName spegel ' +
    'verticalPodAutoscaler livenessProbe@0.4.0 daemonsetAnnotations@0.5.0 extraVolumes@0.7.0 ' +
    'extraInitContainers@0.7.0 networkPolicy@0.8.0',
)

const SPEGEL = history(
  'logLevel mirroredRegistries additionalMirrorTargets mirrorResolveRetries mirrorResolveTimeout containerdSock ' +
    'containerdNamespace containerdRegistryConfigPath containerdContentPath containerdMirrorAdd resolveTags ' +
    'resolveLatestTag@-0.6.0 prependExisting debugWebEnabled registryFilters@0.4.0 persistence@0.7.0',
)

const SERVICE = history('registry router metrics cleanup@0.2.0 bootstrap@0.4.0')

const REGISTRY = history(
  'nodeIp port nodePort hostPort@-0.8.0 topologyAwareHintsEnabled@-0.8.0 annotations@0.4.0 ' +
    'usePreferSameNodeTrafficDistribution@0.5.0-0.8.0 internalTrafficLocal@0.8.0',
)

/** The era of a version; main stands as 0.8. */
export function eraOf(version: Version): SpegelEra {
  const isMain = since(version, '0.8.0')
  return {
    topKeys: keysOf(TOP, version),
    spegelKeys: keysOf(SPEGEL, version),
    serviceKeys: keysOf(SERVICE, version),
    registryKeys: keysOf(REGISTRY, version),
    nodePort: isMain ? 30020 : 30021,
    hostPort: isMain ? null : 30020,
    knowsPreferSameNode: since(version, '0.5.0') && !isMain,
    knowsFilters: since(version, '0.4.0'),
    // v0.4.0: pkg/oci/containerd.go, parseMirroredRegistries; v0.5.0: pkg/oci/filter.go, wildcardRegistries
    wildcards: since(version, '0.5.0') ? ['_default', '*'] : since(version, '0.4.0') ? ['_default'] : [],
    checksTargets: since(version, '0.4.0'),
  }
}

/** When charts read this key below `spegel` or `service.registry`; null where none ever did. */
export function whenKeyIsRead(level: 'spegel' | 'service.registry', key: string): string | null {
  const found = (level === 'spegel' ? SPEGEL : REGISTRY).find((it) => it.key === key)
  if (found === undefined) return null
  const name = (bound: string): string => (bound === '0.8.0' ? 'main (not released yet)' : bound.replace(/\.0$/, ''))
  if (found.from === '' && found.until === '') return null
  if (found.from === '') return `read by charts before ${name(found.until)}`
  if (found.until === '') return `read by charts from ${name(found.from)} on`
  return `read by charts from ${name(found.from)} on and before ${name(found.until)}`
}

/** `key@from-until`, where both may be left out. */
function history(text: string): readonly KeyHistory[] {
  return text.split(' ').map((it) => {
    const [key = '', times = ''] = it.split('@')
    const [from = '', until = ''] = times.split('-')
    return { key, from, until }
  })
}

function keysOf(keys: readonly KeyHistory[], version: Version): string[] {
  const isRead = (it: KeyHistory): boolean =>
    (it.from === '' || since(version, it.from)) && (it.until === '' || !since(version, it.until))
  return keys.filter(isRead).map((it) => it.key)
}

/** A pre-release of a version already has its shape. */
function since(version: Version, bound: string): boolean {
  return isAtLeast({ ...version, pre: '' }, bound)
}
