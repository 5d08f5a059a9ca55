/** One request, as the API server's audit log would have it. */
export interface JournalEntry {
  verb: string
  path: string
  query: Record<string, string>
  userAgent: string
  /** null: the token is nobody's. */
  user: string | null
}

/** Every request that came, in the order of their coming. */
export class Journal {
  readonly entries: JournalEntry[] = []
  readonly #waiting: { count: number; of: (entry: JournalEntry) => boolean; resolve: () => void }[] = []

  add(entry: JournalEntry): void {
    this.entries.push(entry)
    for (const wait of this.#waiting.filter((it) => this.count(it.of) >= it.count)) {
      this.#waiting.splice(this.#waiting.indexOf(wait), 1)
      wait.resolve()
    }
  }

  count(of: (entry: JournalEntry) => boolean = () => true): number {
    return this.entries.filter(of).length
  }

  /** Fulfilled once so many requests of this kind have come, since the start. */
  reaches(count: number, of: (entry: JournalEntry) => boolean = () => true): Promise<void> {
    if (this.count(of) >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, of, resolve }))
  }
}
