import { posix } from 'node:path'
import { portOf, splitHostPort } from '../format/host-port.ts'
import type { Behaviour } from './behaviour.ts'
import type { Endpoint, PullPath } from './pull-path.ts'
import type { ImageReference } from './reference.ts'

/** What an endpoint serves: an index first where there is one, then the platform's manifest. */
export interface Image {
  manifests: readonly string[]
  config: string
  layers: readonly string[]
}

/** One request that containerd sends. */
export interface SentRequest {
  phase: 'resolve' | 'fetch'
  method: 'HEAD' | 'GET' | 'POST'
  url: string
  /** Position in the pull path's endpoints. */
  endpoint: number
  /** `token`: to the realm that a challenge named. */
  kind: 'manifests' | 'blobs' | 'token'
  /** Tag or digest; empty for a token. */
  object: string
  /** Whether it carries credentials or a token. */
  authorized: boolean
}

/** How an endpoint, or a realm, answers one request. */
export type Answer =
  | {
      kind: 'status'
      status: number
      /** Docker-Content-Digest; default: there is one, the image's. */
      digest?: string | null
      /** Whether there is a Content-Length; default true. */
      lengthKnown?: boolean
      /** WWW-Authenticate of a 401. */
      challenge?: Challenge
      /** Location of a 301, 302, 303, 307 or 308. */
      location?: string
    }
  /** `refused`, `reset`: the connection; `closed`: by the endpoint before an answer; `timeout`: of any kind. */
  | { kind: 'failure'; failure: 'refused' | 'reset' | 'closed' | 'timeout' | 'no-such-host' }
  /** Of a TLS attempt: the endpoint speaks plain http, drops the handshake, or has a certificate that is refused. */
  | { kind: 'tls'; failure: 'plain-http' | 'handshake-timeout' | 'refused' }

/** A challenge of another scheme than these two counts as none. */
export type Challenge =
  | { scheme: 'basic' }
  /** `error`: what the registry says about a token that it did not take. */
  | { scheme: 'bearer'; realm: string; service?: string; error?: string }

export type Answers = (request: SentRequest) => Answer

/** What came of one request with all its repetitions. */
export type Result =
  | { kind: 'answered'; status: number; method: 'HEAD' | 'GET'; digest: string | null; lengthKnown: boolean }
  | { kind: 'connection' }
  | { kind: 'authorization' }

interface Step {
  phase: SentRequest['phase']
  path: PullPath
  reference: ImageReference
  /** What Docker-Content-Digest says unless an answer says otherwise. */
  imageDigest: string
  behaviour: Behaviour
  answers: Answers
  requests: SentRequest[]
  credentials: boolean
}

interface Order {
  /** Position in the pull path's endpoints. */
  index: number
  method: 'HEAD' | 'GET'
  kind: 'manifests' | 'blobs'
  object: string
  /** Whether no endpoint follows in this round. */
  last: boolean
}

/** What registries without OAuth's POST answer to it. */
const OAUTH_MISSING: ReadonlySet<number> = new Set([400, 401, 404, 405])

type BearerHandler = { scheme: 'bearer'; realm: string; service: string; token: 'none' | 'valid' | 'failed' }
type Handler = { scheme: 'basic' } | BearerHandler
type StatusAnswer = Answer & { kind: 'status' }
type Sent = StatusAnswer | { kind: 'connection'; transient: boolean } | { kind: 'authorization' }

/**
 * containerd's HTTP client for one step (resolve, or fetch) of one pull: challenges and tokens, repetitions, the
 * fallback from https to http. (resolver.go: doWithRetries, retryRequest, httpFallback; authorizer.go.)
 */
export class Requester {
  readonly #step: Step
  /** By credential store and host. */
  readonly #handlers = new Map<string, Handler>()
  /** By endpoint: the host that fell back to http. */
  readonly #plain = new Map<number, string>()

  constructor(step: Step) {
    this.#step = step
  }

