import type { Config } from '../config/config.ts'
import type { Probes } from '../drift/probes.ts'
import type { Inputs } from '../watch/inputs.ts'
import { InTurn } from './in-turn.ts'
import type { NodeProbes } from './node-probes.ts'

/** Asks what is to be asked over HTTP on this node, one after the other, every `probe.interval`. */
export class ProbeRounds {
  readonly #config: Config
  readonly #known: Probes
  readonly #onFound: (found: Probes) => void
  readonly #ending = new AbortController()
  readonly #inTurn: InTurn
  #probes: NodeProbes | null = null

  /** `known`: what was found before. `onFound` hears of every answer. */
  constructor(config: Config, known: Probes, onFound: (found: Probes) => void) {
    this.#config = config
    this.#known = known
    this.#onFound = onFound
    this.#inTurn = new InTurn(config.probe.interval)
  }

  /** Hears of every evaluation: the pull paths may have changed. */
  async consider(inputs: Inputs): Promise<void> {
    // The client of registries is loaded only where something is asked.
    const { NodeProbes } = await import('./node-probes.ts')
    const { signal } = this.#ending
    if (signal.aborted) return
    this.#probes ??= new NodeProbes(this.#config, signal, this.#onFound, this.#known)
    this.#inTurn.set(this.#probes.turns(inputs))
  }

  stop(): void {
    this.#inTurn.stop()
    this.#ending.abort()
  }
}
