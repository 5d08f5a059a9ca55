/**
 * The doubled API server on a machine of the lab: objects and questions come over Node's channel, and it ends with its
 * parent. Its argument is ApiServerOptions in JSON.
 */
import type { ApiObject, Json } from '../kube/api-object.ts'
import { ApiServer } from '../kube/api-server.ts'
import type { Reply } from './asked-process.ts'

/** An object by the plural of its kind. */
export interface PutOrder {
  plural: string
  object: Json
}

export type ApiOrder =
  | { order: 'put'; objects: readonly PutOrder[] }
  /** Answered with the entries of the journal. */
  | { order: 'journal' }
  /**
   * Changes so many of the Events of that namespace at once, each a little. Answered with what each of the addresses was
   * sent for it: SentBytes by address.
   */
  | { order: 'storm'; namespace: string; count: number; addresses: readonly string[] }

/** Bytes, to those at one address who are connected. */
export interface SentBytes {
  /** Before the storm. */
  before: number
  storm: number
}

const server = await ApiServer.start(JSON.parse(process.argv[2] ?? '{}'))
// Longer than any test: bookmarks would be counted with what a storm costs.
server.bookmarkInterval = 3_600_000

async function obey(order: ApiOrder): Promise<unknown> {
  switch (order.order) {
    case 'put':
      for (const { plural, object } of order.objects) server.put(plural, object)
      return null
    case 'journal':
      return server.journal.entries
    case 'storm':
      return storm(order)
  }
}

async function storm(what: Extract<ApiOrder, { order: 'storm' }>): Promise<Record<string, SentBytes>> {
  const { namespace, count, addresses } = what
  const connected = addresses.map((address) => ({ address, before: server.bytesSentTo(address) }))
  const requests = server.journal.entries.length
  for (const it of server.store.list('events', namespace).slice(0, count)) server.put('events', again(it))
  // What was written is sent in the event loop's next phase.
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate)
  // Somebody asked for something meanwhile: it cannot be told from what the storm cost.
  if (server.journal.entries.length > requests) return storm(what)
  const sent = connected.map(({ address, before }): [string, SentBytes] => {
    return [address, { before, storm: server.bytesSentTo(address) - before }]
  })
  return Object.fromEntries(sent)
}

/** One more of the same kind, as the kubelet counts it. */
function again(event: ApiObject): ApiObject {
  return { ...event, count: Number(event.count) + 1, lastTimestamp: new Date().toISOString() }
}

process.on('message', async ({ number, ...order }: ApiOrder & { number: number }) => {
  process.send?.({ number, result: await obey(order) } satisfies Reply)
})
process.on('disconnect', () => process.exit())
process.send?.({ number: 0 } satisfies Reply)
