import { setTimeout as delay } from 'node:timers/promises'

/** The time by which slots are told. */
export interface SlotClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Resolves after so many milliseconds, or as soon as the signal says. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** That of this machine. */
export const WALL_CLOCK: SlotClock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }).catch(() => {}),
}
