const MINUTE = 60_000

/** Lets at most so many happen a minute, all at once if need be. */
export class PerMinute {
  readonly #most: number
  readonly #now: () => number
  #left: number
  #at: number

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most
    this.#now = now
    this.#left = most
    this.#at = now()
  }

  /** Whether `count` more may happen; if so they are taken to. */
  take(count = 1): boolean {
    const now = this.#now()
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / MINUTE) * this.#most)
    this.#at = now
    if (count > this.#left) return false
    this.#left -= count
    return true
  }
}
