/** The next peer is asked as well when the answer is later than these percentiles of earlier ones. */
const PERCENTILES = [80, 85, 90]
const FIRST_MS = 50
const KEPT_DURATIONS = 1_000

/** How long peers took to answer, and so how long to wait before the next one is asked. All in milliseconds. */
export class Hedging {
  readonly #durations: number[] = []

  observe(duration: number): void {
    this.#durations.push(Math.floor(duration))
    if (this.#durations.length > KEPT_DURATIONS) this.#durations.shift()
  }

  /** When further peers are asked, from the start of the race. */
  get delays(): number[] {
    return PERCENTILES.map((it) => this.#percentile(it))
  }

  /** What the slowest usual answer takes. */
  get slowest(): number {
    return this.#percentile(PERCENTILES.at(-1) ?? 100)
  }

  #percentile(percentile: number): number {
    const sorted = this.#durations.toSorted((a, b) => a - b)
    const value = sorted[Math.ceil((percentile / 100) * sorted.length) - 1] ?? 0
    return value === 0 ? FIRST_MS : value
  }
}
