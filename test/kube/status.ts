import type { Json } from './api-object.ts'
import { type ApiResource, qualifiedName } from './api-resources.ts'

/** An answer of the API server that is no success, with its own words: apimachinery, pkg/api/errors. */
export class StatusError extends Error {
  readonly code: number
  readonly reason: string
  readonly details: Json | undefined
  readonly headers: Record<string, string>

  constructor(code: number, reason: string, message: string, details?: Json, headers: Record<string, string> = {}) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
    this.headers = headers
  }

  body(): Json {
    const { code, reason, message, details } = this
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code,
    }
  }
}

export function notFound(resource: ApiResource, name: string): StatusError {
  const message = `${qualifiedName(resource)} "${name}" not found`
  return new StatusError(404, 'NotFound', message, detailsOf(resource, name))
}

export function alreadyExists(resource: ApiResource, name: string): StatusError {
  const message = `${qualifiedName(resource)} "${name}" already exists`
  return new StatusError(409, 'AlreadyExists', message, detailsOf(resource, name))
}

export function conflict(resource: ApiResource, name: string): StatusError {
  const message =
    `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ` +
    'the object has been modified; please apply your changes to the latest version and try again'
  return new StatusError(409, 'Conflict', message, detailsOf(resource, name))
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized')
}

/** Of a watch: apiserver, storage/cacher/watch_cache.go; of one past the cache, storage/etcd3/watcher.go. */
export function expired(asked: string, oldest: number, isCached: boolean): StatusError {
  const message = isCached
    ? `too old resource version: ${asked} (${oldest})`
    : 'The resourceVersion for the provided watch is too old.'
  return new StatusError(410, 'Expired', message)
}

export function throttled(seconds: number): StatusError {
  const message = 'too many requests, please try again later'
  const details = { retryAfterSeconds: seconds }
  return new StatusError(429, 'TooManyRequests', message, details, { 'Retry-After': `${seconds}` })
}

export function internalError(): StatusError {
  return new StatusError(500, 'InternalError', 'Internal error occurred: etcdserver: no leader')
}

function detailsOf({ group, plural }: ApiResource, name: string): Json {
  return { name, ...(group === '' ? {} : { group }), kind: plural }
}
