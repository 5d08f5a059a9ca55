import { type ApiObject, isJson, type Json } from './api-object.ts'
import { type ApiResource, apiVersionOf } from './api-resources.ts'
import { fromStored, toStored, validateEvent, validateEventChange } from './event-forms.ts'
import type { ObjectStore } from './object-store.ts'
import { patched } from './patches.ts'
import type { RequestTarget } from './request-path.ts'
import { badRequest, StatusError } from './status.ts'

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789'
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]

/** What creates, changes or deletes. Returns the object as it is stored then. */
export function writeAnswer(
  store: ObjectStore,
  verb: string,
  target: RequestTarget,
  body: unknown,
  contentType: string,
): ApiObject {
  const { resource, namespace, name, subresource } = target
  if (verb === 'create' && name === null) return create(store, target, object(body))
  if (name === null) throw notAllowed()
  if (verb === 'delete') return store.delete(resource, namespace, name)
  if (verb !== 'update' && verb !== 'patch') throw notAllowed()
  const before = store.get(resource, namespace, name)
  const isEvent = resource.storage === 'events'
  // A patch is of the form that was asked for.
  const shown = isEvent ? fromStored(before, resource.group) : before
  const changed = verb === 'update' ? object(body) : patch(resource, shown, body, contentType)
  const after = isEvent ? toStored(changed, resource.group) : changed
  if (isEvent && resource.group !== '') validateEventChange(before, after)
  return store.update(resource, namespace, name, scoped(resource, before, after, subresource))
}

function create(store: ObjectStore, { resource, namespace }: RequestTarget, body: Json): ApiObject {
  if (resource.isNamespaced !== (namespace !== null)) throw notAllowed()
  if (body.kind !== undefined && body.kind !== resource.kind) {
    throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind})`)
  }
  const metadata = isJson(body.metadata) ? body.metadata : {}
  if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  const name = typeof metadata.name === 'string' && metadata.name !== '' ? metadata.name : generated(metadata)
  if (name === null) {
    const message = `${resource.kind} "" is invalid: metadata.name: Required value: name or generateName is required`
    throw new StatusError(422, 'Invalid', message)
  }
  const isEvent = resource.storage === 'events'
  const stored = isEvent ? toStored(body, resource.group) : body
  const apiVersion = isEvent ? 'v1' : apiVersionOf(resource)
  const whole = { ...stored, apiVersion, kind: resource.kind, metadata: { ...metadata, name } }
  if (isEvent) validateEvent(whole, resource.group, namespace ?? '')
  return store.create(resource, namespace, whole as ApiObject)
}

function generated({ generateName }: Json): string | null {
  if (typeof generateName !== 'string' || generateName === '') return null
  const letter = () => LETTERS[Math.floor(Math.random() * LETTERS.length)]
  return `${generateName}${Array.from({ length: 5 }, letter).join('')}`
}

function patch(resource: ApiResource, before: ApiObject, body: unknown, contentType: string): Json {
  const isKnown = PATCH_TYPES.includes(contentType)
  if (!isKnown || (resource.isCustom && contentType.includes('strategic'))) {
    const message = 'the body of the request was in an unknown format - accepted media types include: '
    const accepted = PATCH_TYPES.filter((it) => !resource.isCustom || !it.includes('strategic'))
    throw new StatusError(415, 'UnsupportedMediaType', message + accepted.join(', '))
  }
  return patched(before, contentType, body)
}

/** `status` changes by its own path alone, and nothing else by that. */
function scoped(resource: ApiResource, before: ApiObject, after: Json, subresource: string | null): Json {
  if (subresource === 'status') {
    const version = isJson(after.metadata) ? after.metadata.resourceVersion : undefined
    return { ...before, metadata: { ...before.metadata, resourceVersion: version }, status: after.status }
  }
  if (!resource.hasStatus || before.status === undefined) return after
  return { ...after, status: before.status }
}

function object(body: unknown): Json {
  if (isJson(body)) return body
  throw badRequest('the request body is no object')
}

function notAllowed(): StatusError {
  return new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
}
