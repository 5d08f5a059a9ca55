import { DirectoryWatcher } from './directory-watcher.ts'
import { Settling } from './settling.ts'

/** Something on disk that is read again and again. */
export interface WatchedPart {
  name: string
  /** Never throws; an unchanged part gives an equal reading. */
  read(): { value: unknown; directories: readonly string[] }
  isSame(a: unknown, b: unknown): boolean
  /** Hears each reading that was equal twice, and that it is new. */
  accept(value: unknown): void
}

/** How an InputWatcher works and whom it tells. Times are milliseconds. */
export interface WatchOptions {
  /** 0: only what the system reports is noticed. */
  rescan: number
  settle: number
  /** After every reading. */
  onRead(): void
  /** After parts were accepted: their names, at first all of them. */
  onChange(names: readonly string[]): void
  /** A directory that cannot be watched, only rescanned. */
  onUnwatchable(error: Error): void
}

/** Several events of one write become one reading. */
const COALESCE_MS = 10

/**
 * Reads all parts whenever the system reports a change and every `rescan`, and tells of a change once two readings
 * `settle` apart are equal. The rescan is the truth: Talos 1.14 may write past inotify.
 */
export class InputWatcher {
  readonly #options: WatchOptions
  readonly #parts: readonly { part: WatchedPart; settling: Settling<unknown> }[]
  readonly #directories: DirectoryWatcher
  #timer: NodeJS.Timeout | null = null
  #due = Number.POSITIVE_INFINITY
  #complete = false
  #isStarted = false
  #stopped = false

  constructor(parts: readonly WatchedPart[], options: WatchOptions) {
    this.#options = options
    this.#parts = parts.map((part) => ({ part, settling: new Settling(part.isSame) }))
    this.#directories = new DirectoryWatcher(() => this.#schedule(COALESCE_MS), options.onUnwatchable)
  }

  start(): void {
    this.#isStarted = true
    this.#cycle()
  }

  /** Reads again at once: something changed that no directory tells of. */
  nudge(): void {
    if (this.#isStarted) this.#schedule(COALESCE_MS)
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#directories.close()
  }

  #cycle(): void {
    this.#due = Number.POSITIVE_INFINITY
    const { settle, rescan } = this.#options
    const readings = this.#parts.map(({ part, settling }) => ({ part, settling, ...part.read() }))
    const now = performance.now()
    const changed = readings.filter(({ settling, value }) => settling.offer(value, now, settle))
    for (const { part, value } of changed) part.accept(value)
    const isNew = this.#directories.follow(readings.flatMap((it) => it.directories))
    this.#options.onRead()
    this.#tell(changed.map(({ part }) => part.name))
    if (this.#stopped) return
    if (isNew) this.#schedule(COALESCE_MS)
    for (const { settling } of this.#parts) {
      if (settling.pendingSince !== null) this.#schedule(settling.pendingSince + settle - now)
    }
    if (rescan > 0) this.#schedule(rescan)
  }

  #tell(names: readonly string[]): void {
    if (this.#complete) {
      if (names.length > 0) this.#options.onChange(names)
      return
    }
    this.#complete = this.#parts.every(({ settling }) => settling.accepted !== null)
    if (this.#complete) this.#options.onChange(this.#parts.map(({ part }) => part.name))
  }

  /** Reads at the latest in so many milliseconds. */
  #schedule(delay: number): void {
    const due = performance.now() + Math.max(delay, 1)
    if (this.#stopped || due >= this.#due) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => this.#cycle(), Math.max(delay, 1))
  }
}
