import { setTimeout as delay } from 'node:timers/promises'

/** Waits for so many milliseconds, or until whoever waits gives up. */
export async function pauseOf(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (signal?.aborted !== true) throw error
  }
}
