import type { ServerResponse } from 'node:http'
import type { ApiObject, Json } from './api-object.ts'
import { apiVersionOf } from './api-resources.ts'
import type { Selector } from './field-selector.ts'
import type { ObjectStore, StoreEvent } from './object-store.ts'
import type { RequestTarget } from './request-path.ts'
import { badRequest, expired } from './status.ts'

export interface WatchOrder {
  target: RequestTarget
  query: URLSearchParams
  selects: Selector
  /** From the form in which it is stored to the one that was asked for. */
  shown: (object: ApiObject) => ApiObject
  /** Milliseconds between bookmarks. */
  bookmarkInterval: number
}

/** apiserver, pkg/storage/cacher: a bookmark comes so long before the end as well. */
const BEFORE_END_MS = 2_000

/** A watch under way: lines of JSON in a chunked answer. */
export class WatchAnswer {
  readonly #response: ServerResponse
  readonly #store: ObjectStore
  readonly #order: WatchOrder
  readonly #hasBookmarks: boolean
  #timers: NodeJS.Timeout[] = []
  #stopListening = () => {}

  constructor(response: ServerResponse, store: ObjectStore, order: WatchOrder) {
    this.#response = response
    this.#store = store
    this.#order = order
    const { query, target } = order
    this.#hasBookmarks = query.get('allowWatchBookmarks') === 'true' && target.resource.isCached
    response.on('close', () => this.#release())
  }

  get path(): string {
    return this.#order.target.resource.plural
  }

  start(): void {
    const { query, bookmarkInterval } = this.#order
    const asked = query.get('resourceVersion') ?? ''
    if (!/^\d*$/.test(asked)) throw badRequest(`resourceVersion: Invalid value: "${asked}": invalid syntax`)
    this.#response.writeHead(200, { 'Content-Type': 'application/json' })
    this.#response.flushHeaders()
    const { resource, namespace } = this.#order.target
    if (asked === '' || asked === '0') {
      for (const object of this.#store.list(resource.storage, namespace)) {
        if (this.#order.selects(object)) this.#send('ADDED', this.#order.shown(object))
      }
    } else if (Number(asked) < this.#store.compacted) {
      this.#send('ERROR', expired(asked, this.#store.compacted, resource.isCached).body())
      this.end()
      return
    } else for (const event of this.#store.since(Number(asked))) this.#tell(event)
    this.#stopListening = this.#store.listen((event) => this.#tell(event))
    const seconds = Number(query.get('timeoutSeconds') ?? 0) || 1800 * (1 + Math.random())
    this.#timers.push(setTimeout(() => this.end(), seconds * 1000))
    if (!this.#hasBookmarks) return
    this.#timers.push(setInterval(() => this.bookmark(), bookmarkInterval))
    const last = seconds * 1000 - BEFORE_END_MS
    if (last > 0) this.#timers.push(setTimeout(() => this.bookmark(), last))
  }

  bookmark(): void {
    if (!this.#hasBookmarks) return
    const { resource } = this.#order.target
    const metadata = { resourceVersion: `${this.#store.version}`, creationTimestamp: null }
    this.#send('BOOKMARK', { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata })
  }

  /** As at its timeout. */
  end(): void {
    this.#release()
    this.#response.end()
  }

  /** Nothing tells the client. */
  cut(): void {
    this.#response.destroy()
  }

  /** Whatever is to stand in the stream. */
  write(text: string): void {
    this.#response.write(text)
  }

  #tell({ type, version, storage, object, before }: StoreEvent): void {
    const { resource, namespace } = this.#order.target
    if (storage !== resource.storage || (namespace !== null && object.metadata.namespace !== namespace)) return
    const wasIn = before !== null && this.#order.selects(before)
    const isIn = type !== 'DELETED' && this.#order.selects(object)
    if (isIn) this.#send(wasIn ? 'MODIFIED' : 'ADDED', this.#order.shown(object))
    // What is selected no more is shown as it was, with the version of its going.
    else if (wasIn) this.#send('DELETED', this.#order.shown(goneAt(before, version)))
  }

  #send(type: string, object: Json): void {
    this.#response.write(`${JSON.stringify({ type, object })}\n`)
  }

  #release(): void {
    this.#stopListening()
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers = []
  }
}

function goneAt(object: ApiObject, version: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } }
}

/** The verb that RBAC knows a request by. */
export function verbOf(method: string, target: RequestTarget, query: URLSearchParams): string {
  const isWatch = ['true', '1'].includes(query.get('watch') ?? '')
  if (method === 'GET') return target.name !== null ? 'get' : isWatch ? 'watch' : 'list'
  return { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? method.toLowerCase()
}
