/**
 * A registry with one image that gives the last half of what it is asked for only when it is told to, and writes down
 * when it was asked and when it gave the last byte. A process of its own, since it lives in the network of the daemon.
 * Its arguments: the address, and the port or 0. Speaks with its parent over Node's channel, and ends with it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestImage } from './image.ts'

/** One request and its answer. Times: whole milliseconds since the epoch, what is below left out. */
export interface GatedEntry {
  method: string
  /** A tag, or a digest. */
  object: string
  /** Its head was read, so it was sent before. */
  askedAt: number
  /** The head and the first half were about to be given to the kernel, so nobody had them before. */
  headAt: number
  /** The same of the last bytes; of a HEAD, of its head. */
  givenAt: number
}

export type GatedOrder =
  | { order: 'begin'; image: TestImage }
  /** The rest of these may be given, whether they were asked for or not. */
  | { order: 'release'; objects: readonly string[] }
  | { order: 'end' }

export type GatedMessage =
  | { told: 'ready'; port: number }
  | { told: 'begun' }
  | { told: 'asked'; object: string }
  | { told: 'log'; entries: GatedEntry[] }

/** What the first and the last half of an answer take at least, each: more than any clock's step, so that an interval in the wrong place is told. */
const ANSWER_MS = 40

const [, , address = '', port = ''] = process.argv
const tell = (message: GatedMessage) => process.send?.(message)
let image: TestImage | null = null
let entries: GatedEntry[] = []
let gates = new Map<string, PromiseWithResolvers<void>>()

function gateOf(object: string): PromiseWithResolvers<void> {
  const gate = gates.get(object) ?? Promise.withResolvers<void>()
  gates.set(object, gate)
  return gate
}

async function answer({ method = '', url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const askedAt = Date.now()
  const object = url.split('?')[0]?.split('/').at(-1) ?? ''
  const name = object.includes(':') ? object : (image?.manifests[0] ?? '')
  const content = image?.contents[name]
  if (content === undefined) return void response.writeHead(404).end()
  const body = Buffer.from(content.base64, 'base64')
  tell({ told: 'asked', object })
  const headers = { 'content-type': content.mediaType, 'content-length': body.length, 'docker-content-digest': name }
  const half = body.length >> 1
  await delay(ANSWER_MS)
  const headAt = Date.now()
  if (method !== 'HEAD') {
    response.writeHead(200, headers).write(body.subarray(0, half))
    await gateOf(object).promise
    await delay(ANSWER_MS)
  }
  entries.push({ method, object, askedAt, headAt, givenAt: Date.now() })
  if (method === 'HEAD') response.writeHead(200, headers).end()
  else response.end(body.subarray(half))
}

process.on('message', (message: GatedOrder) => {
  if (message.order === 'release') for (const it of message.objects) gateOf(it).resolve()
  else if (message.order === 'end') tell({ told: 'log', entries })
  else {
    image = message.image
    entries = []
    gates = new Map()
    tell({ told: 'begun' })
  }
})
process.on('disconnect', () => process.exit())
const server = createServer(answer).listen(Number(port), address, () => {
  const its = server.address()
  tell({ told: 'ready', port: typeof its === 'object' ? (its?.port ?? 0) : 0 })
})
