import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { SecureContext } from 'node:tls'
import { PullpathError } from '../errors.ts'
import type { Operation } from './operation.ts'
import type { Exchange, Limits } from './registry-client.ts'
import type { FailureFacts, RegistryReason } from './registry-error.ts'
import { Stopwatch } from './request-phases.ts'
import { transportFailure } from './transport-failure.ts'

/** One request as it goes over the wire. */
export interface OutgoingRequest {
  purpose: Exchange['purpose']
  method: string
  url: URL
  headers: Readonly<Record<string, string>>
  body: RequestBody | null
  tls: { secureContext: SecureContext | undefined; verify: boolean }
  /** null: the system's resolver. */
  lookup: LookupFunction | null
}

export interface RequestBody {
  size: number
  /** Exactly `size` bytes. */
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** The system has taken so many more bytes. */
  onSent?: ((bytes: number) => void) | undefined
}

type PhaseLimit = Exclude<keyof Limits, 'total'>

/** One request and its answer over a connection of their own, so that every phase is this request's. */
export class HttpExchange {
  readonly #operation: Operation
  readonly #outgoing: OutgoingRequest
  readonly #stopwatch: Stopwatch
  readonly #request: ClientRequest
  readonly #head = Promise.withResolvers<IncomingMessage>()
  readonly #end = Promise.withResolvers<void>()
  #response: IncomingMessage | null = null
  #timer: NodeJS.Timeout | undefined
  #stopWriting: () => void = () => {}
  #received = 0
  #isOver = false

  /** Sends the request. Fulfilled with the head of its answer; then `read` or `discard` ends it. */
  static async open(operation: Operation, outgoing: OutgoingRequest): Promise<HttpExchange> {
    const exchange = new HttpExchange(operation, outgoing)
    exchange.#response = await exchange.#head.promise
    return exchange
  }

  private constructor(operation: Operation, outgoing: OutgoingRequest) {
    this.#operation = operation
    this.#outgoing = outgoing
    const host = outgoing.url.hostname.replace(/^\[(.*)\]$/, '$1')
    const isTls = outgoing.url.protocol === 'https:'
    this.#stopwatch = new Stopwatch({ hasName: isIP(host) === 0, isTls })
    this.#request = this.#prepare(host, isTls)
    // Whoever waits hears of a failure; where nobody does any more, it is no unhandled rejection.
    this.#head.promise.catch(() => {})
    this.#end.promise.catch(() => {})
    this.#listen(isTls)
    this.#within(isIP(host) === 0 ? 'resolve' : 'connect')
    operation.whenOver((reason) =>
      this.#failWith(reason, reason === 'timeout' ? lastedOver(operation.limits.total) : {}),
    )
    if (outgoing.body === null) this.#request.end()
    else this.#send(outgoing.body).catch((error: unknown) => this.#fail(error))
  }

  get method(): string {
    return this.#outgoing.method
  }

  get url(): URL {
    return this.#outgoing.url
  }

  get status(): number {
    return this.#response?.statusCode ?? 0
  }

  get headers(): IncomingHttpHeaders {
    return this.#response?.headers ?? {}
  }

  /** `Content-Length`; null: not said. */
  get length(): number | null {
    const text = this.headers['content-length']
    return text === undefined ? null : Number(text)
  }

