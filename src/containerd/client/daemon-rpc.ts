import { PullpathError } from '../../errors.ts'
import {
  CANCELLED,
  closedError,
  daemonError,
  protocolError,
  type RpcFailure,
  silentError,
  unfinishedError,
} from './daemon-error.ts'
import { type CallOptions, GrpcChannel, type Stream } from './grpc-channel.ts'
import { type Method, VERSION } from './methods.ts'
import { OneAtATime } from './one-at-a-time.ts'
import type { Message } from './wire-format.ts'

/** How long a daemon may take, in milliseconds. */
export interface Patience {
  /** For what a healthy daemon answers at once. */
  answer: number
  /** To collect garbage. Seen: 7 to 33 ms; a slow disk may take much longer. */
  removal: number
  /** To say that it is alive, where something else was not done in time. */
  alive: number
}

/** The daemon is told of the deadline, and may break the call off before this side does. Milliseconds. */
const EARLY = 50

interface Options {
  /** Milliseconds; for methods that have none of their own. */
  deadline?: number
  namespace?: string
}

type UnaryOptions = Options & Pick<CallOptions, 'lease' | 'signal'>

/** Calls by method: messages in and out, one of a kind at a time, errors of the catalogue and no others. */
export class DaemonRpc {
  readonly #socket: string
  readonly #channel: GrpcChannel
  readonly #patience: Patience
  readonly #kinds = new Map<string, OneAtATime>()

  constructor(socket: string, patience: Patience) {
    this.#socket = socket
    this.#patience = patience
    this.#channel = new GrpcChannel(socket)
  }

  call<Q extends object, A extends object>(
    method: Method<Q, A>,
    request: Partial<Q>,
    options: UnaryOptions = {},
  ): Promise<A> {
    const deadline = this.#deadlineOf(method, options)
    const send = (remaining: number) =>
      this.#channel.unary(method.path, method.request.encode(request), {
        ...options,
        deadline: remaining,
        namespace: options.namespace ?? null,
      })
    return this.#inTurn(method, deadline, async (remaining) => this.#decode(method, await send(remaining)))
  }

  /** All answers to one request. */
  callForAll<Q extends object, A extends object>(
    method: Method<Q, A>,
    request: Partial<Q>,
    options: Options = {},
  ): Promise<A[]> {
    const deadline = this.#deadlineOf(method, options)
    const send = (remaining: number) =>
      new Promise<Uint8Array[]>((resolve, reject) => {
        const answers: Uint8Array[] = []
        const options_ = { deadline: remaining, namespace: options.namespace ?? null }
        this.#channel.serverStream(method.path, method.request.encode(request), options_, {
          onMessage: (message) => answers.push(message),
          onEnd: (failure) => (failure === null ? resolve(answers) : reject(failure)),
        })
      })
    return this.#inTurn(method, deadline, async (remaining) => {
      return (await send(remaining)).map((answer) => this.#decode(method, answer))
    })
  }

  /** A stream without an end; where a message of it cannot be read the stream is over. Returns what ends it. */
  stream<Q extends object>(
    method: Method<Q, object>,
    request: Partial<Q>,
    onEnd: (error: PullpathError) => void,
    onMessage: (message: Uint8Array) => void,
  ): () => void {
    const options = { deadline: null, namespace: null }
    const stream: Stream = this.#channel.serverStream(method.path, method.request.encode(request), options, {
      onMessage: (message) => {
        try {
          onMessage(message)
        } catch (error) {
          stream.cancel()
          onEnd(this.#unreadable(method.path, error))
        }
      },
      onEnd: (failure) => onEnd(this.#streamError(method.path, failure)),
    })
    return () => stream.cancel()
  }

  /** A stream of both sides, `Any` each way. `onMessage` may throw what cannot be read. */
  duplex(
    path: string,
    { deadline, namespace }: Required<Options>,
    listener: { onMessage(message: Uint8Array): void; onEnd(error: PullpathError): void },
  ): Stream {
    const stream = this.#channel.duplexStream(
      path,
      { deadline, namespace },
      {
        onMessage: (message) => {
          try {
            listener.onMessage(message)
          } catch (error) {
            stream.cancel()
            listener.onEnd(this.#unreadable(path, error))
          }
        },
        onEnd: (failure) => listener.onEnd(this.#streamError(path, failure)),
      },
    )
    return stream
  }

  /** Throws PP_DAEMON_UNREACHABLE after `close`. */
  checkOpen(): void {
    if (this.#channel.isClosed) throw closedError(this.#socket)
  }

  close(): void {
    this.#channel.close()
  }

  #deadlineOf({ duration }: Pick<Method<object, object>, 'duration'>, { deadline }: Options): number {
    return duration === 'quick' ? this.#patience.answer : (deadline ?? this.#patience.removal)
  }

  #inTurn<T>(
    { path, duration }: Pick<Method<object, object>, 'path' | 'duration'>,
    deadline: number,
    call: (remaining: number) => Promise<T>,
  ): Promise<T> {
    let kind = this.#kinds.get(path)
    if (kind === undefined) {
      kind = new OneAtATime(() => unfinishedError(path, this.#socket, deadline))
      this.#kinds.set(path, kind)
    }
    return kind.run(deadline, async (remaining) => {
      this.checkOpen()
      const end = performance.now() + remaining - EARLY
      try {
        return await call(remaining)
      } catch (failure) {
        const isLate = isRpcFailure(failure) && failure.code === CANCELLED && performance.now() >= end
        const error = isLate ? silentError(path, this.#socket, deadline) : this.#errorOf(path, deadline, failure)
        const mayBeAtWork = error.code === 'PP_DAEMON_SILENT' && duration !== 'quick'
        throw mayBeAtWork && (await this.#isAlive()) ? unfinishedError(path, this.#socket, deadline) : error
      }
    })
  }

  #errorOf(path: string, deadline: number, failure: unknown): PullpathError {
    if (failure instanceof PullpathError) return failure
    if (this.#channel.isClosed) return closedError(this.#socket)
    if (!isRpcFailure(failure)) return new PullpathError('PP_INTERNAL', `${path} failed`, { cause: failure })
    return daemonError(path, this.#socket, deadline, failure)
  }

  async #isAlive(): Promise<boolean> {
    try {
      await this.#channel.unary(VERSION.path, VERSION.request.encode({}), {
        deadline: this.#patience.alive,
        namespace: null,
      })
      return true
    } catch {
      return false // whatever is wrong, it does not answer
    }
  }

  #streamError(path: string, failure: RpcFailure | null): PullpathError {
    if (this.#channel.isClosed) return closedError(this.#socket)
    if (failure === null) return protocolError(path, this.#socket, 'the stream ended')
    return daemonError(path, this.#socket, 0, failure)
  }

  #decode<A extends object>({ path, answer }: { path: string; answer: Message<A> }, bytes: Uint8Array): A {
    try {
      return answer.decode(bytes)
    } catch (error) {
      throw this.#unreadable(path, error)
    }
  }

  #unreadable(path: string, error: unknown): PullpathError {
    return protocolError(path, this.#socket, error instanceof Error ? error.message : 'unreadable')
  }
}

function isRpcFailure(value: unknown): value is RpcFailure {
  return typeof value === 'object' && value !== null && 'code' in value && 'details' in value
}
