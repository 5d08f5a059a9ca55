/** Something that is done again and again. */
export interface Turn {
  /** Stays the same as long as it is the same thing. */
  key: string
  run(): Promise<void>
}

/** How far a turn may come sooner or later than `interval` says, so that the nodes do not all ask at once. */
const JITTER = 0.1

/** Does several things in turn, each every `interval` (milliseconds), and never two at a time. */
export class InTurn {
  readonly #interval: number
  readonly #onFault: (error: unknown) => void
  readonly #random: () => number
  #turns = new Map<string, { turn: Turn; due: number }>()
  #timer: NodeJS.Timeout | null = null
  #isBusy = false
  #isStopped = false

  /** `onFault` hears why a turn rejected, which is a fault of Pullpath itself: it has its next one all the same. */
  constructor(interval: number, onFault: (error: unknown) => void, random: () => number = Math.random) {
    this.#interval = interval
    this.#onFault = onFault
    this.#random = random
  }

  /** What is to be done from now on. What is new has its turn soon; the rest keeps its own. */
  set(turns: readonly Turn[]): void {
    const now = performance.now()
    const known = this.#turns
    this.#turns = new Map(
      turns.map((turn) => {
        const due = known.get(turn.key)?.due ?? now + this.#random() * JITTER * this.#interval
        return [turn.key, { turn, due }] as const
      }),
    )
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#isBusy || this.#isStopped) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    const [next] = [...this.#turns.values()].sort((a, b) => a.due - b.due)
    if (next === undefined) return
    this.#timer = setTimeout(() => void this.#run(next), Math.max(0, next.due - performance.now()))
  }

  async #run(next: { turn: Turn; due: number }): Promise<void> {
    this.#isBusy = true
    next.due = performance.now() + this.#interval * (1 + (2 * this.#random() - 1) * JITTER)
    try {
      await next.turn.run()
    } catch (error) {
      this.#onFault(error)
    }
    this.#isBusy = false
    this.#schedule()
  }
}
