import { PullpathError } from '../../errors.ts'
import { closedError, daemonError, protocolError, type RpcFailure, unfinishedError } from './daemon-error.ts'
import { GrpcChannel, type Stream } from './grpc-channel.ts'
import { type Method, VERSION } from './methods.ts'
import { OneAtATime } from './one-at-a-time.ts'
import type { Message } from './wire-format.ts'

/** Longer than this, and the daemon may be at work: it is asked whether it is alive before it is called silent. */
const QUICK = 5_000
/** To say that it is alive. */
const ALIVE_WITHIN = 2_000

interface Options {
  /** Milliseconds; for methods that have none of their own. */
  deadline?: number
  namespace?: string
}

/** Calls by method: messages in and out, one of a kind at a time, errors of the catalogue and no others. */
export class DaemonRpc {
  readonly #socket: string
  readonly #channel: GrpcChannel
  readonly #kinds = new Map<string, OneAtATime>()

  constructor(socket: string) {
    this.#socket = socket
    this.#channel = new GrpcChannel(socket)
  }

  call<Q extends object, A extends object>(
    method: Method<Q, A>,
    request: Partial<Q>,
    options: Options = {},
  ): Promise<A> {
    const deadline = method.deadline ?? options.deadline ?? QUICK
    const send = (remaining: number) =>
      this.#channel.unary(method.path, method.request.encode(request), {
        deadline: remaining,
        namespace: options.namespace ?? null,
      })
    return this.#inTurn(method.path, deadline, async (remaining) => this.#decode(method, await send(remaining)))
  }

  /** All answers to one request. */
  callForAll<Q extends object, A extends object>(
    method: Method<Q, A>,
    request: Partial<Q>,
    options: Options = {},
  ): Promise<A[]> {
    const deadline = method.deadline ?? options.deadline ?? QUICK
    const send = (remaining: number) =>
      new Promise<Uint8Array[]>((resolve, reject) => {
        const answers: Uint8Array[] = []
        const options_ = { deadline: remaining, namespace: options.namespace ?? null }
        this.#channel.serverStream(method.path, method.request.encode(request), options_, {
          onMessage: (message) => answers.push(message),
          onEnd: (failure) => (failure === null ? resolve(answers) : reject(failure)),
        })
      })
    return this.#inTurn(method.path, deadline, async (remaining) => {
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

  #inTurn<T>(path: string, deadline: number, call: (remaining: number) => Promise<T>): Promise<T> {
    let kind = this.#kinds.get(path)
    if (kind === undefined) {
      kind = new OneAtATime(() => unfinishedError(path, this.#socket, deadline))
      this.#kinds.set(path, kind)
    }
    return kind.run(deadline, async (remaining) => {
      this.checkOpen()
      try {
        return await call(remaining)
      } catch (failure) {
        throw await this.#errorOf(path, deadline, failure)
      }
    })
  }

  async #errorOf(path: string, deadline: number, failure: unknown): Promise<PullpathError> {
    if (failure instanceof PullpathError) return failure
    if (this.#channel.isClosed) return closedError(this.#socket)
    if (!isRpcFailure(failure)) return new PullpathError('PP_INTERNAL', `${path} failed`, { cause: failure })
    const error = daemonError(path, this.#socket, deadline, failure)
    if (error.code !== 'PP_DAEMON_SILENT' || deadline <= QUICK) return error
    return (await this.#isAlive()) ? unfinishedError(path, this.#socket, deadline) : error
  }

  async #isAlive(): Promise<boolean> {
    try {
      await this.#channel.unary(VERSION.path, VERSION.request.encode({}), { deadline: ALIVE_WITHIN, namespace: null })
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
