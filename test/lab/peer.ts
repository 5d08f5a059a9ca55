import { join } from 'node:path'
import type { RawAccessEntry } from './access-log.ts'
import { CONTAINERD_ROOT, CONTAINERD_SOCKET, mirroredRegistries, PEER_PORTS } from './cluster.ts'
import type { Machine, Program } from './machine.ts'
import type { PeerMessage, PeerOrder, PeerStart } from './peer-process.ts'
import type { PeerFault } from './spegel/registry-handler.ts'

/** The peer mirror of one node: it speaks as Spegel does, and serves from the node's containerd. */
export class Peer {
  readonly #machine: Machine
  readonly #start: PeerStart
  #process: { program: Program; ask(order: PeerOrder): Promise<void> } | null = null
  readonly #log: RawAccessEntry[] = []

  /** `patience`: how long it waits for another peer's answer at least, in milliseconds. */
  constructor(machine: Machine, others: readonly string[], { patience }: { patience: number }) {
    this.#machine = machine
    this.#start = {
      address: machine.address,
      others,
      socket: CONTAINERD_SOCKET,
      contentDirectory: join(CONTAINERD_ROOT, 'io.containerd.content.v1.content'),
      registries: mirroredRegistries(),
      ports: PEER_PORTS,
      podPort: PEER_PORTS.pod,
      patience,
    }
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const file = join(import.meta.dirname, 'peer-process.ts')
    const program = this.#machine.start(process.execPath, [file, JSON.stringify(this.#start)], {
      channel: true,
      log: process.stderr.fd,
    })
    const waiting = new Map<number, () => void>()
    program.child.on('message', (received) => {
      const message = received as PeerMessage
      if ('entry' in message) return void this.#log.push(message.entry)
      waiting.get(message.number)?.()
      waiting.delete(message.number)
    })
    let number = 0
    const reply = (to: number) =>
      new Promise<void>((resolve, reject) => {
        waiting.set(to, resolve)
        program.ended.then(() => reject(new Error(`the peer of ${this.#machine.name} ended`)))
      })
    const listens = reply(0)
    this.#process = {
      program,
      ask(order) {
        number += 1
        program.child.send({ ...order, number })
        return reply(number)
      },
    }
    await listens
  }

  /** Nobody listens on its ports then. What it holds is still listed with the other peers. */
  async stop(): Promise<void> {
    if (this.#process === null) return
    await this.#process.ask({ order: 'settle' })
    await this.#process.program.stop()
    this.#process = null
  }

  /** The same in the middle of whatever it serves; of that nothing is in its log. */
  async kill(): Promise<void> {
    const program = this.#process?.program
    this.#process = null
    program?.child.kill('SIGKILL')
    await program?.ended
  }

  /** Makes it answer other peers wrongly, though it has what they ask for; null: no longer. */
  async fail(fault: PeerFault | null): Promise<void> {
    await this.#ask({ order: 'fault', fault })
  }

  /**
   * Makes its lookups end without anybody, as Spegel's do when they take longer than 20 ms; it stays ready, and others
   * find what it has.
   */
  async loseOthers(isLost: boolean): Promise<void> {
    await this.#ask({ order: 'lose', isLost })
  }

  /** Makes the nodePort of this node lead to the peer at another address, as a Service may; null: to its own. */
  async routeNodePort(address: string | null): Promise<void> {
    await this.#ask({ order: 'route', nodePort: address })
  }

  /** Resolves once this peer believes the one at `address` to have all these digests. */
  async knows(address: string, digests: readonly string[]): Promise<void> {
    await this.#ask({ order: 'await', address, keys: digests })
  }

  /** All that it answered since the lab's start. */
  async rawLog(): Promise<RawAccessEntry[]> {
    await this.#process?.ask({ order: 'settle' })
    return [...this.#log]
  }

  #ask(order: PeerOrder): Promise<void> {
    if (this.#process === null) throw new Error(`the peer of ${this.#machine.name} is stopped`)
    return this.#process.ask(order)
  }
}
