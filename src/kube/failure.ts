import { KubeError, type KubeFailureReason } from './kube-api.ts'

/** Of what the API server says, so many characters are passed on. */
const LONGEST_MESSAGE = 400

const BY_STATUS: Readonly<Record<number, KubeFailureReason>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  429: 'throttled',
}

/**
 * What an answer that is no success means. `title`: the request, as messages say it. `body`: a Status of the API server
 * where it is one; anything else is not passed on, since it need not be the API server that speaks.
 * `retryAfter`: the header, in whole seconds (the API server sends no dates).
 */
export function statusError(title: string, status: number, body: unknown, retryAfter?: string): KubeError {
  const reason = BY_STATUS[status] ?? byClass(status)
  const words = wordsOf(body)
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null
  return new KubeError(
    { reason, message: `${title}: ${status}${words === null ? '' : `, ${words}`}` },
    seconds === null ? null : seconds * 1000,
  )
}

function byClass(status: number): KubeFailureReason {
  if (status >= 500) return 'server'
  // A redirect is not followed: the token is for the API server alone.
  return status >= 400 ? 'refused' : 'malformed'
}

function wordsOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || Reflect.get(body, 'kind') !== 'Status') return null
  const message: unknown = Reflect.get(body, 'message')
  if (typeof message !== 'string' || message === '') return null
  const line = message.replace(/\s+/g, ' ').trim()
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}...` : line
}

/** X509_verify_cert_error_string(3), Node's own check of the name, and OpenSSL's errors. */
const TLS_CODE = /CERT|CRL|SIGNATURE|^ERR_SSL|^ERR_TLS|^EPROTO$|^HOSTNAME_MISMATCH/

/** What it means that a request came to nothing. */
export function transportError(title: string, error: unknown): KubeError {
  if (error instanceof KubeError) return error
  const code = codeOf(error)
  if (code === 'ETIMEDOUT') return new KubeError({ reason: 'timeout', message: `${title}: no connection in time` })
  if (TLS_CODE.test(code)) return new KubeError({ reason: 'tls', message: `${title}: TLS failed: ${code}` })
  if (code.startsWith('HPE_')) return new KubeError({ reason: 'malformed', message: `${title}: no HTTP: ${code}` })
  return new KubeError({ reason: 'unreachable', message: `${title}: ${code}` })
}

/** A request throws nothing but KubeError; anything else is a fault of Pullpath itself, which must not end it. */
export function asKubeError(error: unknown): KubeError {
  if (error instanceof KubeError) return error
  return new KubeError({ reason: 'malformed', message: `a fault of Pullpath itself: ${String(error)}` })
}

/** The system's, Node's or OpenSSL's name for it: nothing of a message, which could quote anything. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
}
