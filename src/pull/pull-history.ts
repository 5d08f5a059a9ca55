import type { Pull, PullChoice } from '../drift/pull.ts'

/** So many pulls are kept in all, and of those that succeeded at least so many. */
const MOST = 256
const LEAST_SUCCESSES = 32

/**
 * The pulls of late. When it is full the oldest of those that succeeded makes room, so that what failed is kept
 * longer; only where hardly any success is left the oldest failure does.
 */
export class PullHistory {
  /** Oldest first. */
  readonly #pulls: Pull[] = []

  add(pull: Pull): void {
    this.#pulls.push(pull)
    if (this.#pulls.length <= MOST) return
    const successes = this.#pulls.filter((it) => it.failure === null).length
    const wantsSuccess = successes > LEAST_SUCCESSES
    this.#pulls.splice(
      this.#pulls.findIndex((it) => (it.failure === null) === wantsSuccess),
      1,
    )
  }

  /** Newest first. */
  list({ source, method, limit = MOST }: PullChoice = {}): Pull[] {
    return this.#pulls
      .filter((it) => (source ?? it.source) === it.source && (method ?? it.method) === it.method)
      .reverse()
      .slice(0, limit)
  }

  /** null: there never was one, or it made room. */
  find(id: string): Pull | null {
    return this.#pulls.find((it) => it.id === id) ?? null
  }
}
