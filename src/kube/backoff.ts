import type { KubeFailureReason } from './kube-api.ts'

interface Pace {
  /** Milliseconds; doubled with every failure from the first to the longest. */
  first: number
  longest: number
}

/** Nobody is there, which costs nobody anything: soon back when somebody is. */
const AWAY: Pace = { first: 1_000, longest: 60_000 }
/** The API server answers, and each answer is a load on it: five parts of each node wait for it to recover. */
const ILL: Pace = { first: 1_000, longest: 900_000 }
/** Only a person changes this. */
const DENIED: Pace = { first: 30_000, longest: 1_800_000 }

const PACES: Readonly<Record<KubeFailureReason, Pace>> = {
  unreachable: AWAY,
  timeout: AWAY,
  tls: AWAY,
  unauthorized: DENIED,
  forbidden: DENIED,
  'not-found': DENIED,
  conflict: ILL,
  gone: ILL,
  throttled: ILL,
  refused: DENIED,
  server: ILL,
  malformed: ILL,
}

/** No API server is believed that asks for a longer pause, in milliseconds. */
const LONGEST_ASKED = 900_000

/**
 * Milliseconds to wait after the `failures`-th failure in a row (from 1). Half of it is chance, so that a thousand nodes
 * do not come back at once. `retryAfter`: milliseconds that the API server asked for, never cut short; null: none.
 * `random`: from 0 to below 1.
 */
export function backoff(
  reason: KubeFailureReason,
  failures: number,
  retryAfter: number | null,
  random: number,
): number {
  const { first, longest } = PACES[reason]
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 30))
  const own = whole / 2 + (whole / 2) * random
  if (retryAfter === null) return own
  return Math.max(own, Math.min(retryAfter, LONGEST_ASKED) * (1 + random / 4))
}
