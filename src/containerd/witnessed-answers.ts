import type { Endpoint, PullPath } from './pull-path.ts'
import type { Answer, SentRequest } from './requester.ts'
import type { Witness, WitnessedRequest } from './witness.ts'

/** A witnessed request, with what a comparison looks at. */
export interface WitnessedStep extends WitnessedRequest {
  /** Position among all. */
  index: number
  /** Equal for requests that cannot be told apart, predicted or witnessed. */
  key: string
  /** Tag or digest; null: it is for a token, or where a redirect led to. */
  object: string | null
  /** The one that its answer came to, after so many redirects; mostly itself. */
  last: WitnessedRequest
  redirects: number
  /** The status of `last`. */
  outcome: number | null
}

/** net/http refuses the eleventh request. */
const MOST_REDIRECTS = 9

/** A predicted request and the witnessed one that it is. */
export interface MatchedRequest {
  request: SentRequest
  key: string
  step: WitnessedStep | null
}

/** The steps of a witness in the order in which they were sent. */
export function stepsOf({ requests }: Pick<Witness, 'requests'>): WitnessedStep[] {
  return requests.map((request, index) => {
    let last = request
    let redirects = 0
    for (
      let at = index;
      at >= 0;
      at = requests.findLastIndex((it, position) => position > at && it.redirectedFrom === at)
    ) {
      last = requests[at] ?? last
      redirects += at === index ? 0 : 1
    }
    return {
      ...request,
      index,
      key: keyOf(request.method, request.host, request.path, request.ns),
      object: request.redirectedFrom === null ? objectOf(request.path) : null,
      last,
      redirects,
      outcome: last.status,
    }
  })
}

/**
 * The answers of a prediction: each predicted request is answered as the witnessed one that it is, in the order of the
 * object that it is for. One that was not witnessed is answered 404, so that the prediction goes on.
 */
export class WitnessedAnswers {
  readonly matched: MatchedRequest[] = []
  /** Steps that were dumped twice and sent once. */
  readonly twins = new Set<WitnessedStep>()
  readonly #steps: readonly WitnessedStep[]
  readonly #endpoints: readonly Endpoint[]
  readonly #isPulled: boolean
  /** By object: how many of its steps are passed. */
  readonly #passed = new Map<string, number>()
  #tokenIsGiven = true
  /** Whether the token was asked for over https first: the fallback to http is kept for one host at a time. */
  #tokenFallsBack = false

  /** `isPulled`: the fetch came to its end, so that what was asked last was answered. */
  constructor(steps: readonly WitnessedStep[], { endpoints }: PullPath, isPulled: boolean) {
    this.#steps = steps
    this.#endpoints = endpoints
    this.#isPulled = isPulled
  }

