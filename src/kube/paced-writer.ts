import { backoff } from './backoff.ts'
import type { KubeClock } from './clock.ts'
import { asKubeError } from './failure.ts'
import type { KubeFailure } from './kube-api.ts'

export interface PacedWriterOptions {
  clock: KubeClock
  /**
   * Writes what there is to write. Fulfilled with when there will be something of its own accord, in milliseconds since
   * the epoch; null: not before the next `wake`. Throws KubeError: then it is called again, later.
   */
  write(signal: AbortSignal): Promise<number | null>
  /** Hears of each change: why nothing can be written; null: it can again. */
  onFailure(failure: KubeFailure | null): void
}

/** What all nodes see at once they do not write at once: up to so long chance has it. Milliseconds. */
const SPREAD = 5_000

/** Writes to the API server beside everything else: nobody waits for it, one at a time, with a pause after a failure. */
export class PacedWriter {
  readonly #options: PacedWriterOptions
  readonly #end = new AbortController()
  /** What is waited for; null: nothing. `at`: milliseconds since the epoch. */
  #wait: { at: number; cancel(): void } | null = null
  #isWriting = false
  #wasWoken = false
  /** In a row. */
  #failures = 0
  #failure: KubeFailure | null = null

  constructor(options: PacedWriterOptions) {
    this.#options = options
  }

  /** There may be something to write. */
  wake(): void {
    if (this.#isWriting) this.#wasWoken = true
    else if (this.#failures === 0) this.#after(SPREAD * this.#options.clock.random())
  }

  /** Nothing is written any more; what was under way is given up. */
  stop(): void {
    this.#end.abort()
    this.#wait?.cancel()
    this.#wait = null
  }

  /** Writes `ms` from now, or when it was to write anyway if that is sooner. */
  #after(ms: number): void {
    const { clock } = this.#options
    const at = clock.now() + ms
    if (this.#end.signal.aborted || (this.#wait !== null && this.#wait.at <= at)) return
    this.#wait?.cancel()
    this.#wait = { at, cancel: clock.after(ms, () => void this.#write()) }
  }

  async #write(): Promise<void> {
    const { clock, write } = this.#options
    this.#wait = null
    this.#isWriting = true
    this.#wasWoken = false
    try {
      const next = await write(this.#end.signal)
      this.#failures = 0
      this.#tell(null)
      if (next !== null) this.#after(Math.max(0, next - clock.now()))
    } catch (error) {
      const { failure, retryAfter } = asKubeError(error)
      this.#failures++
      this.#tell(failure)
      this.#after(backoff(failure.reason, this.#failures, retryAfter, clock.random()))
    } finally {
      this.#isWriting = false
    }
    if (this.#wasWoken) this.wake()
  }

  #tell(failure: KubeFailure | null): void {
    if (this.#end.signal.aborted || failure?.reason === this.#failure?.reason) return
    this.#failure = failure
    this.#options.onFailure(failure)
  }
}
