import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { KubeClock } from './clock.ts'
import { statusError, transportError } from './failure.ts'
import { KubeError, type KubeQuery } from './kube-api.ts'
import type { Access, ServerAccess } from './server-access.ts'

/** One request to the API server. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PATCH'
  path: string
  query?: KubeQuery
  /** JSON, and what it is called. */
  body?: { type: string; value: unknown }
  signal?: AbortSignal | undefined
}

interface Deadline {
  head: number
  body: number
}

/** An error's Status; more is none. */
const LARGEST_ERROR = 64 * 1024
/** A broken connection that nobody closes is noticed by the system's own probes, in milliseconds of silence. */
const KEEP_ALIVE_MS = 30_000

/** Sends requests over connections of their own, with client-node's authentication. */
export class ApiExchange {
  readonly #access: ServerAccess
  readonly #clock: KubeClock
  readonly #userAgent: string

  /** `userAgent`: what the API server's audit log names this process by. */
  constructor(access: ServerAccess, clock: KubeClock, userAgent: string) {
    this.#access = access
    this.#clock = clock
    this.#userAgent = userAgent
  }

  /**
   * Sends one request and hands its successful answer to `read`. `deadline`, in milliseconds: for the head of the answer,
   * and for the words of an error; then until `read` is done. Where a token is refused and its file holds another, the request is sent once more.
   * Throws KubeError; nothing of the connection outlives the call.
   */
  async send<T>(
    request: ApiRequest,
    deadline: Deadline,
    read: (answer: IncomingMessage, title: string) => Promise<T>,
  ): Promise<T> {
    const access = await this.#access.access()
    try {
      return await this.#once(request, access, deadline, read)
    } catch (error) {
      if (!(error instanceof KubeError) || error.failure.reason !== 'unauthorized') throw error
      this.#access.forget()
      const fresh = await this.#access.access()
      if (fresh.secret === access.secret) throw error
      return await this.#once(request, fresh, deadline, read)
    }
  }

  async #once<T>(
    request: ApiRequest,
    access: Access,
    deadline: Deadline,
    read: (answer: IncomingMessage, title: string) => Promise<T>,
  ): Promise<T> {
    const title = `${request.method} ${request.path}`
    const end = new AbortController()
    const late = (ms: number) =>
      end.abort(new KubeError({ reason: 'timeout', message: `${title}: no answer within ${ms / 1000} s` }))
    const abort = () => end.abort(aborted(title))
    if (request.signal?.aborted === true) abort()
    request.signal?.addEventListener('abort', abort)
    let stopClock = this.#clock.after(deadline.head, () => late(deadline.head))
    try {
      const answer = await this.#head(request, access, end.signal, title)
      stopClock()
      const { statusCode = 0 } = answer
      const isGood = statusCode >= 200 && statusCode < 300
      // The words of an error are short, however long a watch may take.
      const left = isGood ? deadline.body : deadline.head
      stopClock = this.#clock.after(left, () => late(left))
      if (isGood) return await read(answer, title)
      throw statusError(title, statusCode, await statusOf(answer), answer.headers['retry-after'])
    } catch (error) {
      throw withoutSecret(end.signal.aborted ? end.signal.reason : transportError(title, error), access.secret)
    } finally {
      stopClock()
      request.signal?.removeEventListener('abort', abort)
      // The connection ends with the call, however that ended.
      end.abort(aborted(title))
    }
  }

  #head(request: ApiRequest, access: Access, signal: AbortSignal, title: string): Promise<IncomingMessage> {
    const { method, path, query, body } = request
    const text = body === undefined ? null : Buffer.from(JSON.stringify(body.value))
    return new Promise((resolve, reject) => {
      if (!path.startsWith('/')) throw new KubeError({ reason: 'refused', message: `${title}: no path` })
      const url = new URL(access.server + path)
      for (const [key, value] of Object.entries(query ?? {})) {
        if (value !== undefined) url.searchParams.set(key, String(value))
      }
      const send = url.protocol === 'http:' ? httpRequest : httpsRequest
      const sent = send(url, {
        ...access.options,
        agent: false,
        method,
        signal,
        headers: {
          ...(access.options.headers as Record<string, string>),
          Accept: 'application/json',
          'User-Agent': this.#userAgent,
          ...(text === null ? {} : { 'Content-Type': body?.type, 'Content-Length': `${text.length}` }),
        },
      })
      sent.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS))
      sent.on('response', (answer) => {
        // Whoever reads hears of a failure; where nobody does any more, it is no fault of the process.
        answer.on('error', () => {})
        resolve(answer)
      })
      sent.on('error', reject)
      sent.end(text)
    })
  }
}

function aborted(title: string): KubeError {
  return new KubeError({ reason: 'unreachable', message: `${title}: given up by Pullpath` })
}

/** Reads a whole body, at most `largest` bytes of it. */
export async function readBody(answer: IncomingMessage, largest: number, title: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > largest) throw new KubeError({ reason: 'malformed', message: `${title}: more than ${largest} bytes` })
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

async function statusOf(answer: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse((await readBody(answer, LARGEST_ERROR, '')).toString('utf8'))
  } catch {
    return null // The status code stands, whatever becomes of the words.
  }
}

/** Whatever answers could send back what it was sent. */
function withoutSecret(error: unknown, secret: string | null): unknown {
  if (!(error instanceof KubeError) || secret === null) return error
  const token = secret.replace(/^\S+ /, '')
  const { reason, message } = error.failure
  if (token === '' || !message.includes(token)) return error
  return new KubeError({ reason, message: message.replaceAll(token, '***') }, error.retryAfter)
}