  /**
   * Reads the body to its end. The bytes are valid until `onBytes` returns, or its promise is fulfilled; no more are
   * read until then.
   */
  async read(onBytes: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
    const response = this.#response
    if (response === null) throw new PullpathError('PP_INTERNAL', 'the body of an answer was read before its head')
    let consumed = Promise.resolve()
    response.on('data', (bytes: Buffer) => {
      if (this.#isOver) return
      this.#received += bytes.length
      this.#timer?.refresh()
      try {
        const pending = onBytes(bytes)
        if (pending === undefined) release(bytes)
        else consumed = this.#pauseFor(pending, bytes, response)
      } catch (error) {
        this.#fail(error)
      }
    })
    response.on('end', () => {
      // The last bytes may still be with the consumer.
      this.#stopwatch.mark('ended')
      consumed.then(() => {
        this.#close()
        this.#end.resolve()
      })
    })
    await this.#end.promise
  }

  /** Ends the exchange without the body. */
  discard(): void {
    this.#close()
  }

  error(reason: RegistryReason, facts: FailureFacts = {}): Error {
    return this.#operation.error(reason, this.#outgoing.url.origin, facts)
  }

  #prepare(host: string, isTls: boolean): ClientRequest {
    const { method, url, headers, body, tls, lookup } = this.#outgoing
    const options = {
      agent: false as const,
      method,
      host,
      port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, ...(body === null ? {} : { 'Content-Length': `${body.size}` }) },
      ...(lookup === null ? {} : { lookup }),
    }
    try {
      if (!isTls) return httpRequest(options)
      const { secureContext, verify } = tls
      return httpsRequest({ ...options, rejectUnauthorized: verify, ...(secureContext && { secureContext }) })
    } catch (error) {
      const name = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
      throw this.error('request-invalid', { name, detail: 'a header or the path holds what HTTP does not allow' })
    }
  }

  #listen(isTls: boolean): void {
    const request = this.#request
    const next = (mark: 'resolved' | 'connected' | 'secured', limit: PhaseLimit) => () => {
      this.#stopwatch.mark(mark)
      this.#within(limit)
    }
    request.on('socket', (socket) => {
      const resolved = next('resolved', 'connect')
      socket.once('lookup', (error: Error | null) => {
        if (error === null) resolved()
      })
      socket.once('connect', next('connected', isTls ? 'tls' : 'pause'))
      if (isTls) socket.once('secureConnect', next('secured', 'pause'))
      socket.once('data', () => this.#stopwatch.mark('answered'))
      // Node's parser has listened before, and has copied what it passes on.
      socket.on('data', release)
    })
    request.on('finish', () => {
      this.#stopwatch.mark('sent')
      if (this.#response === null) this.#within('processing')
    })
    request.on('response', (response) => {
      this.#stopwatch.mark('answered')
      this.#response = response
      this.#stopWriting()
      this.#within('pause')
      // Without an error of the connection itself, the answer ended early.
      response.on('error', () => this.#failWith('truncated', { detail: `after ${this.#received} bytes` }))
      this.#head.resolve(response)
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      const { reason, name } = transportFailure(error)
      const isMore = this.#response?.complete === true && reason === 'not-http'
      this.#failWith(isMore ? 'wrong-length' : reason, isMore ? { detail: 'more than it said' } : { name })
    })
    // Without a word: what Node takes for an upgrade to another protocol, for one.
    request.on('close', () => {
      if (this.#response === null) this.#failWith('reset', {})
    })
  }

  async #send(body: RequestBody): Promise<void> {
    let sent = 0
    for await (const bytes of body.open()) {
      if (this.#isOver || this.#response !== null) return
      sent += bytes.length
      if (sent > body.size) break
      await this.#write(bytes)
      this.#timer?.refresh()
      body.onSent?.(bytes.length)
    }
    if (this.#isOver || this.#response !== null) return
    if (sent !== body.size) throw new PullpathError('PP_INTERNAL', `a body of ${body.size} bytes had another length`)
    this.#request.end()
  }

  /** Fulfilled when the system has taken the bytes, or nobody will any more. */
  #write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stopWriting = resolve
    this.#request.write(bytes, () => resolve())
    return promise
  }

  async #pauseFor(pending: Promise<void>, bytes: Buffer, response: IncomingMessage): Promise<void> {
    response.pause()
    clearTimeout(this.#timer)
    try {
      await pending
    } catch (error) {
      this.#fail(error)
    }
    release(bytes)
    if (this.#isOver) return
    this.#within('pause')
    response.resume()
  }

  #within(limit: PhaseLimit): void {
    if (this.#isOver) return
    clearTimeout(this.#timer)
    const longest = this.#operation.limits[limit]
    this.#timer = setTimeout(() => this.#failWith('timeout', lastedOver(longest)), longest)
  }

  #failWith(reason: RegistryReason, facts: FailureFacts): void {
    if (!this.#isOver) this.#fail(this.error(reason, { ...facts, phase: this.#stopwatch.phase }))
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#close()
    this.#head.reject(error)
    this.#end.reject(error)
  }

  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#stopWriting()
    this.#operation.whenOver(null)
    this.#stopwatch.stop()
    const { purpose, method, url } = this.#outgoing
    const { startedAt, phases } = this.#stopwatch
    const status = this.#response?.statusCode ?? null
    const { origin } = url
    this.#operation.exchanges.push({ purpose, method, origin, status, startedAt, phases, bytes: this.#received })
    this.#request.destroy()
  }
}

/**
 * Gives the memory of bytes back at once. Left to the collector, a blob that streams through adds some 80 MiB to the
 * process before it is called, and a quarter more processor time. Bytes that share their memory are left alone.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

function lastedOver(milliseconds: number): FailureFacts {
  return { detail: `more than ${milliseconds} ms` }
}
