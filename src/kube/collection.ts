import type { IncomingMessage } from 'node:http'
import { type ApiExchange, readBody } from './api-exchange.ts'
import type { KubeClock } from './clock.ts'
import { statusError } from './failure.ts'
import { JsonLines } from './json-lines.ts'
import { KubeError, type KubeObject, type KubeQuery } from './kube-api.ts'
import { objectIn, prune, versionOf } from './read-object.ts'

/** What was listed, and as of which resource version. */
export interface Listed {
  objects: KubeObject[]
  version: string
}

/** What a watch tells. `at`: only the resource version has moved on. */
export type WatchEvent = { type: 'put' | 'gone'; object: KubeObject; version: string } | { type: 'at'; version: string }

export interface WatchListener {
  /** The API server has taken the watch on. */
  onOpen(): void
  /** The events that arrived together; there may be none. */
  onEvents(events: readonly WatchEvent[]): void
}

/** A collection of the API server, as it is followed. Every call throws KubeError. */
export interface Collection {
  /** `from`: `0`, whatever the API server has in its cache; empty: the newest. */
  list(from: '0' | '', signal: AbortSignal): Promise<Listed>
  /** Fulfilled when the API server ends the watch as it was asked to. */
  watch(version: string, listener: WatchListener, signal: AbortSignal): Promise<void>
}

/** Milliseconds. */
const HEAD = 30_000
const LIST = 60_000
const LARGEST_PAGE = 8 * 1024 * 1024
/** etcd refuses objects above 1.5 MiB; in JSON they are somewhat larger. */
const LONGEST_LINE = 4 * 1024 * 1024
/** client-go's own size of a page. */
const PAGE = 500
/** Nothing that is followed here is larger; a list without an end is none. */
const MOST_PAGES = 20

/** Seconds. The API server ends a watch after 50 to 60 minutes: a thousand nodes do not come back at once. */
const SHORTEST_WATCH = 3000
const WATCH_JITTER = 600
/** Milliseconds beyond its end that a watch may take. */
const GRACE = 30_000
/** kube-apiserver sends a bookmark every minute, where it has a watch cache for the kind (it has none for Events). */
const BOOKMARKS_MISSED = 5 * 60_000

/** The collection behind a path. */
export class ApiCollection implements Collection {
  readonly #exchange: Pick<ApiExchange, 'send'>
  readonly #clock: KubeClock
  readonly #path: string
  readonly #selector: KubeQuery

  constructor(exchange: Pick<ApiExchange, 'send'>, clock: KubeClock, path: string, selector: KubeQuery) {
    this.#exchange = exchange
    this.#clock = clock
    this.#path = path
    this.#selector = selector
  }

  async list(from: '0' | '', signal: AbortSignal): Promise<Listed> {
    const objects: KubeObject[] = []
    let next: string | undefined
    for (let page = 0; page < MOST_PAGES; page++) {
      const query = {
        ...this.#selector,
        // A list from the cache comes whole, whatever its limit; one of the newest comes in pages.
        ...(from === '0' ? { resourceVersion: '0' } : { limit: PAGE, continue: next }),
      }
      const request = { method: 'GET', path: this.#path, query, signal } as const
      const list = await this.#exchange.send(request, { head: HEAD, body: LIST }, async (answer, title) =>
        readList(await readBody(answer, LARGEST_PAGE, title), title),
      )
      objects.push(...list.objects)
      if (list.next === '') return { objects, version: list.version }
      next = list.next
    }
    const message = `GET ${this.#path}: more than ${MOST_PAGES * PAGE} objects`
    throw new KubeError({ reason: 'malformed', message })
  }

  async watch(version: string, listener: WatchListener, signal: AbortSignal): Promise<void> {
    const timeoutSeconds = Math.round(SHORTEST_WATCH + WATCH_JITTER * this.#clock.random())
    const query = {
      ...this.#selector,
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: version,
      timeoutSeconds,
    }
    const request = { method: 'GET', path: this.#path, query, signal } as const
    await this.#exchange.send(request, { head: HEAD, body: timeoutSeconds * 1000 + GRACE }, (answer, title) => {
      listener.onOpen()
      return this.#read(answer, title, listener)
    })
  }

  async #read(answer: IncomingMessage, title: string, listener: WatchListener): Promise<void> {
    const lines = new JsonLines(LONGEST_LINE)
    let stopClock = () => {}
    let hasBookmarks = false
    try {
      for await (const piece of answer as AsyncIterable<Buffer>) {
        const events = eventsOf(lines, piece, title)
        hasBookmarks ||= events.some((it) => it.type === 'at')
        stopClock()
        if (hasBookmarks) stopClock = this.#clock.after(BOOKMARKS_MISSED, () => answer.destroy(silent(title)))
        listener.onEvents(events)
      }
    } finally {
      stopClock()
    }
  }
}

function silent(title: string): KubeError {
  return new KubeError({
    reason: 'timeout',
    message: `${title}: no bookmark for ${BOOKMARKS_MISSED / 60_000} minutes`,
  })
}

function eventsOf(lines: JsonLines, piece: Buffer, title: string): WatchEvent[] {
  let values: unknown[]
  try {
    values = lines.push(piece)
  } catch (error) {
    // A parser's message quotes what it read.
    const what = error instanceof RangeError ? error.message : 'a line that is no JSON'
    throw new KubeError({ reason: 'malformed', message: `${title}: ${what}` })
  }
  return values.map((value) => eventOf(value, title))
}

function eventOf(value: unknown, title: string): WatchEvent {
  const line = objectIn(value, title)
  const { type } = line
  const object = objectIn(line.object, title)
  if (type === 'ERROR') {
    const { code } = object
    throw statusError(title, typeof code === 'number' ? code : 500, object)
  }
  const version = versionOf(object, title)
  if (type === 'BOOKMARK') return { type: 'at', version }
  if (type === 'ADDED' || type === 'MODIFIED') return { type: 'put', object: prune(object), version }
  if (type === 'DELETED') return { type: 'gone', object, version }
  throw new KubeError({ reason: 'malformed', message: `${title}: an event that is none` })
}

function readList(body: Buffer, title: string): Listed & { next: string } {
  const list = parseObject(body, title)
  const { items } = list
  if (!Array.isArray(items)) throw new KubeError({ reason: 'malformed', message: `${title}: no list` })
  const next = objectIn(list.metadata, title).continue
  return {
    objects: items.map((it) => prune(objectIn(it, title))),
    version: versionOf(list, title),
    next: typeof next === 'string' ? next : '',
  }
}

/** Throws KubeError. */
export function parseObject(body: Buffer, title: string): KubeObject {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    throw new KubeError({ reason: 'malformed', message: `${title}: the answer is no JSON` })
  }
  return objectIn(value, title)
}
