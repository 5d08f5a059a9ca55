import { collectGarbage } from '../collect-garbage.ts'
import type { Config } from '../config/config.ts'
import type { Probes } from '../drift/probes.ts'
import type { Inputs } from '../watch/inputs.ts'
import { InTurn, type Turn } from './in-turn.ts'
import type { NodeProbes } from './node-probes.ts'

/** After so many turns their garbage is given back: left to V8 it takes 3 MiB more (bench/probes.ts). */
const TURNS_PER_COLLECTION = 20

/** Asks what is to be asked over HTTP on this node, one after the other, every `probe.interval`. */
export class ProbeRounds {
  readonly #config: Config
  readonly #known: Probes
  readonly #onFound: (found: Probes) => void
  readonly #ending = new AbortController()
  readonly #inTurn: InTurn
  #probes: NodeProbes | null = null
  #turns = 0

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
    this.#inTurn.set(this.#probes.turns(inputs).map((it) => this.#counted(it)))
  }

  #counted({ key, run }: Turn): Turn {
    return {
      key,
      run: async () => {
        await run()
        this.#turns += 1
        if (this.#turns % TURNS_PER_COLLECTION === 0) collectGarbage()
      },
    }
  }

  stop(): void {
    this.#inTurn.stop()
    this.#ending.abort()
  }
}
