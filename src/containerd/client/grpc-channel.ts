import { type ClientDuplexStream, credentials, Client as GrpcClient, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { RpcFailure } from './daemon-error.ts'

/** Where and how one call goes; `namespace`: containerd's, for what is kept apart by it. */
export interface CallOptions {
  /** Milliseconds; null: a stream without an end. */
  deadline: number | null
  namespace: string | null
  /** What is made for the call belongs to it; default: to a lease that containerd makes itself. */
  lease?: string
  /** Ends a unary call, which then fails. */
  signal?: AbortSignal
}

/** A stream under way. */
export interface Stream {
  send(message: Uint8Array): void
  /** Nothing is heard of it any more. */
  cancel(): void
}

export interface StreamListener {
  onMessage(message: Uint8Array): void
  /** Once; null: the daemon ended it well. */
  onEnd(failure: RpcFailure | null): void
}

/** A connection is tried again after this long at most: a daemon that is started must be seen soon. */
const LONGEST_PAUSE = 2_000
/** ListImages and Content.List of a full node exceed the usual 4 MiB. */
const LONGEST_MESSAGE = 16 * 1024 * 1024

/**
 * A connection to the daemon's socket, made when it is needed and again when it is lost, by the path: a restarted
 * daemon has another socket of the same name. What goes over it stays bytes: the messages are not its business.
 */
export class GrpcChannel {
  readonly #client: GrpcClient
  readonly #underWay = new Set<{ cancel(): void }>()
  #isClosed = false

  constructor(socket: string) {
    this.#client = new GrpcClient(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': LONGEST_PAUSE,
      'grpc.max_receive_message_length': LONGEST_MESSAGE,
      'grpc.enable_channelz': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Rejects with a RpcFailure. */
  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const cancel = () => call.cancel()
      const done = (error: ServiceError | null, answer?: Buffer) => {
        this.#underWay.delete(call)
        options.signal?.removeEventListener('abort', cancel)
        if (error === null && answer !== undefined) resolve(answer)
        else reject(failureOf(error))
      }
      const call = this.#client.makeUnaryRequest(
        `/${path}`,
        asBuffer,
        asIs,
        request,
        metadataOf(options),
        timeOf(options),
        done,
      )
      this.#underWay.add(call)
      options.signal?.addEventListener('abort', cancel)
      if (options.signal?.aborted === true) cancel()
    })
  }

  /** One request, any number of answers. */
  serverStream(path: string, request: Uint8Array, options: CallOptions, listener: StreamListener): Stream {
    const call = this.#client.makeServerStreamRequest(
      `/${path}`,
      asBuffer,
      asIs,
      request,
      metadataOf(options),
      timeOf(options),
    )
    this.#underWay.add(call)
    return { send: () => undefined, cancel: this.#listen(call, listener) }
  }

  /** Both sides send when they like. */
  duplexStream(path: string, options: CallOptions, listener: StreamListener): Stream {
    const call: ClientDuplexStream<Uint8Array, Buffer> = this.#client.makeBidiStreamRequest(
      `/${path}`,
      asBuffer,
      asIs,
      metadataOf(options),
      timeOf(options),
    )
    this.#underWay.add(call)
    return {
      send: (message) => {
        call.write(message)
      },
      cancel: this.#listen(call, listener),
    }
  }

  /** What is under way ends with a failure. */
  close(): void {
    this.#isClosed = true
    for (const call of this.#underWay) call.cancel()
    this.#client.close()
  }

  /** Returns what cancels the call silently. */
  #listen(call: NodeJS.EventEmitter & { cancel(): void }, { onMessage, onEnd }: StreamListener): () => void {
    let isOver = false
    const end = (failure: RpcFailure | null) => {
      this.#underWay.delete(call)
      if (isOver) return
      isOver = true
      onEnd(failure)
    }
    call.on('data', (message: Buffer) => {
      if (!isOver) onMessage(message)
    })
    call.on('error', (error: ServiceError) => end(failureOf(error)))
    call.on('end', () => end(null))
    return () => {
      isOver = true
      call.cancel()
    }
  }
}

function metadataOf({ namespace, lease }: CallOptions): Metadata {
  const metadata = new Metadata()
  if (namespace !== null) metadata.set('containerd-namespace', namespace)
  if (lease !== undefined) metadata.set('containerd-lease', lease)
  return metadata
}

function timeOf({ deadline }: CallOptions): { deadline?: number } {
  return deadline === null ? {} : { deadline: Date.now() + deadline }
}

function failureOf(error: ServiceError | null): RpcFailure {
  return { code: error?.code ?? 2, details: error?.details ?? 'no answer and no error' }
}

function asBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength)
}

function asIs(message: Buffer): Buffer {
  return message
}
