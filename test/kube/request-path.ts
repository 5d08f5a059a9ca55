import { API_RESOURCES, type ApiResource } from './api-resources.ts'

/** What a path of the API asks for. */
export interface RequestTarget {
  resource: ApiResource
  /** null: of all namespaces, or of none. */
  namespace: string | null
  /** null: the collection. */
  name: string | null
  subresource: string | null
}

const PATH = /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/

/** null: the API server serves no such path, and says `404 page not found`. */
export function requestTarget(path: string, hasFlux: boolean): RequestTarget | null {
  const match = PATH.exec(path)
  if (match === null) return null
  const [, core, group = '', version = core, namespace, plural, name, subresource] = match.map((it) =>
    it === undefined ? undefined : decodeURIComponent(it),
  )
  const resource = API_RESOURCES.find((it) => it.group === group && it.version === version && it.plural === plural)
  if (resource === undefined || (resource.isCustom && !hasFlux)) return null
  if (!resource.isNamespaced && namespace !== undefined) return null
  if (resource.isNamespaced && namespace === undefined && name !== undefined) return null
  if (subresource !== undefined && !(subresource === 'status' && resource.hasStatus)) return null
  return { resource, namespace: namespace ?? null, name: name ?? null, subresource: subresource ?? null }
}
