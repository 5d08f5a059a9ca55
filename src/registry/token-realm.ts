import type { BearerChallenge } from './challenge.ts'
import type { Operation } from './operation.ts'

export interface Token {
  authorization: string
  /** By the monotonic clock, in milliseconds. */
  validUntil: number
}

/** The distribution specification's default, in seconds. */
const DEFAULT_LIFETIME = 60
/** Of its life that a token is used: a request must not arrive with one that has just expired. */
const USED_SHARE = 0.9

/** The realm of a challenge. Throws `realm-invalid` for what nothing should be asked of. */
export function realmOf(operation: Operation, endpoint: URL, { realm: text }: BearerChallenge): URL {
  const invalid = (detail: string) => operation.error('realm-invalid', endpoint.origin, { detail })
  const realm = URL.parse(text)
  if (realm === null || !/^https?:$/.test(realm.protocol)) throw invalid('it is no URL of http or https')
  if (endpoint.protocol === 'https:' && realm.protocol === 'http:') throw invalid(`from https down to ${realm.origin}`)
  return realm
}

/** What a realm is asked for, with a question mark or in a form. `scope`: empty for none. */
export function tokenParameters({ service }: BearerChallenge, scope: string): URLSearchParams {
  return new URLSearchParams({ ...(service !== null && { service }), ...(scope !== '' && { scope }) })
}

/** The distribution specification's token answer; OAuth's has its token under another name. null: it is none. */
export function tokenIn(body: Buffer): Token | null {
  let answer: unknown
  try {
    answer = JSON.parse(body.toString('utf8'))
  } catch {
    return null
  }
  if (typeof answer !== 'object' || answer === null) return null
  const { token, access_token, expires_in } = answer as Record<string, unknown>
  const text = token ?? access_token
  // What is not printable ASCII would break the header that it goes into.
  if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) return null
  const lifetime = typeof expires_in === 'number' && expires_in > 0 ? expires_in : DEFAULT_LIFETIME
  return { authorization: `Bearer ${text}`, validUntil: performance.now() + lifetime * 1000 * USED_SHARE }
}
