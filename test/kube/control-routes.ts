import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiServer } from './api-server.ts'
import type { FaultRule } from './faults.ts'
import { ADMIN_TOKEN, type User } from './rbac.ts'

/** What the double is told from outside its process. */
export type ControlOrder =
  | { order: 'fault'; rule: FaultRule }
  | { order: 'clear' }
  | { order: 'user'; token: string; user: User | null }
  | { order: 'compact' }
  | { order: 'end-watches' }
  | { order: 'cut' }
  /** So many milliseconds. */
  | { order: 'refuse'; ms: number }
  | { order: 'flux'; isInstalled: boolean }
  /** Answered with all entries. */
  | { order: 'journal' }

/** `POST /-/`, with a ControlOrder and the administrator's token. */
export async function controlRoute(
  server: ApiServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.headers.authorization !== `Bearer ${ADMIN_TOKEN}`) return void response.writeHead(401).end()
  const order: ControlOrder = JSON.parse(await text(request))
  const answer = () => response.end(`${JSON.stringify(order.order === 'journal' ? server.journal.entries : null)}\n`)
  switch (order.order) {
    case 'fault':
      server.faults.add(order.rule)
      break
    case 'clear':
      server.faults.clear()
      break
    case 'user':
      if (order.user === null) server.users.delete(order.token)
      else server.users.set(order.token, order.user)
      break
    case 'compact':
      server.store.compact()
      break
    case 'end-watches':
      server.endWatches()
      break
    case 'flux':
      server.hasFlux = order.isInstalled
      break
    case 'cut':
    case 'refuse':
      // Its own connection breaks as well: what was ordered is answered first.
      response.on('finish', () => void breakOff(server, order.order === 'refuse' ? order.ms : null))
      break
    case 'journal':
      break
  }
  answer()
}

async function breakOff(server: ApiServer, ms: number | null): Promise<void> {
  if (ms === null) return server.cut()
  await server.refuse()
  await delay(ms)
  await server.accept()
}
