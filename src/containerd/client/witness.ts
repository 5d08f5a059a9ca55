import { setTimeout as pause } from 'node:timers/promises'
import { PullpathError } from '../../errors.ts'
import type { Witness, WitnessTask } from '../witness.ts'
import { Any, Data, ImageStore, OCIRegistry, StreamInit, WindowUpdate } from './containerd-messages.ts'
import type { NamespaceClient } from './daemon-client.ts'
import type { DaemonRpc } from './daemon-rpc.ts'
import * as methods from './methods.ts'
import type { Message } from './wire-format.ts'
import { WitnessLog } from './witness-log.ts'

/**
 * Bytes of the dump that containerd may send: all that can be said. It must never run out, since containerd's writer
 * (core/transfer/streaming/writer.go) counts without a lock: two writes at a time can take more than is left, and a
 * negative rest ends the daemon. The fetch is cancelled long before.
 */
const CREDIT = 2 ** 31 - 1
/** HTTPDebug.DEBUG: the dump of requests and answers. */
const DEBUG = 1
/** A witness is for a few KB; containerd has every body in memory while it dumps it. */
const MOST_BYTES = 1 << 20
/** The transfer's answer may overtake the end of the dump; nothing says that the dump is over. Milliseconds. */
const AFTERMATH = 100
/** For the end of the streams, after the transfer's own deadline. */
const STREAM_EXTRA = 10_000
/** So long before the deadline a failure is one of the deadline. Milliseconds. */
const EARLY = 50
/** How long a daemon that went away is waited for, to remove what was left; and how often it is asked. Milliseconds. */
const REMOVAL_WITHIN = 15_000
const REMOVAL_PAUSE = 250
/** What could not be removed expires by itself (containerd: docs/garbage-collection.md), this long after the deadline. */
const EXPIRES_AFTER = 60_000
const EXPIRES = 'containerd.io/gc.expire'

type Remover = Pick<NamespaceClient, 'createLease' | 'deleteImage' | 'deleteLease'>

/**
 * Lets containerd fetch `task.reference` by `task.hostsDir` into `namespace`, with the dump of its HTTP dialogue sent
 * over a stream (services/transfer, types/transfer/registry.proto: `http_debug`, `logs_stream`; 2.1 and later), and
 * removes everything again: it all belongs to a lease of this one witness. Rejects where the dump cannot be had, or
 * something could not be removed; that the fetch fails is a part of the answer.
 */
export async function witness(
  rpc: DaemonRpc,
  namespace: string,
  remover: Remover,
  task: WitnessTask,
): Promise<Witness> {
  const id = `pullpath-${process.pid}-${process.hrtime.bigint()}`
  const labels = new Map([[EXPIRES, new Date(Date.now() + task.deadline + EXPIRES_AFTER).toISOString()]])
  await remover.createLease(id, labels)
  const log = new WitnessLog(MOST_BYTES)
  const ending = new AbortController()
  const stream = new LogStream(rpc, { id, namespace, deadline: task.deadline + STREAM_EXTRA }, (data) => {
    log.add(data, Date.now())
    if (log.cutShort !== null) ending.abort()
  })
  try {
    await stream.opened
    const signal = AbortSignal.any([ending.signal, ...(task.signal === undefined ? [] : [task.signal])])
    const error = await fetchImage(rpc, task, { id, labels, namespace, signal })
    await pause(AFTERMATH)
    const { cutShort } = log
    return { requests: log.requests(), manifests: log.manifests(), error: cutShort === null ? error : null, cutShort }
  } finally {
    stream.cancel()
    await removeAll(rpc, remover, task.reference, id)
  }
}

async function fetchImage(
  rpc: DaemonRpc,
  { reference, hostsDir, platform, deadline }: WitnessTask,
  {
    id,
    labels,
    ...options
  }: { id: string; labels: ReadonlyMap<string, string>; namespace: string; signal: AbortSignal },
): Promise<PullpathError | null> {
  const resolver = { hostDir: hostsDir, httpDebug: DEBUG, logsStream: id }
  const source = any(OCIRegistry, { reference, resolver })
  const destination = any(ImageStore, { name: reference, labels, platforms: [platform] })
  const end = performance.now() + deadline - EARLY
  try {
    await rpc.call(methods.TRANSFER, { source, destination }, { ...options, deadline, lease: id })
    return null
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    if (error.code !== 'PP_DAEMON_REFUSED' || performance.now() < end) return error
    // containerd knows the deadline too, and then fails by itself, with whatever it had come to.
    return new PullpathError('PP_DAEMON_UNFINISHED', `the fetch was not done within ${deadline} ms: ${error.message}`)
  }
}

/** The daemon may just be starting again: what is left of the witness waits on its disk. */
async function removeAll(rpc: DaemonRpc, remover: Remover, reference: string, lease: string): Promise<void> {
  const end = performance.now() + REMOVAL_WITHIN
  for (;;) {
    try {
      await remover.deleteImage(reference)
      // With the lease goes what only it held: content, and ingests that were broken off.
      await remover.deleteLease(lease)
      return
    } catch (error) {
      rpc.checkOpen()
      if (!isAway(error) || performance.now() > end) throw error
      await pause(REMOVAL_PAUSE)
    }
  }
}

function isAway(error: unknown): boolean {
  if (!(error instanceof PullpathError)) return false
  return error.code === 'PP_DAEMON_UNREACHABLE' || error.code === 'PP_DAEMON_SILENT'
}

/** Where the dump comes in. */
class LogStream {
  /** The daemon knows the stream by its id. */
  readonly opened: Promise<void>
  readonly cancel: () => void

  constructor(
    rpc: DaemonRpc,
    { id, ...options }: { id: string; namespace: string; deadline: number },
    onData: (data: Uint8Array) => void,
  ) {
    const opening = Promise.withResolvers<void>()
    let isOpen = false
    const stream = rpc.duplex(methods.STREAM.path, options, {
      onMessage: (message) => {
        const { typeUrl, value } = Any.decode(message)
        if (!isOpen) {
          isOpen = true
          stream.send(Any.encode(any(WindowUpdate, { update: CREDIT })))
          return opening.resolve()
        }
        // Both forms of the name are in use, with and without `type.googleapis.com/`.
        if (typeUrl.slice(typeUrl.lastIndexOf('/') + 1) === Data.name) onData(Data.decode(value).data)
      },
      onEnd: (error) => opening.reject(error),
    })
    stream.send(Any.encode(any(StreamInit, { id })))
    this.opened = opening.promise
    this.cancel = () => stream.cancel()
  }
}

function any<T extends object>(type: Message<T>, value: Partial<T>): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: type.name, value: type.encode(value) }
}
