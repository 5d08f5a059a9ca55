import type { SlotClock } from '../../src/pull/slot-clock.ts'

interface Event {
  time: number
  order: number
  happen: (() => void) | null
}

/** Time that passes only where nothing is left to be done at the same moment: a day takes seconds, and is always the same. */
export class VirtualTime {
  now: number
  readonly #events: Event[] = []
  #order = 0

  constructor(now: number) {
    this.now = now
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const event = this.at(this.now + milliseconds, () => {
        signal?.removeEventListener('abort', give)
        resolve()
      })
      const give = () => {
        event.happen = null
        resolve()
      }
      signal?.addEventListener('abort', give, { once: true })
    })
  }

  at(time: number, happen: () => void): { happen: (() => void) | null } {
    const event = { time: Math.max(time, this.now), order: this.#order++, happen }
    this.#add(event)
    return event
  }

  /** Lets time pass, up to a time. */
  async run(end: number): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      const next = this.#events[0]
      if (next === undefined || next.time > end) break
      this.#take()
      this.now = next.time
      next.happen?.()
    }
    this.now = end
  }

  /** The clock of a machine that is `skew` milliseconds ahead, and never suspended. */
  clock(skew: () => number): SlotClock {
    return {
      longestSleep: Number.POSITIVE_INFINITY,
      now: () => this.now + skew(),
      sleep: (milliseconds, signal) => this.sleep(milliseconds, signal),
    }
  }

  #add(event: Event): void {
    const events = this.#events
    let place = events.length
    events.push(event)
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = events[parent]
      if (above === undefined || !isBefore(event, above)) break
      events[place] = above
      place = parent
    }
    events[place] = event
  }

  #take(): void {
    const events = this.#events
    const last = events.pop()
    if (last === undefined || events.length === 0) return
    let place = 0
    for (;;) {
      const [left, right] = [events[2 * place + 1], events[2 * place + 2]]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const child = isRight ? right : left
      if (!isBefore(child, last)) break
      events[place] = child
      place = 2 * place + (isRight ? 2 : 1)
    }
    events[place] = last
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order)
}

/** Numbers of 0 to less than 1, always the same ones for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
