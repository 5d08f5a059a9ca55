import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import type { ApiExchange, ApiRequest } from '../../src/kube/api-exchange.ts'
import type { KubeClock } from '../../src/kube/clock.ts'
import { statusError } from '../../src/kube/failure.ts'
import type { KubeObject } from '../../src/kube/kube-api.ts'

const MINUTE = 60_000
const HOUR = 3_600_000

/** An answer that is no success, to everything. `retryAfter`: the header, in seconds. */
export interface Refusal {
  status: number
  retryAfter?: string
}

/**
 * An API server without a wire, in which a day passes in a moment: watches hold for as long as they were asked for and
 * have a bookmark every minute, and nothing that it has ever changes. Every request is counted.
 */
export class VirtualExchange implements Pick<ApiExchange, 'send'> {
  readonly #clock: KubeClock
  readonly #begin: number
  /** By the path of a collection; the path of an object answers with it. */
  readonly #collections: ReadonlyMap<string, readonly KubeObject[]>
  /** null: all is well. */
  refusal: Refusal | null = null
  readonly #requests: { hour: number; what: string }[] = []

  constructor(clock: KubeClock, collections: ReadonlyMap<string, readonly KubeObject[]>) {
    this.#clock = clock
    this.#begin = clock.now()
    this.#collections = collections
  }

  async send<T>(
    request: ApiRequest,
    _deadline: object,
    read: (answer: IncomingMessage, title: string) => Promise<T>,
  ): Promise<T> {
    const { method, path, query = {}, signal } = request
    const title = `${method} ${path}`
    this.#count(query.watch === true ? `WATCH ${path}` : title)
    if (this.refusal !== null) {
      throw statusError(title, this.refusal.status, null, this.refusal.retryAfter)
    }
    const answer =
      query.watch === true ? this.#watch(Number(query.timeoutSeconds) * 1000, signal) : this.#answer(title, path)
    return await read(answer as IncomingMessage, title)
  }

  /** Requests in each hour since the beginning. */
  perHour(): number[] {
    const hours = Math.floor((this.#clock.now() - this.#begin) / HOUR)
    return Array.from({ length: hours }, (_, hour) => this.#requests.filter((it) => it.hour === hour).length)
  }

  /** Of all that was asked, how often. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { what } of this.#requests) counts.set(what, (counts.get(what) ?? 0) + 1)
    return counts
  }

  #count(what: string): void {
    this.#requests.push({ hour: Math.floor((this.#clock.now() - this.#begin) / HOUR), what })
  }

  #answer(title: string, path: string): Readable {
    const items = this.#collections.get(path)
    const cut = path.lastIndexOf('/')
    const named = this.#collections.get(path.slice(0, cut))?.find((it) => nameOf(it) === path.slice(cut + 1))
    const isWrite = !title.startsWith('GET')
    const body =
      items === undefined || isWrite
        ? (named ?? (isWrite ? {} : undefined))
        : { metadata: { resourceVersion: '7' }, items }
    if (body === undefined) throw statusError(title, 404, null)
    return Readable.from([Buffer.from(JSON.stringify(body))])
  }

  #watch(ms: number, signal: AbortSignal | undefined): Readable {
    const answer = new PassThrough()
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '7' } } }
    let cancel = () => {}
    const end = this.#clock.now() + ms
    const wait = () => {
      const left = end - this.#clock.now()
      if (left <= 0) return void answer.end()
      cancel = this.#clock.after(Math.min(left, MINUTE), () => {
        answer.write(`${JSON.stringify(bookmark)}\n`)
        wait()
      })
    }
    wait()
    signal?.addEventListener('abort', () => {
      cancel()
      answer.destroy()
    })
    return answer
  }
}

function nameOf({ metadata }: KubeObject): unknown {
  return (metadata as { name?: unknown }).name
}
