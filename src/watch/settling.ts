/**
 * Holds a value back until two readings of it are equal: writers truncate a file and then fill it, clear a directory
 * and then write it, so that a single reading may show a state that nobody wanted.
 */
export class Settling<T> {
  readonly #isSame: (a: T, b: T) => boolean
  #accepted: T
  #candidate: { value: T; since: number } | null = null

  constructor(first: T, isSame: (a: T, b: T) => boolean) {
    this.#accepted = first
    this.#isSame = isSame
  }

  get accepted(): T {
    return this.#accepted
  }

  /** When the present difference was first read, in the milliseconds of `offer`; null: there is none. */
  get pendingSince(): number | null {
    return this.#candidate?.since ?? null
  }

  /** Takes a reading made at `now`; true where it became the accepted one. */
  offer(value: T, now: number, settle: number): boolean {
    if (this.#isSame(value, this.#accepted)) {
      this.#candidate = null
      return false
    }
    if (this.#candidate === null || !this.#isSame(value, this.#candidate.value)) {
      this.#candidate = { value, since: now }
      return false
    }
    if (now - this.#candidate.since < settle) return false
    this.#candidate = null
    this.#accepted = value
    return true
  }
}
