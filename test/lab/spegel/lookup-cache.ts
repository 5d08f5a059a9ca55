/** A lookup is kept this long, and made again after half of it unless it found enough: so a miss is remembered too. */
const KEPT_MS = 5_000
const ENOUGH = 3

/** The peers of one key, as long as the lookup is kept. A peer that failed is taken out. */
export class Candidates {
  readonly #uses = new Map<string, number>()

  get size(): number {
    return this.#uses.size
  }

  add(addresses: readonly string[]): void {
    for (const address of addresses) if (!this.#uses.has(address)) this.#uses.set(address, 0)
  }

  /** The one that was used least, without those that are busy. */
  take(busy: ReadonlySet<string>): string | undefined {
    const free = [...this.#uses].filter(([address]) => !busy.has(address)).sort(([, a], [, b]) => a - b)
    const [address, uses = 0] = free[0] ?? []
    if (address !== undefined) this.#uses.set(address, uses + 1)
    return address
  }

  remove(address: string): void {
    this.#uses.delete(address)
  }
}

export class LookupCache {
  readonly #holders: (key: string) => readonly string[]
  readonly #kept = new Map<string, { candidates: Candidates; madeAt: number; updatedAt: number }>()

  constructor(holders: (key: string) => readonly string[]) {
    this.#holders = holders
  }

  lookUp(key: string): Candidates {
    const now = performance.now()
    const kept = this.#kept.get(key)
    if (kept !== undefined && now - kept.madeAt < KEPT_MS) {
      if (now - kept.updatedAt < KEPT_MS / 2 || kept.candidates.size >= ENOUGH) return kept.candidates
      kept.updatedAt = now
      kept.candidates.add(this.#holders(key))
      return kept.candidates
    }
    const candidates = new Candidates()
    candidates.add(this.#holders(key))
    this.#kept.set(key, { candidates, madeAt: now, updatedAt: now })
    return candidates
  }
}
