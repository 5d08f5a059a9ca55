import type { SlotClock } from '../../src/pull/slot-clock.ts'

interface Sleeper {
  name: string
  until: number
  wake: () => void
}

/** Time that goes on when everybody waits for it; what they do between, over real sockets, takes none. */
export class SteppedTime {
  now: number
  readonly #names = new Set<string>()
  #sleepers: Sleeper[] = []
  #onSleep = () => {}

  constructor(now: number) {
    this.now = now
  }

  clock(name: string): SlotClock {
    this.#names.add(name)
    return {
      longestSleep: 30_000,
      now: () => this.now,
      sleep: (milliseconds, signal) =>
        new Promise((resolve) => {
          const sleeper = { name, until: this.now + milliseconds, wake: resolve }
          const wake = () => {
            this.#sleepers = this.#sleepers.filter((it) => it !== sleeper)
            resolve()
          }
          if (signal.aborted) return resolve()
          signal.addEventListener('abort', wake, { once: true })
          this.#sleepers.push(sleeper)
          this.#onSleep()
        }),
    }
  }

  async run(end: number): Promise<void> {
    for (;;) {
      while (new Set(this.#sleepers.map((it) => it.name)).size < this.#names.size) {
        await new Promise<void>((resolve) => {
          this.#onSleep = resolve
        })
      }
      const [next] = this.#sleepers.toSorted((a, b) => a.until - b.until)
      if (next === undefined || next.until > end) break
      this.#sleepers = this.#sleepers.filter((it) => it !== next)
      this.now = next.until
      next.wake()
      // It may wait for the next thing at once.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    this.now = end
  }
}
