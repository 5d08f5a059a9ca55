import * as native from './containerd-messages.ts'
import type { DaemonEvent } from './daemon-client.ts'
import type { Value } from './wire-format.ts'

/** Reads an envelope; null: an event that nobody here needs. Throws RangeError and TypeError for what is none. */
export function readEvent(bytes: Uint8Array): DaemonEvent | null {
  const { timestamp, namespace, topic, event } = native.Envelope.decode(bytes)
  const payload = payloadOf(topic, event)
  return payload === null ? null : { at: timestamp ?? 0, namespace, ...payload }
}

type Payload = DaemonEvent extends infer E ? (E extends DaemonEvent ? Omit<E, 'at' | 'namespace'> : never) : never

function payloadOf(topic: string, event: Value<typeof native.Any> | null): Payload | null {
  const value = event?.value ?? new Uint8Array()
  switch (topic) {
    case '/images/create':
      return { topic, ...native.ImageCreate.decode(value) }
    case '/images/update':
      return { topic, ...native.ImageUpdate.decode(value) }
    case '/images/delete':
      return { topic, ...native.ImageDelete.decode(value) }
    case '/containers/create':
      return { topic, ...native.ContainerCreate.decode(value) }
    case '/content/create':
      return { topic, ...native.ContentCreate.decode(value) }
    case '/content/delete':
      return { topic, ...native.ContentDelete.decode(value) }
    case '/snapshot/prepare':
      return { topic, ...native.SnapshotPrepare.decode(value) }
    case '/snapshot/commit':
      return { topic, ...native.SnapshotCommit.decode(value) }
    case '/snapshot/remove':
      return { topic, ...native.SnapshotRemove.decode(value) }
    default:
      return null
  }
}