  send(order: Order): Result {
    const { behaviour } = this.#step
    const seen: StatusAnswer[] = []
    let { method } = order
    let attempts: number = behaviour.attempts
    let before = ''
    for (;;) {
      const asked = method
      const { answer, host } = this.#attempt(order, asked)
      attempts -= 1
      if (answer.kind === 'authorization') return answer
      if (answer.kind === 'connection') {
        // 2.3.2: a connection that timed out or was closed is tried again, on the last endpoint only.
        if (behaviour.retriesTransportErrors && order.last && answer.transient && attempts > 0) continue
        return { kind: 'connection' }
      }
      const repeated = seen.at(-1)?.status === answer.status
      seen.push(answer)
      const more = attempts > 0
      const { status } = answer
      let again = status === 408 || status === 429
      if (status === 401 && (more || behaviour.retriesTransportErrors)) {
        // authorizer.go, invalidAuthorization: a token that is refused twice for one request ends it.
        const isSame = before === `${asked} ${host}`
        const verdict = this.#challenge(this.#storeOf(order.index, host), answer, isSame)
        if (verdict === 'denied') return { kind: 'authorization' }
        again = verdict === 'retry'
      } else if (status === 405 && more && method === 'HEAD' && order.kind === 'manifests') {
        method = 'GET'
        again = true
      } else if (status === 500 || status === 503 || status === 504) {
        again = behaviour.retriesServerErrors && order.last && !repeated
      }
      before = `${asked} ${host}`
      if (again && more) continue
      const { digest = this.#step.imageDigest, lengthKnown = true } = answer
      return { kind: 'answered', status, method, digest, lengthKnown }
    }
  }

  /** One try, with the token that it needs and the redirects that it meets; `host` gave the answer. */
  #attempt(order: Order, method: 'HEAD' | 'GET'): { answer: Sent; host: string } {
    const { index, kind, object } = order
    const endpoint = this.#endpoint(index)
    const { path, reference, phase } = this.#step
    let url = requestUrl(endpoint, path.registry, reference.repository, order, this.#step.behaviour)
    let { host } = endpoint
    let inherits = carriesCredentials(endpoint)
    for (let hops = 0; ; hops += 1) {
      const hasHandler = this.#handlers.has(this.#storeOf(index, host))
      const authorized = hasHandler || inherits
      // resolver.go: CheckRedirect authorizes each request anew, for the host that it goes to.
      const answer = this.#authorized(index, host, () =>
        this.#exchange({ phase, method, url, endpoint: index, kind, object, authorized }),
      )
      if (answer.kind !== 'status' || !isRedirect(answer)) return { answer, host }
      // Go: the eleventh request is refused.
      if (hops === 9) return { answer: { kind: 'connection', transient: false }, host }
      if (hops === 0) inherits = authorized
      url = answer.location ?? ''
      host = hostOf(url) ?? host
      // net/http, makeHeadersCopier: the first request's credentials go along as long as the name stays, on any port.
      inherits &&= isSameOrBelow(nameOf(host), nameOf(endpoint.host))
    }
  }

  #authorized(index: number, host: string, send: () => Sent): Sent {
    const handler = this.#handlers.get(this.#storeOf(index, host))
    if (handler?.scheme === 'bearer' && handler.token === 'none') handler.token = this.#fetchToken(index, handler)
    return handler?.scheme === 'bearer' && handler.token === 'failed' ? { kind: 'authorization' } : send()
  }

  /** authorizer.go, doBearerAuth: with credentials OAuth's POST, and a GET where that is not offered. */
  #fetchToken(index: number, handler: BearerHandler): 'valid' | 'failed' {
    const { phase, reference, credentials, behaviour } = this.#step
    const hasHeader = behaviour.headerSeparatesAuthorizer && carriesCredentials(this.#endpoint(index))
    const authorized = credentials || hasHeader
    const ask = (method: 'POST' | 'GET', url: string): Sent =>
      this.#exchange({ phase, method, url, endpoint: index, kind: 'token', object: '', authorized })
    const scope = `scope=${queryEscape(`repository:${reference.repository}:pull`)}`
    const service = handler.service === '' ? '' : `&service=${queryEscape(handler.service)}`
    const url = `${handler.realm}?${scope}${service}`
    let answer = credentials ? ask('POST', handler.realm) : ask('GET', url)
    if (credentials && answer.kind === 'status' && OAUTH_MISSING.has(answer.status)) answer = ask('GET', url)
    return answer.kind === 'status' && answer.status >= 200 && answer.status < 300 ? 'valid' : 'failed'
  }

  /** authorizer.go, AddResponses. */
  #challenge(store: string, answer: StatusAnswer, isSame: boolean): 'retry' | 'denied' | 'unsupported' {
    const { challenge } = answer
    if (challenge === undefined) return 'unsupported'
    if (challenge.scheme === 'basic') {
      if (!this.#step.credentials) return 'denied'
      this.#handlers.set(store, { scheme: 'basic' })
      return 'retry'
    }
    if (challenge.error !== undefined) {
      this.#handlers.delete(store)
      if (isSame) return 'denied'
    }
    if (!this.#handlers.has(store)) {
      const { realm, service = '' } = challenge
      this.#handlers.set(store, { scheme: 'bearer', realm, service, token: 'none' })
    }
    return 'retry'
  }

  /**
   * Endpoints without settings of their own share one credential store, which knows hosts apart by name (hosts.go). The
   * deprecated mirrors have one each (cri: image_pull.go, registryHosts).
   */
  #storeOf(index: number, host: string): string {
    const endpoint = this.#endpoint(index)
    const own =
      this.#step.path.endpoints.some((it) => it.declaredIn === 'mirrors') ||
      endpoint.ca.length > 0 ||
      endpoint.client ||
      endpoint.skipVerify !== null ||
      endpoint.dialTimeout !== null ||
      (endpoint.headerNames.length > 0 && this.#step.behaviour.headerSeparatesAuthorizer)
    return `${own ? index : 'shared'} ${host}`
  }

  /** resolver.go, httpFallback: of an endpoint that is tried over https first; it knows one host at a time. */
  #exchange(request: SentRequest): Sent {
    const host = hostOf(request.url) ?? ''
    const plain = { ...request, url: request.url.replace(/^https:/, 'http:') }
    if (this.#plain.get(request.endpoint) === host) return sentOf(this.#send(plain))
    const answer = this.#send(request)
    if (!this.#endpoint(request.endpoint).httpsFirst || !this.#fallsBack(answer, host)) return sentOf(answer)
    if (this.#step.behaviour.fallbackSticks) this.#plain.set(request.endpoint, host)
    return sentOf(this.#send(plain))
  }

  #fallsBack(answer: Answer, host: string): boolean {
    const { fallbackSticks, fallbackOnPortError } = this.#step.behaviour
    if (answer.kind === 'tls') {
      return answer.failure === 'plain-http' || (answer.failure === 'handshake-timeout' && fallbackSticks)
    }
    if (answer.kind !== 'failure' || !fallbackOnPortError || portOf(host) !== '') return false
    return answer.failure === 'refused' || answer.failure === 'timeout'
  }

  #send(request: SentRequest): Answer {
    this.#step.requests.push(request)
    return this.#step.answers(request)
  }

  #endpoint(index: number): Endpoint {
    const endpoint = this.#step.path.endpoints[index]
    if (endpoint === undefined) throw new TypeError(`no endpoint ${index}`)
    return endpoint
  }
}

