import { MAX_TOKEN_BYTES, readWhole } from './bounded-body.ts'
import type { BearerChallenge, Challenge } from './challenge.ts'
import { mayHaveCredentials } from './credential-rule.ts'
import type { Credentials } from './credentials.ts'
import type { HttpExchange, RequestBody } from './http-exchange.ts'
import type { Operation } from './operation.ts'
import { RegistryError } from './registry-error.ts'
import { realmOf, type Token, tokenIn, tokenParameters } from './token-realm.ts'

/** Sends a request to a token realm; `authorization` is for its own origin. */
export type AskRealm = (
  operation: Operation,
  request: { method: string; url: URL; headers: Record<string, string>; body: RequestBody | null },
) => Promise<HttpExchange>

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
  #challenge: BearerChallenge | null = null

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

  async #newToken(operation: Operation, challenge: BearerChallenge, scope: string): Promise<string> {
    this.#tokens.delete(scope)
    const realm = this.#realmOf(operation, challenge)
    const exchange = await this.#askRealm(operation, realm, tokenParameters(challenge, scope))
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

  #realmOf(operation: Operation, challenge: BearerChallenge): URL {
    const realm = realmOf(operation, this.#endpoint, challenge)
    if (this.#credentials !== null && !mayHaveCredentials(this.#endpoint, realm)) {
      throw operation.error('realm-foreign', this.#endpoint.origin, { detail: realm.origin })
    }
    return realm
  }

  async #askRealm(operation: Operation, realm: URL, parameters: URLSearchParams): Promise<HttpExchange> {
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
