import type { KubeClock } from '../../src/kube/clock.ts'

/** A clock that stands still until it is moved; chance is always in the middle. */
export class VirtualClock implements KubeClock {
  #now: number
  #timers: { at: number; ms: number; then: () => void }[] = []
  #waiting: (() => void)[] = []

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  random(): number {
    return 0.5
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#now + ms, ms, then }
    this.#timers.push(timer)
    for (const resolve of this.#waiting.splice(0)) resolve()
    return () => {
      this.#timers = this.#timers.filter((it) => it !== timer)
    }
  }

  /** Lets time pass: what is due runs in its order, and everything that follows from it without a wait. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at)
      this.#timers = this.#timers.filter((it) => it !== next)
      next.then()
      await settled()
    }
    this.#now = end
  }

  /** Fulfilled once somebody waits for a time like this one, in milliseconds: what is under way on a wire has come to it. */
  async waits(like: (ms: number) => boolean): Promise<number> {
    for (;;) {
      const timer = this.#timers.find((it) => like(it.ms))
      if (timer !== undefined) return timer.ms
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #next(end: number): { at: number; then: () => void } | undefined {
    return this.#timers.filter((it) => it.at <= end).sort((a, b) => a.at - b.at)[0]
  }
}

/** Promises that wait for nothing but each other are fulfilled by then. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