function requestUrl(
  endpoint: Endpoint,
  registry: string,
  repository: string,
  order: Order,
  { keepsQueryOfPath }: Behaviour,
): string {
  const origin = /^[a-z]+:\/\/[^/]*/.exec(endpoint.url)?.[0] ?? ''
  const path = posix.join('/', endpoint.url.slice(origin.length), repository, order.kind, order.object)
  if (!endpoint.namespaceParam) return `${origin}${path}`
  // resolver.go, addNamespace: what follows a question mark, here an escaped one in the endpoint's path, is its query.
  const [bare = '', ...query] = path.split('?')
  const kept = keepsQueryOfPath ? new URLSearchParams(query.join('?')) : []
  const parameters = [...kept, ['ns', registry] as const].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `${origin}${bare}?${parameters.map((it) => it.map(queryEscape).join('=')).join('&')}`
}

/** url.Values.Encode: colons are escaped, spaces are plus signs. */
function queryEscape(text: string): string {
  const escaped = encodeURIComponent(text).replaceAll('%20', '+')
  return escaped.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** `host[:port]` of an absolute URL. */
function hostOf(url: string): string | null {
  return /^[a-z]+:\/\/([^/?#]*)/.exec(url)?.[1] ?? null
}

/** net/url, Hostname: without port and brackets. */
function nameOf(host: string): string {
  return splitHostPort(host)?.host ?? host.replace(/^\[(.*)\]$/, '$1')
}

/** net/http, isDomainOrSubdomain: addresses of IPv6 are nobody's sub-domain. */
function isSameOrBelow(name: string, parent: string): boolean {
  return name === parent || (!name.includes(':') && name.endsWith(`.${parent}`))
}

/** Whether a `header` of hosts.toml holds credentials, as Spegel's does with basic authentication. */
function carriesCredentials({ headerNames }: Endpoint): boolean {
  return headerNames.some((it) => it.toLowerCase() === 'authorization')
}

/** Go's client follows these where they say where to; any other 3xx is an answer. */
function isRedirect(answer: StatusAnswer): boolean {
  return [301, 302, 303, 307, 308].includes(answer.status) && answer.location !== undefined
}

function sentOf(answer: Answer): Sent {
  if (answer.kind === 'status') return answer
  const transient =
    (answer.kind === 'failure' && (answer.failure === 'closed' || answer.failure === 'timeout')) ||
    (answer.kind === 'tls' && answer.failure === 'handshake-timeout')
  return { kind: 'connection', transient }
}
