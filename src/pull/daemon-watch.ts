import type { Config } from '../config/config.ts'
import { type DaemonAnswer, DaemonMonitor, type OpenedDaemon } from '../watch/daemon-monitor.ts'
import type { Inputs } from '../watch/inputs.ts'
import type { DaemonProofs, ProofListener } from './daemon-proofs.ts'
import type { Turns } from './turns.ts'

/** Who hears of the daemon. */
export interface DaemonListener extends ProofListener {
  onAnswer(answer: DaemonAnswer): void
}

/** Everything that goes over the socket of one daemon for one configuration: what it says of itself, and its proofs. */
export class DaemonWatch {
  readonly #config: Config
  readonly #opened: Promise<OpenedDaemon>
  readonly #monitor: DaemonMonitor
  readonly #listener: DaemonListener
  readonly #turns: Turns
  #proofs: DaemonProofs | null = null
  #isStopped = false

  /** `turns`: shared with what must not be done at the same time as a proof. */
  constructor(config: Config, opened: Promise<OpenedDaemon>, turns: Turns, listener: DaemonListener) {
    this.#config = config
    this.#opened = opened
    this.#listener = listener
    this.#turns = turns
    this.#monitor = new DaemonMonitor(opened, (answer) => {
      try {
        listener.onAnswer(answer)
      } catch (error) {
        listener.onFault(error)
      }
    })
  }

  /** Resolves at the daemon's first answer, or when it is certain that there is none. */
  start(): Promise<void> {
    return this.#monitor.start()
  }

  /** Hears of every evaluation: what it changed may be worth a proof. */
  consider(inputs: Inputs): void {
    this.#consider(inputs).catch(this.#listener.onFault)
  }

  async #consider(inputs: Inputs): Promise<void> {
    if (this.#config.containerd.proof.interval === 0) return
    const { client } = await this.#opened
    // The client of registries is loaded only where a daemon is there to be compared with them.
    const { DaemonProofs } = await import('./daemon-proofs.ts')
    if (this.#isStopped) return
    this.#proofs ??= new DaemonProofs(this.#config, client, this.#turns, this.#listener)
    this.#proofs.consider(inputs)
  }

  /** Ends a proof under way; resolves when nothing of it is left in the daemon. */
  async endProofs(): Promise<void> {
    this.#isStopped = true
    await this.#proofs?.stop()
  }

  /** Closes the client: what was still under way stays in the daemon until it expires. */
  async stop(): Promise<void> {
    void this.endProofs()
    await this.#monitor.stop()
  }
}
