import { type ErrorCode, PullpathError } from '../errors.ts'
import type { Challenge } from './challenge.ts'
import type { Exchange, Trace } from './registry-client.ts'
import type { Phase } from './request-phases.ts'

interface ReasonFacts {
  code: ErrorCode
  /** Follows `<what was asked> at <origin>: `. */
  what: string
  advice?: string
}

const SCHEME_ADVICE = 'look at the scheme of the endpoint: http or https'
const REALM_ADVICE = "set the registry's external URL (Harbor: externalURL) to one that this node reaches"

/** The closed list of why a request to a registry fails. A name never changes its meaning. */
export const REGISTRY_REASONS = {
  unresolved: {
    code: 'PP_REGISTRY_UNREACHABLE',
    what: 'the name cannot be resolved',
    advice: "look at the name and at this node's resolver",
  },
  refused: { code: 'PP_REGISTRY_UNREACHABLE', what: 'nothing listens there', advice: 'start it, or look at the port' },
  unreachable: {
    code: 'PP_REGISTRY_UNREACHABLE',
    what: 'there is no way to it',
    advice: "look at this node's network and at the address",
  },
  reset: { code: 'PP_REGISTRY_UNREACHABLE', what: 'the connection broke' },
  timeout: { code: 'PP_REGISTRY_TIMEOUT', what: 'it took too long' },
  certificate: {
    code: 'PP_REGISTRY_TLS',
    what: 'its certificate is not trusted',
    advice: 'give the certificate of its authority, or renew its certificate',
  },
  'tls-failed': { code: 'PP_REGISTRY_TLS', what: 'the TLS handshake failed' },
  'tls-not-spoken': {
    code: 'PP_REGISTRY_TLS',
    what: 'asked over https, it answers without TLS',
    advice: SCHEME_ADVICE,
  },
  'tls-required': { code: 'PP_REGISTRY_TLS', what: 'asked over http, it wants TLS', advice: SCHEME_ADVICE },
  'not-http': { code: 'PP_REGISTRY_PROTOCOL', what: 'the answer is not HTTP' },
  unauthorized: { code: 'PP_REGISTRY_AUTH', what: 'it refuses access' },
  forbidden: { code: 'PP_REGISTRY_AUTH', what: 'it forbids access' },
  'realm-invalid': {
    code: 'PP_REGISTRY_AUTH',
    what: 'the token realm that it names cannot be used',
    advice: REALM_ADVICE,
  },
  'realm-foreign': {
    code: 'PP_REGISTRY_AUTH',
    what: 'the token realm that it names is another host, which the credentials are not sent to',
    advice: REALM_ADVICE,
  },
  'realm-unreachable': {
    code: 'PP_REGISTRY_AUTH',
    what: 'the token realm that it names cannot be asked',
    advice: REALM_ADVICE,
  },
  'token-refused': { code: 'PP_REGISTRY_AUTH', what: 'the token realm gives no token' },
  'token-invalid': { code: 'PP_REGISTRY_AUTH', what: 'the token realm answers with what is no token' },
  'not-found': { code: 'PP_REGISTRY_NOT_FOUND', what: 'it is not there' },
  status: { code: 'PP_REGISTRY_STATUS', what: 'it answers with an error' },
  redirected: { code: 'PP_REGISTRY_REDIRECT', what: 'it redirects' },
  'redirect-loop': { code: 'PP_REGISTRY_REDIRECT', what: 'it redirects in a loop' },
  'redirect-limit': { code: 'PP_REGISTRY_REDIRECT', what: 'it redirects again and again' },
  'redirect-invalid': { code: 'PP_REGISTRY_REDIRECT', what: 'it redirects to what is no URL of http or https' },
  'upload-invalid': { code: 'PP_REGISTRY_PROTOCOL', what: 'it does not say where an upload goes to' },
  'too-large': { code: 'PP_REGISTRY_CONTENT', what: 'the answer is too large' },
  truncated: { code: 'PP_REGISTRY_CONTENT', what: 'the answer ended too early' },
  'wrong-length': { code: 'PP_REGISTRY_CONTENT', what: 'the answer has another length than it must have' },
  'digest-mismatch': { code: 'PP_REGISTRY_CONTENT', what: 'the bytes do not have the digest that they must have' },
  'manifest-invalid': { code: 'PP_REGISTRY_CONTENT', what: 'the answer is no manifest' },
  'platform-missing': { code: 'PP_REGISTRY_CONTENT', what: 'the index has nothing for the platform' },
  aborted: { code: 'PP_REGISTRY_ABORTED', what: 'it was given up' },
  'request-invalid': { code: 'PP_REGISTRY_REQUEST', what: 'the request cannot be sent' },
} as const satisfies Record<string, ReasonFacts>

export type RegistryReason = keyof typeof REGISTRY_REASONS

/** With what a registry was asked: nothing, a token that anybody gets, or credentials and what they gave. */
export type Access = 'none' | 'anonymous' | 'credentials'

/** What is known beside the reason. */
export interface FailureFacts {
  /** In a few words, for people: without anything that came in a header, a query or a body. */
  detail?: string
  /** The HTTP status that was answered. */
  status?: number
  /** The system's, OpenSSL's or the registry's own name for it: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `DENIED`. */
  name?: string
  phase?: Phase | null
  /** For a refusal: what the refused request had with it. */
  access?: Access
  /** For `realm-unreachable`: why. */
  cause?: RegistryReason
}

/** Why a request to a registry failed, for people in its message and for programs in its fields. */
export class RegistryError extends PullpathError implements Trace {
  readonly reason: RegistryReason
  /** Who failed, without path: `http://192.168.1.106`; the endpoint, or a host that it named. */
  readonly origin: string
  /** In which phase; null: the answer was all there, or nothing was sent. */
  readonly phase: Phase | null
  readonly status: number | null
  /** The system's, OpenSSL's or the registry's own name for it: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `DENIED`. */
  readonly detailName: string | null
  /** Of a refusal. */
  readonly access: Access | null
  /** Of `realm-unreachable`. */
  readonly causeReason: RegistryReason | null
  readonly exchanges: readonly Exchange[]
  readonly redirectedTo: readonly string[]
  readonly challenge: Challenge | null

  constructor(
    reason: RegistryReason,
    where: { title: string; origin: string },
    trace: Trace,
    { detail, status, name, phase, access, cause }: FailureFacts,
  ) {
    const { code, what, advice = '' }: ReasonFacts = REGISTRY_REASONS[reason]
    const given = [access && ACCESS_WORDS[access], detail, status && `status ${status}`, name]
    const known = given.filter((it) => it !== undefined && it !== 0)
    super(code, `${where.title} at ${where.origin}: ${what}${known.length === 0 ? '' : ` (${known.join(', ')})`}`, {
      advice,
    })
    this.reason = reason
    this.origin = where.origin
    this.phase = phase ?? null
    this.status = status ?? null
    this.detailName = name ?? null
    this.access = access ?? null
    this.causeReason = cause ?? null
    this.exchanges = trace.exchanges
    this.redirectedTo = trace.redirectedTo
    this.challenge = trace.challenge
  }
}

const ACCESS_WORDS: Readonly<Record<Access, string>> = {
  none: 'without credentials',
  anonymous: 'with the token that it gives to anybody',
  credentials: 'with credentials',
}
