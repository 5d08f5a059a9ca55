import { MAX_TOKEN_BYTES, readWhole } from './bounded-body.ts'
import type { Challenge } from './challenge.ts'
import { mayHaveCredentials } from './credential-rule.ts'
import type { Credentials } from './credentials.ts'
import type { HttpExchange, RequestBody } from './http-exchange.ts'
import type { Operation } from './operation.ts'
import { RegistryError } from './registry-error.ts'

/** Sends a request to a token realm; `authorization` is for its own origin. */
export type AskRealm = (
  operation: Operation,
  request: { method: string; url: URL; headers: Record<string, string>; body: RequestBody | null },
) => Promise<HttpExchange>

interface Token {
  authorization: string
  /** By the monotonic clock, in milliseconds. */
  validUntil: number
}

/** The distribution specification's default, in seconds. */
const DEFAULT_LIFETIME = 60
/** Of its life that a token is used: a request must not arrive with one that has just expired. */
const USED_SHARE = 0.9

/**
 * What goes into `Authorization`, for one endpoint: tokens by scope until they expire, or a password.
 * Credentials go to the endpoint's own origin and to the realms of `mayHaveCredentials`.
 */
export class Authorizer {
  readonly #endpoint: URL
  readonly #credentials: Credentials | null
  readonly #ask: AskRealm
  readonly #tokens = new Map<string, Token>()
  #password: string | null = null
  #challenge: (Challenge & { scheme: 'bearer' }) | null = null

  constructor(endpoint: URL, credentials: Credentials | null, ask: AskRealm) {
    this.#endpoint = endpoint
    this.#credentials = credentials
    this.#ask = ask
  }

  /** What is known to be wanted for `scope`; null: nothing, as far as is known. */
  async known(operation: Operation, scope: string): Promise<string | null> {
    if (this.#password !== null) return this.#password
    const token = this.#tokens.get(scope)
    if (token === undefined || this.#challenge === null) return null
    if (performance.now() < token.validUntil) return token.authorization
    return this.#newToken(operation, this.#challenge, scope)
  }

  /** What answers a challenge; null: nothing that is there. `refused`: what the refused request had with it. */
  async answer(
    operation: Operation,
    challenge: Challenge | null,
    scope: string,
    refused: string | null,
  ): Promise<string | null> {
    if (challenge?.scheme === 'bearer') {
      this.#challenge = challenge
      return this.#newToken(operation, challenge, scope)
    }
    const basic = this.#credentials?.basic ?? null
    if (challenge?.scheme !== 'basic' || basic === refused) return null
    this.#password = basic
    return basic
  }

  async #newToken(operation: Operation, challenge: Challenge & { scheme: 'bearer' }, scope: string): Promise<string> {
    this.#tokens.delete(scope)
    const realm = this.#realmOf(operation, challenge.realm)
    const exchange = await this.#askRealm(operation, realm, challenge.service, scope)
    const { status } = exchange
    if (status !== 200) {
      exchange.discard()
      throw exchange.error('token-refused', { status })
    }
    const token = tokenIn(await readWhole(exchange, MAX_TOKEN_BYTES))
    if (token === null) throw exchange.error('token-invalid')
    this.#tokens.set(scope, token)
    return token.authorization
  }

  #realmOf(operation: Operation, text: string): URL {
    const invalid = (detail: string) => operation.error('realm-invalid', this.#endpoint.origin, { detail })
    const realm = URL.parse(text)
    if (realm === null || !/^https?:$/.test(realm.protocol)) throw invalid('it is no URL of http or https')
    if (this.#endpoint.protocol === 'https:' && realm.protocol === 'http:') {
      throw invalid(`from https down to ${realm.origin}`)
    }
    if (this.#credentials !== null && !mayHaveCredentials(this.#endpoint, realm)) {
      throw operation.error('realm-foreign', this.#endpoint.origin, { detail: realm.origin })
    }
    return realm
  }

  async #askRealm(operation: Operation, realm: URL, service: string | null, scope: string): Promise<HttpExchange> {
    const parameters = new URLSearchParams({ ...(service !== null && { service }), ...(scope !== '' && { scope }) })
    try {
      const refreshToken = this.#credentials?.refreshToken ?? null
      if (refreshToken !== null) {
        parameters.set('grant_type', 'refresh_token')
        parameters.set('client_id', 'pullpath')
        parameters.set('refresh_token', refreshToken)
        const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
        const bytes = Buffer.from(parameters.toString())
        const body = { size: bytes.length, open: () => [bytes] }
        return await this.#ask(operation, { method: 'POST', url: realm, headers, body })
      }
      for (const [name, value] of parameters) realm.searchParams.set(name, value)
      const basic = this.#credentials?.basic ?? null
      const headers = { ...(basic !== null && { Authorization: basic }) }
      return await this.#ask(operation, { method: 'GET', url: realm, headers, body: null })
    } catch (error) {
      if (!(error instanceof RegistryError) || error.reason === 'aborted') throw error
      const { reason, phase, detailName, origin } = error
      const name = detailName === null ? {} : { name: detailName }
      throw operation.error('realm-unreachable', origin, { detail: reason, phase, cause: reason, ...name })
    }
  }
}

/** The distribution specification's token answer; OAuth's has its token under another name. */
function tokenIn(body: Buffer): Token | null {
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
