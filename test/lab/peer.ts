import { join } from 'node:path'
import type { RawAccessEntry } from './access-log.ts'
import { CONTAINERD_ROOT, CONTAINERD_SOCKET, mirroredRegistries, PEER_PORTS } from './cluster.ts'
import type { Machine, Program } from './machine.ts'
import type { PeerOrder, PeerReply, PeerStart } from './peer-process.ts'
import type { PeerFault } from './spegel/registry-handler.ts'

/** The peer mirror of one node: it speaks as Spegel does, and serves from the node's containerd. */
export class Peer {
  readonly #machine: Machine
  readonly #start: PeerStart
  #process: { program: Program; ask(order: PeerOrder): Promise<PeerReply> } | null = null
  /** What earlier processes wrote down. */
  #earlier: RawAccessEntry[] = []

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
    const waiting = new Map<number, (reply: PeerReply) => void>()
    program.child.on('message', (message) => {
      const reply = message as PeerReply
      waiting.get(reply.number)?.(reply)
      waiting.delete(reply.number)
    })
    let number = 0
    const reply = (to: number) =>
      new Promise<PeerReply>((resolve, reject) => {
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
    this.#earlier = await this.rawLog()
    await this.#process.program.stop()
    this.#process = null
  }

  /** Makes it answer other peers wrongly, though it has what they ask for; null: no longer. */
  async fail(fault: PeerFault | null): Promise<void> {
    await this.#ask({ order: 'fault', fault })
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
    if (this.#process === null) return this.#earlier
    return [...this.#earlier, ...((await this.#ask({ order: 'log' })).log ?? [])]
  }

  #ask(order: PeerOrder): Promise<PeerReply> {
    if (this.#process === null) throw new Error(`the peer of ${this.#machine.name} is stopped`)
    return this.#process.ask(order)
  }
}
