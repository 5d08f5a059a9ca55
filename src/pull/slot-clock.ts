import { pauseOf } from './pause.ts'

/** The time by which slots are told. */
export interface SlotClock {
  /** Milliseconds since 1970. */
  now(): number
  /**
   * A timer does not run on while a machine is suspended, nor does it know of a clock that was set: so many milliseconds
   * are slept at most until the clock is asked again.
   */
  longestSleep: number
  /** Resolves after so many milliseconds, or as soon as the signal says. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** That of this machine. */
export const WALL_CLOCK: SlotClock = {
  now: () => Date.now(),
  longestSleep: 30_000,
  sleep: pauseOf,
}
