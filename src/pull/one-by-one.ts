/** How often something is done. Milliseconds. */
export interface Rhythm {
  /** At least this often, asked for each time that it was done; 0: only when it is asked for. */
  interval: number | (() => number)
  /** At most this often, however often it is asked for. */
  pause: number
}

/**
 * Does one thing again and again: when it is asked for, and every `interval`; never twice at a time, and never sooner
 * than `pause` after it was done last.
 */
export class OneByOne {
  readonly #task: () => Promise<void>
  readonly #rhythm: Rhythm
  readonly #onFault: (error: unknown) => void
  #timer: NodeJS.Timeout | null = null
  #isBusy = false
  #isWanted = false
  #isStopped = false
  #lastEnd = Number.NEGATIVE_INFINITY

  /** `onFault` hears why a task rejected, which is a fault of Pullpath itself: it is done again all the same. */
  constructor(task: () => Promise<void>, rhythm: Rhythm, onFault: (error: unknown) => void) {
    this.#task = task
    this.#rhythm = rhythm
    this.#onFault = onFault
  }

  /** Asks for it: now, or as soon as it may be. */
  request(): void {
    if (this.#isBusy) this.#isWanted = true
    else this.#schedule(this.#lastEnd + this.#rhythm.pause - performance.now())
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #schedule(delay: number): void {
    if (this.#isStopped) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, delay))
  }

  async #run(): Promise<void> {
    this.#isBusy = true
    this.#isWanted = false
    try {
      await this.#task()
    } catch (error) {
      this.#onFault(error)
    }
    this.#isBusy = false
    this.#lastEnd = performance.now()
    const { interval: often, pause } = this.#rhythm
    const interval = typeof often === 'number' ? often : often()
    if (this.#isWanted) this.#schedule(pause)
    else if (interval > 0) this.#schedule(interval)
  }
}
