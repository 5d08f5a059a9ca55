import { setTimeout as pause } from 'node:timers/promises'
import { PullpathError } from '../../errors.ts'
import { Any, Data, ImageStore, OCIRegistry, StreamInit, WindowUpdate } from './containerd-messages.ts'
import type { Witness, WitnessTask } from './daemon-client.ts'
import type { DaemonRpc } from './daemon-rpc.ts'
import * as methods from './methods.ts'
import type { Message } from './wire-format.ts'
import { WitnessLog } from './witness-log.ts'

/** Bytes of the dump that containerd may send ahead. */
const CREDIT = 1 << 20
/** HTTPDebug.DEBUG: the dump of requests and answers. */
const DEBUG = 1
/** The transfer's answer may overtake the end of the dump; nothing says that the dump is over. Milliseconds. */
const AFTERMATH = 100
/** For the end of the streams, after the transfer's own deadline. */
const STREAM_EXTRA = 10_000

/**
 * Lets containerd fetch `task.reference` by `task.hostsDir` into `namespace`, with the dump of its HTTP dialogue sent
 * over a stream (services/transfer, types/transfer/registry.proto: `http_debug`, `logs_stream`; 2.1 and later), and
 * removes the image again. Rejects where the dump cannot be had; that the fetch fails is a part of the answer.
 */
export async function witness(
  rpc: DaemonRpc,
  namespace: string,
  task: WitnessTask,
  deleteImage: (name: string) => Promise<boolean>,
): Promise<Witness> {
  const log = new WitnessLog()
  const stream = new LogStream(rpc, namespace, task.deadline + STREAM_EXTRA, log)
  try {
    await stream.opened
    const error = await fetchImage(rpc, namespace, task, stream.id)
    await pause(AFTERMATH)
    return { requests: log.requests(), error }
  } finally {
    stream.cancel()
    await deleteImage(task.reference)
  }
}

async function fetchImage(
  rpc: DaemonRpc,
  namespace: string,
  { reference, hostsDir, platform, deadline }: WitnessTask,
  logsStream: string,
): Promise<PullpathError | null> {
  const resolver = { hostDir: hostsDir, httpDebug: DEBUG, logsStream }
  const source = any(OCIRegistry, { reference, resolver })
  const destination = any(ImageStore, { name: reference, platforms: [platform] })
  try {
    await rpc.call(methods.TRANSFER, { source, destination }, { namespace, deadline })
    return null
  } catch (error) {
    if (error instanceof PullpathError) return error
    throw error
  }
}

/** Where the dump comes in. containerd sends only as much as it has credit for. */
class LogStream {
  readonly id = `pullpath-${process.pid}-${process.hrtime.bigint()}`
  /** The daemon knows the stream by its id. */
  readonly opened: Promise<void>
  readonly cancel: () => void

  constructor(rpc: DaemonRpc, namespace: string, deadline: number, log: WitnessLog) {
    const opening = Promise.withResolvers<void>()
    let isOpen = false
    const stream = rpc.duplex(
      methods.STREAM.path,
      { deadline, namespace },
      {
        onMessage: (message) => {
          const { typeUrl, value } = Any.decode(message)
          if (!isOpen) {
            isOpen = true
            stream.send(Any.encode(any(WindowUpdate, { update: CREDIT })))
            return opening.resolve()
          }
          // Both forms of the name are in use, with and without `type.googleapis.com/`.
          if (typeUrl.slice(typeUrl.lastIndexOf('/') + 1) !== Data.name) return
          const { data } = Data.decode(value)
          log.add(data, Date.now())
          stream.send(Any.encode(any(WindowUpdate, { update: data.length })))
        },
        onEnd: (error) => opening.reject(error),
      },
    )
    stream.send(Any.encode(any(StreamInit, { id: this.id })))
    this.opened = opening.promise
    this.cancel = () => stream.cancel()
  }
}

function any<T extends object>(type: Message<T>, value: Partial<T>): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: type.name, value: type.encode(value) }
}
