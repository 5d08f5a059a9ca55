import { KubeError, type KubeObject } from './kube-api.ts'

/** Throws KubeError where `value` is no object. */
export function objectIn(value: unknown, title: string): KubeObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as KubeObject
  throw new KubeError({ reason: 'malformed', message: `${title}: no object where one is promised` })
}

/** The resource version of an object or a list: opaque, and never compared. */
export function versionOf(object: KubeObject, title: string): string {
  const version = objectIn(object.metadata, title).resourceVersion
  if (typeof version === 'string' && version !== '') return version
  throw new KubeError({ reason: 'malformed', message: `${title}: no resource version` })
}

/** Stays the same for as long as the object is the same one. */
export function uidOf(object: KubeObject, title: string): string {
  const { uid } = objectIn(object.metadata, title)
  if (typeof uid === 'string' && uid !== '') return uid
  throw new KubeError({ reason: 'malformed', message: `${title}: an object without a UID` })
}

/** Without what only the API server itself reads, which is often most of it. */
export function prune(object: KubeObject): KubeObject {
  const { metadata } = object
  if (typeof metadata !== 'object' || metadata === null || !('managedFields' in metadata)) return object
  const { managedFields: _, ...rest } = metadata
  return { ...object, metadata: rest }
}
