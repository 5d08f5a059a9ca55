import type { ClusterObject } from '../intent/cluster-object.ts'
import type { Source, Sources } from './helmrelease-object.ts'
import { type KubeApi, KubeError, type KubeObject } from './kube-api.ts'
import { fieldAt } from './kube-fields.ts'

/** The versions of Flux' source API, the newest first: OCIRepository is in v1 since Flux 2.6. */
const SOURCE_PATHS: Readonly<Record<Source['kind'], { paths: readonly string[]; resource: string }>> = {
  OCIRepository: {
    paths: ['/apis/source.toolkit.fluxcd.io/v1', '/apis/source.toolkit.fluxcd.io/v1beta2'],
    resource: 'ocirepositories',
  },
  HelmChart: {
    paths: ['/apis/source.toolkit.fluxcd.io/v1', '/apis/source.toolkit.fluxcd.io/v1beta2'],
    resource: 'helmcharts',
  },
  ConfigMap: { paths: ['/api/v1'], resource: 'configmaps' },
}

/** Reads what a HelmRelease names. Throws KubeError only where the API server is away: then nothing is known anew. */
export async function readSources(api: KubeApi, sources: readonly Source[], signal: AbortSignal): Promise<Sources> {
  const objects: ClusterObject[] = []
  const unread: Sources['unread'][number][] = []
  for (const source of sources) {
    const found = await readSource(api, source, signal)
    if (typeof found === 'string') unread.push({ source, words: found })
    else objects.push(clusterObject(source, found))
  }
  return { objects, unread }
}

/** The object, or why it cannot be read. */
async function readSource(api: KubeApi, source: Source, signal: AbortSignal): Promise<KubeObject | string> {
  const { paths, resource } = SOURCE_PATHS[source.kind]
  let words = ''
  for (const path of paths) {
    try {
      return await api.get(`${path}/namespaces/${source.namespace}/${resource}/${source.name}`, {}, signal)
    } catch (error) {
      if (!(error instanceof KubeError)) throw error
      const { reason, message } = error.failure
      if (reason !== 'not-found' && reason !== 'forbidden') throw error
      words = message
      if (reason === 'forbidden') break
    }
  }
  return words
}

/** Only what is read of it: a ConfigMap may be large. */
function clusterObject({ kind, namespace, name }: Source, object: KubeObject): ClusterObject {
  const apiVersion = kind === 'ConfigMap' ? 'v1' : 'source.toolkit.fluxcd.io/v1'
  const body = kind === 'ConfigMap' ? { data: fieldAt(object, 'data') } : { spec: fieldAt(object, 'spec') }
  return {
    name: `${kind.toLowerCase()} ${namespace}/${name}`,
    object: { apiVersion, kind, metadata: { name, namespace }, ...body },
  }
}
