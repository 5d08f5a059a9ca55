import type { LookupFunction } from 'node:net'
import { type AskRealm, Authorizer } from './authorizer.ts'
import { type ErrorBody, readErrorBody } from './bounded-body.ts'
import { type Challenge, parseChallenge, shownChallenge } from './challenge.ts'
import { mayHaveCredentials } from './credential-rule.ts'
import { HttpExchange, type OutgoingRequest, type RequestBody } from './http-exchange.ts'
import type { Operation } from './operation.ts'
import type { Call, Exchange, RegistryEndpoint } from './registry-client.ts'
import type { Access } from './registry-error.ts'
import type { SecureContexts } from './secure-contexts.ts'

/** A request to the endpoint's API. */
export interface ApiRequest {
  method: string
  url: URL
  headers?: Readonly<Record<string, string>>
  body?: RequestBody | null
  /** Of the token that it needs: `repository:library/app:pull`. */
  scope: string
  call: Call
}

interface Connecting {
  contexts: SecureContexts
  lookup: LookupFunction | null
}

/** What containerd follows as well. */
const MAX_REDIRECTS = 10
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const USER_AGENT = 'pullpath'

/** Requests to one endpoint with what they bring with them: challenges, tokens and redirects. */
export class Conversation {
  readonly #endpoint: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #hasCredentials: boolean
  /** What the endpoint's headers are when nothing else authorizes. */
  readonly #headerAccess: Access
  readonly #headersForRealm: Readonly<Record<string, string>>
  readonly #connecting: Connecting
  readonly #authorizer: Authorizer

  constructor(
    endpoint: URL,
    { headers, credentials, headersForRealm = false }: RegistryEndpoint,
    connecting: Connecting,
  ) {
    this.#endpoint = endpoint
    this.#headers = headers
    this.#hasCredentials = credentials !== null
    this.#headerAccess = Object.keys(headers).some((it) => it.toLowerCase() === 'authorization')
      ? 'credentials'
      : 'none'
    this.#headersForRealm = headersForRealm ? headers : {}
    this.#connecting = connecting
    this.#authorizer = new Authorizer(endpoint, credentials, (operation, request) => this.#askRealm(operation, request))
  }

  /** Fulfilled with an answer of 2xx, its body unread; everything else is an error. */
  async request(operation: Operation, request: ApiRequest): Promise<HttpExchange> {
    const authorization = await this.#authorizer.known(operation, request.scope)
    let exchange = await this.#send(operation, request, authorization)
    if (isGood(exchange)) return exchange
    const body = await readErrorBody(exchange)
    if (exchange.status === 401 && exchange.url.origin === this.#endpoint.origin) {
      const challenge = this.#noteChallenge(operation, exchange)
      const answer = await this.#authorizer.answer(operation, challenge, request.scope, authorization)
      if (answer !== null) {
        exchange = await this.#send(operation, request, answer)
        if (isGood(exchange)) return exchange
        throw statusError(exchange, await readErrorBody(exchange), this.#accessWith(answer, exchange))
      }
    }
    throw statusError(exchange, body, this.#accessWith(authorization, exchange))
  }

  /** A request without credentials. Fulfilled with an answer of 2xx or a 401, its body unread. */
  async knock(operation: Operation, request: Omit<ApiRequest, 'scope'>): Promise<HttpExchange> {
    const exchange = await this.#send(operation, request, null)
    if (exchange.status === 401) this.#noteChallenge(operation, exchange)
    else if (!isGood(exchange)) throw statusError(exchange, await readErrorBody(exchange), 'none')
    return exchange
  }

  /** Asks a token realm as anybody, but for the endpoint's own headers. Whatever it answers is an answer. */
  askRealm(operation: Operation, url: URL): Promise<HttpExchange> {
    return this.#askRealm(operation, { method: 'GET', url, headers: {}, body: null })
  }

  #askRealm(operation: Operation, request: Parameters<AskRealm>[1]): Promise<HttpExchange> {
    const own = mayHaveCredentials(this.#endpoint, request.url) ? this.#headersForRealm : {}
    return this.#follow(operation, 'token', { ...request, headers: { ...own, ...request.headers } }, true)
  }

  #accessWith(authorization: string | null, { url }: HttpExchange): Access {
    if (url.origin !== this.#endpoint.origin) return 'none'
    if (authorization === null) return this.#headerAccess
    return this.#hasCredentials ? 'credentials' : 'anonymous'
  }

  #noteChallenge(operation: Operation, { headers }: HttpExchange): Challenge | null {
    const challenge = parseChallenge(headers['www-authenticate'])
    operation.challenge ??= challenge === null ? null : shownChallenge(challenge)
    return challenge
  }

  #send(operation: Operation, request: Omit<ApiRequest, 'scope'>, authorization: string | null): Promise<HttpExchange> {
    const { method, url, call, body = null } = request
    const headers = {
      ...request.headers,
      ...this.#headers,
      ...call.headers,
      ...(authorization !== null && { Authorization: authorization }),
    }
    return this.#follow(operation, 'registry', { method, url, headers, body }, call.followRedirects ?? true)
  }

