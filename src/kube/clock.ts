/** Time and chance, as far as `kube/` needs them: a test lets an hour pass in a moment. */
export interface KubeClock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Runs `then` once, `ms` from now. Returns what cancels it. */
  after(ms: number, then: () => void): () => void
  /** From 0 to below 1. */
  random(): number
}

export const systemClock: KubeClock = {
  now: () => Date.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}

/** Fulfilled `ms` from now, or when `signal` is aborted. */
export function pause(clock: KubeClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    signal.addEventListener('abort', done)
  })
}
