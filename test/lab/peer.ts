import { join } from 'node:path'
import type { RawAccessEntry } from './access-log.ts'
import { type AskedProcess, startAsked } from './asked-process.ts'
import { CONTAINERD_ROOT, CONTAINERD_SOCKET, mirroredRegistries, PEER_PORTS } from './cluster.ts'
import type { Machine } from './machine.ts'
import type { PeerOrder, PeerStart, ToldEntry } from './peer-process.ts'
import type { PeerFault } from './spegel/registry-handler.ts'

/** The peer mirror of one node: it speaks as Spegel does, and serves from the node's containerd. */
export class Peer {
  readonly #machine: Machine
  readonly #start: PeerStart
  #process: AskedProcess<PeerOrder> | null = null
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
    const started = { file: 'peer-process.ts', argument: this.#start, name: `the peer of ${this.#machine.name}` }
    this.#process = await startAsked<PeerOrder, ToldEntry>(this.#machine, started, ({ entry }) => this.#log.push(entry))
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

  async #ask(order: PeerOrder): Promise<void> {
    if (this.#process === null) throw new Error(`the peer of ${this.#machine.name} is stopped`)
    await this.#process.ask(order)
  }
}
