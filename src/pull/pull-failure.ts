import type { Pull } from '../drift/pull.ts'
import type { PullpathError } from '../errors.ts'

/** Why nothing was measured: nothing went wrong with a pull. Such a one is shown, and counted nowhere. */
export const NOT_MEASURED = {
  'no-canary': 'the origin has no such image',
  'no-endpoint': 'the pull path of this node has no such endpoint',
  'no-daemon': 'no socket of containerd is configured',
  'no-peer': 'no peer has it',
  busy: 'other pulls are under way',
  'slot-abandoned': 'the turn of this node in this slot is over',
  'disk-pressure': 'the file system of the images is nearly full',
  'image-shared': 'another image refers to the same content, which would go with it',
  'image-present':
    'this node has it already, and only the canary is removed to be pulled anew; other ways measure it as it is',
} as const

export type NotMeasured = keyof typeof NOT_MEASURED

/** Whether this is about the measurement, and not about a pull. */
export function isNotMeasured(failure: Pull['failure']): boolean {
  return failure !== null && Object.hasOwn(NOT_MEASURED, failure.reason)
}

export function notMeasured(reason: NotMeasured, detail = ''): NonNullable<Pull['failure']> {
  return { reason, message: detail === '' ? NOT_MEASURED[reason] : `${NOT_MEASURED[reason]}: ${detail}` }
}

/** What containerd's own words mean, the most certain first. The names are those of the registry client where there is one. */
const BY_WORDS: readonly (readonly [RegExp, string])[] = [
  [/no space left on device/, 'disk-full'],
  // Of whom the token is asked: whatever went wrong there went wrong with the realm.
  [/failed to fetch \w+ token: .*unsupported protocol scheme/, 'realm-invalid'],
  [/failed to fetch \w+ token: .*unexpected status/, 'token-refused'],
  [/failed to fetch \w+ token: /, 'realm-unreachable'],
  [/stopped after \d+ redirects/, 'redirect-limit'],
  [/no match for platform/, 'platform-missing'],
  [/server gave HTTP response to HTTPS client/, 'tls-not-spoken'],
  [/x509:|tls:/, 'tls-failed'],
  [/unexpected commit digest|failed (size|digest) validation|failed commit/, 'digest-mismatch'],
  [/unexpected EOF|short read|content size of zero/, 'truncated'],
  [/no such host|lookup .* on /, 'unresolved'],
  [/connection refused/, 'refused'],
  [/connection reset/, 'reset'],
  [/no route to host|network is unreachable/, 'unreachable'],
  [/i\/o timeout|TLS handshake timeout|awaiting headers|context canceled|deadline exceeded/, 'timeout'],
  [/\b401\b|authorization failed|failed to authorize|no basic auth/, 'unauthorized'],
  [/\b403\b/, 'forbidden'],
  [/unexpected status/, 'status'],
  [/: not found$|not found/, 'not-found'],
  [/unpack|extract|apply layer|unsupported/, 'unpack-failed'],
]

/** Whoever measured gave it up. */
export const ABORTED = { reason: 'aborted', message: 'it was given up' } as const

/** Why containerd did not pull. */
export function daemonPullFailure(error: PullpathError, isAborted: boolean): NonNullable<Pull['failure']> {
  if (isAborted) return ABORTED
  if (error.code === 'PP_DAEMON_UNFINISHED') return { reason: 'timeout', message: messageOf(error) }
  if (error.code !== 'PP_DAEMON_REFUSED') return { reason: 'daemon-away', message: messageOf(error) }
  const words = 'words' in error ? String(error.words) : error.message
  return { reason: BY_WORDS.find(([pattern]) => pattern.test(words))?.[1] ?? 'failed', message: words }
}

export function messageOf({ message, advice }: PullpathError): string {
  return advice === '' ? message : `${message} (${advice})`
}
