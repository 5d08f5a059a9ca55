export type Json = Record<string, unknown>

/** An object of Kubernetes, as far as the API server itself looks into it. */
export interface ApiObject extends Json {
  apiVersion: string
  kind: string
  metadata: ApiMetadata
}

export interface ApiMetadata extends Json {
  name: string
  namespace?: string
  uid: string
  resourceVersion: string
  creationTimestamp: string
  labels?: Record<string, string>
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path such as `spec.nodeName`; empty where there is none, as field selectors have it. */
export function fieldOf(object: Json, path: string): string {
  let value: unknown = object
  for (const key of path.split('.')) value = isJson(value) ? value[key] : undefined
  return value === undefined || value === null ? '' : String(value)
}
