/** A value that never rests for so many settling times is taken as it is: a restless file must not blind the agent. */
const PATIENCE = 40

/**
 * Holds a value back until two readings of it are equal: writers truncate a file and then fill it, clear a directory
 * and then write it, so that a single reading may show a state that nobody wanted.
 */
export class Settling<T> {
  readonly #isSame: (a: T, b: T) => boolean
  #accepted: { value: T } | null = null
  #candidate: { value: T; since: number } | null = null
  #restlessSince = 0

  constructor(isSame: (a: T, b: T) => boolean) {
    this.#isSame = isSame
  }

  /** null: no two readings were equal yet. */
  get accepted(): { value: T } | null {
    return this.#accepted
  }

  /** When the present difference was first read, in the time of `offer`; null: there is none. */
  get pendingSince(): number | null {
    return this.#candidate?.since ?? null
  }

  /** Takes a reading made at `now`; true where it became the accepted one. Times are milliseconds. */
  offer(value: T, now: number, settle: number): boolean {
    if (this.#accepted !== null && this.#isSame(value, this.#accepted.value)) {
      this.#candidate = null
      return false
    }
    if (this.#candidate === null) {
      this.#restlessSince = now
      this.#candidate = { value, since: now }
      return false
    }
    const isRestless = now - this.#restlessSince >= settle * PATIENCE
    if (!this.#isSame(value, this.#candidate.value) && !isRestless) {
      this.#candidate = { value, since: now }
      return false
    }
    if (now - this.#candidate.since < settle && !isRestless) return false
    this.#candidate = null
    this.#accepted = { value }
    return true
  }
}
