import { collectGarbage } from '../collect-garbage.ts'
import type { Config } from '../config/config.ts'
import { isProbeNews } from '../drift/probe-news.ts'
import type { Probes } from '../drift/probes.ts'
import type { Inputs } from '../watch/inputs.ts'
import { InTurn, type Turn } from './in-turn.ts'
import type { NodeProbes } from './node-probes.ts'

/** After so many turns their garbage is given back: left to V8 it takes 3 MiB more (bench/probes.ts). */
const TURNS_PER_COLLECTION = 20
/** An answer that is no news waits for others, for such a part of the interval: an evaluation follows whatever is told. */
const TOLD_PER_INTERVAL = 4

/** Asks what is to be asked over HTTP on this node, one after the other, every `probe.interval`. */
export class ProbeRounds {
  readonly #config: Config
  /** What was told last, and what is to be told. */
  #told: Probes
  #untold: Probes | null = null
  #timer: NodeJS.Timeout | undefined
  readonly #onFound: (found: Probes) => void
  readonly #ending = new AbortController()
  readonly #inTurn: InTurn
  #probes: NodeProbes | null = null
  #turns = 0

  /** `known`: what was found before. `onFound` hears of news at once, and of all other answers soon; `onFault` of faults of Pullpath itself. */
  constructor(config: Config, known: Probes, onFound: (found: Probes) => void, onFault: (error: unknown) => void) {
    this.#config = config
    this.#told = known
    this.#onFound = onFound
    this.#inTurn = new InTurn(config.probe.interval, onFault)
  }

  /** Hears of every evaluation: the pull paths may have changed. */
  async consider(inputs: Inputs): Promise<void> {
    // The client of registries is loaded only where something is asked.
    const { NodeProbes } = await import('./node-probes.ts')
    const { signal } = this.#ending
    if (signal.aborted) return
    this.#probes ??= new NodeProbes(this.#config, signal, (found) => this.#hear(found), this.#told)
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

  #hear(found: Probes): void {
    this.#untold = found
    if (isProbeNews(this.#told, found)) this.#tell()
    else this.#timer ??= setTimeout(() => this.#tell(), this.#config.probe.interval / TOLD_PER_INTERVAL)
  }

  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#untold === null) return
    this.#told = this.#untold
    this.#untold = null
    this.#onFound(this.#told)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#inTurn.stop()
    this.#ending.abort()
  }
}
