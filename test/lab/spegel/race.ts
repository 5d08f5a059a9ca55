import type { Hedging } from './hedging.ts'
import type { Candidates } from './lookup-cache.ts'

/** No peer gave it. `reason` is the beginning of what Spegel answers. */
export class NoPeer extends Error {
  readonly reason: string
  readonly attempts: number

  constructor(reason: string, attempts: number) {
    super(reason)
    this.reason = reason
    this.attempts = attempts
  }
}

export interface Race<T> {
  candidates: Candidates
  hedging: Hedging
  /** How long an answer is waited for at least, in milliseconds; Spegel: 100. */
  patience: number
  fetchFrom(address: string, signal: AbortSignal): Promise<T>
  /** Gives back what was fetched too late. */
  discard(late: T): void
  /** The whole request is over. */
  signal: AbortSignal
}

/** Asks one peer, and further ones while no answer comes or as soon as one fails. Rejects with NoPeer. */
export function raceForPeer<T>({ candidates, hedging, patience, fetchFrom, discard, signal }: Race<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    if (candidates.size === 0) return reject(new NoPeer('could not find peer for', 0))
    const busy = new Set<string>()
    const losers = new Map<string, AbortController>()
    let attempts = 0
    let isOver = false
    const end = (settle: () => void) => {
      isOver = true
      for (const timer of timers) clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      for (const loser of losers.values()) loser.abort()
      settle()
    }
    const onAbort = () => end(() => reject(signal.reason))
    const fail = (reason: string) => end(() => reject(new NoPeer(reason, attempts)))
    const askNext = () => {
      const address = candidates.take(busy)
      if (address === undefined) return
      attempts += 1
      const controller = new AbortController()
      busy.add(address)
      losers.set(address, controller)
      const begun = performance.now()
      fetchFrom(address, controller.signal).then(
        (fetched) => {
          if (isOver) return discard(fetched)
          hedging.observe(performance.now() - begun)
          losers.delete(address)
          end(() => resolve(fetched))
        },
        () => {
          if (isOver) return
          busy.delete(address)
          losers.delete(address)
          candidates.remove(address)
          if (busy.size === 0 && candidates.size === 0) fail('all request retries exhausted for')
          else askNext()
        },
      )
    }
    const tooLong = () => fail('waited too long for inflight dials to complete for')
    const timers = [
      setTimeout(tooLong, Math.max(2 * hedging.slowest, patience)),
      ...hedging.delays.map((delay) => setTimeout(askNext, delay)),
    ]
    signal.addEventListener('abort', onAbort)
    askNext()
  })
}
