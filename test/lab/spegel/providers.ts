import { createServer, request, type Server } from 'node:http'
import { text } from 'node:stream/consumers'

/** A record outlives its holder's content: it is believed for this long. */
const VALID_MS = 19 * 60_000
const TELL_MS = 1_000

/**
 * Who has what. It stands for Spegel's distributed hash table, which in a cluster of fewer than twenty nodes keeps every
 * record on every node: each one tells all others what it has, and nobody is told what it no longer has.
 */
export class Providers {
  readonly #others: readonly string[]
  readonly #port: number
  readonly #own = new Set<string>()
  /** By key: until when each address is believed to have it, in milliseconds since the epoch. */
  readonly #records = new Map<string, Map<string, number>>()
  readonly #reached = new Set<string>()
  readonly #waiting = new Set<() => void>()
  readonly #server: Server

  /** `others`: the addresses of all other nodes; `port`: where each of them is told. */
  constructor(others: readonly string[], port: number) {
    this.#others = others
    this.#port = port
    this.#server = createServer(async (incoming, response) => {
      const address = incoming.socket.remoteAddress ?? ''
      if (incoming.method === 'POST') this.#record(address, JSON.parse(await text(incoming)))
      response.end(JSON.stringify([...this.#own]))
    })
  }

  async listen(address: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, address, resolve))
    await this.#tell()
  }

  /** Whether it has spoken with another one. */
  get isConnected(): boolean {
    return this.#reached.size > 0
  }

  async advertise(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#own.add(key)
    await this.#tell()
  }

  withdraw(keys: readonly string[]): void {
    for (const key of keys) this.#own.delete(key)
  }

  /** Addresses that are believed to have it, without this node's own. */
  holders(key: string): string[] {
    const now = Date.now()
    return [...(this.#records.get(key) ?? [])].filter(([, until]) => until > now).map(([address]) => address)
  }

  /** Resolves once this address is believed to have all of them. */
  whenHeldBy(address: string, keys: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!keys.every((key) => this.holders(key).includes(address))) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Tells everybody all it has, and takes what they answer: their own. */
  async #tell(): Promise<void> {
    const body = JSON.stringify([...this.#own])
    await Promise.all(
      this.#others.map(async (address) => {
        try {
          this.#record(address, JSON.parse(await post({ host: address, port: this.#port }, body)))
        } catch {
          // It is off, or cut off: it learns everything at the next occasion.
          this.#reached.delete(address)
        }
      }),
    )
  }

  #record(address: string, keys: readonly string[]): void {
    this.#reached.add(address)
    const until = Date.now() + VALID_MS
    for (const key of keys) {
      const holders = this.#records.get(key) ?? new Map<string, number>()
      this.#records.set(key, holders.set(address, until))
    }
    for (const check of this.#waiting) check()
  }
}

function post(to: { host: string; port: number }, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TELL_MS)
    request({ ...to, method: 'POST', path: '/keys', agent: false, signal }, (response) =>
      text(response).then(resolve, reject),
    )
      .on('error', reject)
      .end(body)
  })
}