  /**
   * `headers` are for the first origin, until it is left: whoever is asked then is only told what of the object is
   * wanted, and never who asks.
   */
  async #follow(
    operation: Operation,
    purpose: Exchange['purpose'],
    { method, url, headers, body }: Pick<OutgoingRequest, 'method' | 'url' | 'headers' | 'body'>,
    mayFollow: boolean,
  ): Promise<HttpExchange> {
    const seen = new Set<string>()
    if (purpose === 'registry') operation.redirectedTo = []
    let sent = headers
    for (let next = url; ; ) {
      seen.add(next.href)
      if (next.origin !== url.origin) sent = wantedOf(headers)
      const exchange = await this.#exchange(operation, { purpose, method, url: next, headers: sent, body })
      if (!REDIRECTS.has(exchange.status)) return exchange
      exchange.discard()
      const { location } = exchange.headers
      const target = location === undefined ? null : URL.parse(location, next)
      if (target === null || !/^https?:$/.test(target.protocol)) throw exchange.error('redirect-invalid')
      target.hash = ''
      if (purpose === 'registry') operation.redirectedTo.push(target.origin)
      if (!mayFollow || (method !== 'GET' && method !== 'HEAD')) {
        throw exchange.error('redirected', { status: exchange.status, detail: `to ${target.origin}` })
      }
      if (seen.has(target.href)) throw exchange.error('redirect-loop')
      if (seen.size > MAX_REDIRECTS) throw exchange.error('redirect-limit', { detail: `more than ${MAX_REDIRECTS}` })
      next = target
    }
  }

  #exchange(
    operation: Operation,
    { headers, ...request }: Omit<OutgoingRequest, 'tls' | 'lookup'>,
  ): Promise<HttpExchange> {
    const { contexts, lookup } = this.#connecting
    const { hostname, protocol } = request.url
    const isOwn = hostname === this.#endpoint.hostname
    const secureContext = protocol === 'http:' ? undefined : isOwn ? contexts.own : contexts.other
    return HttpExchange.open(operation, {
      ...request,
      headers: { 'User-Agent': USER_AGENT, ...headers },
      tls: { secureContext, verify: contexts.verify },
      lookup,
    })
  }
}

/** What of an object is asked for, wherever it lies: Go's client takes these along as well. */
function wantedOf({ Accept, Range }: Readonly<Record<string, string>>): Record<string, string> {
  return { ...(Accept && { Accept }), ...(Range && { Range }) }
}

function isGood({ status }: HttpExchange): boolean {
  return status >= 200 && status <= 299
}

function statusError(exchange: HttpExchange, { code, wantsTls }: ErrorBody, access: Access): Error {
  const { status } = exchange
  const name = code === null ? {} : { name: code }
  if (status === 400 && exchange.url.protocol === 'http:' && wantsTls) return exchange.error('tls-required', { status })
  if (status === 401) return exchange.error('unauthorized', { status, access, ...name })
  if (status === 403) return exchange.error('forbidden', { status, access, ...name })
  return exchange.error(status === 404 ? 'not-found' : 'status', { status, ...name })
}
