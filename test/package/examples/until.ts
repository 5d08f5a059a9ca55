import { setTimeout as delay } from 'node:timers/promises'

/** Generous: nothing that is waited for takes more than a few seconds. */
const PATIENCE_MS = 60_000

/** Asks until the answer is there, and says after a bound what did not come. */
export async function until<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    if (Date.now() > end) throw new Error(`it did not come to this: ${what}`)
    await delay(50)
  }
}