  next(request: SentRequest): Answer {
    if (request.kind === 'token') {
      if (this.#tokenFallsBack && request.url.startsWith('https:')) return { kind: 'tls', failure: 'plain-http' }
      return { kind: 'status', status: this.#tokenIsGiven ? 200 : 401 }
    }
    const { object } = request
    // A prediction without content: what stands for it is there.
    if (object === '') return { kind: 'status', status: 200 }
    const key = keyOfUrl(request.method, request.url)
    const all = this.#steps.filter((it) => it.object === object)
    const found = all.findIndex((it, position) => position >= (this.#passed.get(object) ?? 0) && it.key === key)
    const endpoint = this.#endpoints[request.endpoint]
    const twin = endpoint !== undefined && isDumpedTwice(endpoint) ? all[found] : undefined
    const isTwin = twin?.status === null && all[found + 1]?.key === key
    if (isTwin) this.twins.add(twin)
    const at = isTwin ? found + 1 : found
    const step = all[at] ?? null
    this.matched.push({ request, key, step })
    if (step === null) return { kind: 'status', status: 404 }
    this.#passed.set(object, at + 1)
    return this.#answerOf(step, all[at + 1] ?? null, request, endpoint)
  }

  #answerOf(
    step: WitnessedStep,
    following: WitnessedStep | null,
    { url }: SentRequest,
    endpoint: Endpoint | undefined,
  ): Answer {
    const isRepeated = following?.key === step.key
    const { outcome: status } = step
    if (status === null && url.startsWith('https:') && endpoint?.httpsFirst === true) {
      return { kind: 'tls', failure: isRepeated ? 'plain-http' : 'refused' }
    }
    if (status === null && step.isUncertain) {
      return { kind: 'status', status: following === null && this.#isPulled ? 200 : 404 }
    }
    if (status === null) return { kind: 'failure', failure: isRepeated ? 'closed' : 'reset' }
    if (step.redirects === MOST_REDIRECTS && status !== null && status < 400)
      return { kind: 'failure', failure: 'reset' }
    if (status === 401) return this.#challengeOf(step, following, isRepeated)
    const { digest, hasLength: lengthKnown } = step.last
    return { kind: 'status', status, lengthKnown, digest }
  }

  /** The dump's own challenge is not kept, but for what it asks for. */
  #challengeOf({ index, last }: WitnessedStep, following: WitnessedStep | null, isRepeated: boolean): Answer {
    if (last.challenge === null) return { kind: 'status', status: 401 }
    if (last.challenge === 'basic') return { kind: 'status', status: 401, challenge: { scheme: 'basic' } }
    const end = following ?? this.#steps.find((it) => it.object !== null && it.index > index)
    const tokens = this.#steps
      .slice(index + 1, end?.index)
      .filter((it) => it.object === null && it.redirectedFrom === null)
    const [first, second] = tokens
    this.#tokenFallsBack = first?.status === null && second?.key === first.key
    const token = this.#tokenFallsBack ? second : first
    this.#tokenIsGiven = token?.outcome == null ? isRepeated : token.outcome < 300
    const error = last.refusesToken ? { error: 'invalid_token' } : {}
    return { kind: 'status', status: 401, challenge: { scheme: 'bearer', realm: 'https://token.invalid', ...error } }
  }
}

/** containerd 2.1 wraps the client of an endpoint that has a header, and nothing else of its own, twice. */
function isDumpedTwice({ headerNames, ca, client, skipVerify, dialTimeout }: Endpoint): boolean {
  return headerNames.length > 0 && ca.length === 0 && !client && skipVerify === null && dialTimeout === null
}

/** Whether requests to it cannot be told from those to another one: the dump does not tell http from https. */
export function isDeclaredTwice(endpoints: readonly Endpoint[], endpoint: Endpoint | undefined): boolean {
  const place = (it: Endpoint | undefined) => it?.url.replace(/^[a-z]+:/, '')
  return endpoints.filter((it) => place(it) === place(endpoint)).length > 1
}

/** Whether a request is in the dump, and there names the object that it is for. */
export function isRecognizable({ url, object }: SentRequest): boolean {
  const [, host = '', target = ''] = /^[a-z]+:\/\/([^/]*)([^?#]*)/.exec(url) ?? []
  return host.replace(/:$/, '') !== '' && objectOf(target) === object
}

function keyOfUrl(method: string, url: string): string {
  const [, host = '', target = ''] = /^[a-z]+:\/\/([^/]*)(.*)$/s.exec(url) ?? []
  const [path = '', query = ''] = (target.split('#', 1)[0] ?? '').split('?', 2)
  return keyOf(method, host, path, new URLSearchParams(query).get('ns'))
}

/** net/http drops an empty port, and escapes what a URL must not hold. */
function keyOf(method: string, host: string, path: string, ns: string | null): string {
  return JSON.stringify([method, host.replace(/:$/, ''), unescaped(path), ns])
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function objectOf(path: string): string | null {
  return /\/(?:manifests|blobs)\/([^/]+)$/.exec(unescaped(path))?.[1] ?? null
}
