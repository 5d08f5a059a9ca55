/** The kinds that the doubled API server knows. */
export interface ApiResource {
  /** Empty: the core group. */
  group: string
  version: string
  /** As it stands in a path. */
  plural: string
  kind: string
  isNamespaced: boolean
  hasStatus: boolean
  /** What a field selector may name, beside `metadata.name` and `metadata.namespace`. */
  fields: readonly string[]
  /** kube-apiserver keeps no watch cache for Events: no bookmarks. default_storage_factory_builder.go. */
  isCached: boolean
  /** A custom resource knows no strategic merge patch. */
  isCustom: boolean
  /** Whose objects these are: two versions or groups may show the same. */
  storage: string
}

const usual = { isNamespaced: true, hasStatus: true, fields: [], isCached: true, isCustom: false }
const core = { ...usual, group: '', version: 'v1' }
const flux = { ...usual, isCustom: true }
const event = { ...usual, kind: 'Event', plural: 'events', hasStatus: false, isCached: false, storage: 'events' }

/** The selectable fields: pkg/apis/core/v1/conversion.go, pkg/apis/events/v1/conversion.go. */
export const API_RESOURCES: readonly ApiResource[] = [
  { ...core, plural: 'nodes', kind: 'Node', isNamespaced: false, fields: ['spec.unschedulable'], storage: 'nodes' },
  {
    ...core,
    plural: 'pods',
    kind: 'Pod',
    fields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
    ],
    storage: 'pods',
  },
  { ...core, plural: 'configmaps', kind: 'ConfigMap', hasStatus: false, storage: 'configmaps' },
  { ...core, plural: 'secrets', kind: 'Secret', hasStatus: false, fields: ['type'], storage: 'secrets' },
  { ...core, plural: 'services', kind: 'Service', fields: ['spec.clusterIP', 'spec.type'], storage: 'services' },
  {
    ...core,
    ...event,
    fields: [
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
  },
  {
    ...event,
    group: 'events.k8s.io',
    version: 'v1',
    fields: [
      'regarding.kind',
      'regarding.namespace',
      'regarding.name',
      'regarding.uid',
      'regarding.apiVersion',
      'regarding.resourceVersion',
      'regarding.fieldPath',
      'reason',
      'reportingController',
      'type',
    ],
  },
  { ...usual, group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', storage: 'daemonsets' },
  {
    ...usual,
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    kind: 'EndpointSlice',
    hasStatus: false,
    storage: 'endpointslices',
  },
  {
    ...usual,
    group: 'coordination.k8s.io',
    version: 'v1',
    plural: 'leases',
    kind: 'Lease',
    hasStatus: false,
    storage: 'leases',
  },
  {
    ...flux,
    group: 'helm.toolkit.fluxcd.io',
    version: 'v2',
    plural: 'helmreleases',
    kind: 'HelmRelease',
    storage: 'helmreleases',
  },
  ...['helmcharts', 'helmrepositories', 'ocirepositories'].map((plural, at) => ({
    ...flux,
    group: 'source.toolkit.fluxcd.io',
    version: 'v1',
    plural,
    kind: ['HelmChart', 'HelmRepository', 'OCIRepository'][at] ?? '',
    storage: plural,
  })),
]

export function apiVersionOf({ group, version }: ApiResource): string {
  return group === '' ? version : `${group}/${version}`
}

/** As messages name it: `pods`, `helmreleases.helm.toolkit.fluxcd.io`. */
export function qualifiedName({ group, plural }: ApiResource): string {
  return group === '' ? plural : `${plural}.${group}`
}
