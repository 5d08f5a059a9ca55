import { randomUUID } from 'node:crypto'
import type { ApiObject, Json } from './api-object.ts'
import type { ApiResource } from './api-resources.ts'
import { alreadyExists, conflict, notFound } from './status.ts'

/** One change of one object. */
export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  version: number
  storage: string
  object: ApiObject
  /** As it was; null: it was not there. */
  before: ApiObject | null
}

/** All objects, under one resource version that grows with every change, and the changes since the last compaction. */
export class ObjectStore {
  readonly #objects = new Map<string, Map<string, ApiObject>>()
  readonly #listeners = new Set<(event: StoreEvent) => void>()
  #events: StoreEvent[] = []
  /** Changes up to this one are forgotten. */
  #compacted = 0
  #version = 1

  get version(): number {
    return this.#version
  }

  get compacted(): number {
    return this.#compacted
  }

  /** In the order of their keys, as etcd has them. */
  list(storage: string, namespace: string | null): ApiObject[] {
    const objects = [...(this.#objects.get(storage)?.entries() ?? [])]
    return objects
      .filter(([, it]) => namespace === null || it.metadata.namespace === namespace)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, it]) => it)
  }

  has(resource: ApiResource, namespace: string | null, name: string): boolean {
    return this.#objects.get(resource.storage)?.has(keyOf(namespace, name)) === true
  }

  get(resource: ApiResource, namespace: string | null, name: string): ApiObject {
    const object = this.#objects.get(resource.storage)?.get(keyOf(namespace, name))
    if (object === undefined) throw notFound(resource, name)
    return object
  }

  create(resource: ApiResource, namespace: string | null, body: ApiObject): ApiObject {
    const { name } = body.metadata
    if (this.has(resource, namespace, name)) throw alreadyExists(resource, name)
    const metadata = {
      ...body.metadata,
      ...(namespace === null ? {} : { namespace }),
      uid: randomUUID(),
      creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
      generation: 1,
    }
    return this.#write('ADDED', resource, { ...body, metadata }, null)
  }

  /** 409 where `body` names a resource version that is not the present one. */
  update(resource: ApiResource, namespace: string | null, name: string, body: Json): ApiObject {
    const before = this.get(resource, namespace, name)
    const { metadata } = body as ApiObject
    const asked = metadata?.resourceVersion
    if (asked !== undefined && asked !== '' && asked !== before.metadata.resourceVersion) throw conflict(resource, name)
    const { uid, creationTimestamp, resourceVersion } = before.metadata
    const isRespecified = JSON.stringify(body.spec) !== JSON.stringify(before.spec)
    const generation = Number(before.metadata.generation) + (isRespecified ? 1 : 0)
    const kept = { ...metadata, name, ...(namespace === null ? {} : { namespace }), uid, creationTimestamp, generation }
    const after = { ...(body as ApiObject), metadata: { ...kept, resourceVersion } }
    // The API server writes nothing where nothing changed.
    if (JSON.stringify(after) === JSON.stringify(before)) return before
    return this.#write('MODIFIED', resource, after, before)
  }

  delete(resource: ApiResource, namespace: string | null, name: string): ApiObject {
    const before = this.get(resource, namespace, name)
    return this.#write('DELETED', resource, before, before)
  }

  /** What there was at `version`; not before the last compaction. */
  listAt(version: number, storage: string, namespace: string | null): ApiObject[] {
    const objects = new Map(this.list(storage, namespace).map((it) => [it.metadata.uid, it]))
    for (const { object, before } of this.since(version)
      .filter((it) => it.storage === storage && (namespace === null || it.object.metadata.namespace === namespace))
      .reverse()) {
      if (before === null) objects.delete(object.metadata.uid)
      else objects.set(object.metadata.uid, before)
    }
    return [...objects.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  }

  /** What changed after `version`. */
  since(version: number): StoreEvent[] {
    return this.#events.filter((it) => it.version > version)
  }

  /** Returns what ends it. */
  listen(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets all changes up to now, as etcd does every five minutes. */
  compact(): void {
    this.#compacted = this.#version
    this.#events = []
  }

  #write(type: StoreEvent['type'], resource: ApiResource, body: ApiObject, before: ApiObject | null): ApiObject {
    const version = ++this.#version
    const object = { ...body, metadata: { ...body.metadata, resourceVersion: `${version}` } }
    const { storage } = resource
    const key = keyOf(object.metadata.namespace ?? null, object.metadata.name)
    const objects = this.#objects.get(storage) ?? new Map<string, ApiObject>()
    this.#objects.set(storage, objects)
    if (type === 'DELETED') objects.delete(key)
    else objects.set(key, object)
    const event = { type, version, storage, object, before }
    this.#events.push(event)
    for (const listener of this.#listeners) listener(event)
    return object
  }
}

/** The key that a page of a list ends at. */
export function nameOf({ metadata }: ApiObject): string {
  return keyOf(metadata.namespace ?? null, metadata.name)
}

function keyOf(namespace: string | null, name: string): string {
  return `${namespace ?? ''}/${name}`
}
