/** Query parameters; a parameter that is undefined is left out. */
export type KubeQuery = Readonly<Record<string, string | number | boolean | undefined>>

/** An object as the API server gives it: nothing of it is taken for granted but that it is an object. */
export type KubeObject = Readonly<Record<string, unknown>>

/** How a body changes what is there: as `kubectl patch --type` calls it. */
export type PatchKind = 'merge' | 'strategic' | 'json'

/**
 * The Kubernetes API as far as it is used, by path. Every call throws KubeError, and nothing else.
 * Paths are of the API server: `/api/v1/namespaces/kube-system/pods`.
 */
export interface KubeApi {
  get(path: string, query?: KubeQuery, signal?: AbortSignal): Promise<KubeObject>
  create(path: string, body: KubeObject, signal?: AbortSignal): Promise<KubeObject>
  patch(path: string, kind: PatchKind, body: unknown, signal?: AbortSignal): Promise<KubeObject>
  /**
   * Lists a collection and follows it until it is stopped, through whatever happens to the connection: the last known
   * objects stay. `selector`: `fieldSelector` and `labelSelector`.
   */
  follow(path: string, selector: KubeQuery, heard: (state: FollowedObjects) => void): { stop(): void }
}

/** What is known of a followed collection. */
export interface FollowedObjects {
  /** By UID; null: it was never listed. */
  objects: ReadonlyMap<string, KubeObject> | null
  /** ISO 8601: until when these are known to be current; null: they never were. */
  asOf: string | null
  /** Why they are not followed at this moment; null: they are. */
  failure: KubeFailure | null
}

/** The closed list of what goes wrong between the agent and the API server. */
export type KubeFailureReason =
  | 'unreachable' // no connection, or it broke
  | 'timeout'
  | 'tls'
  | 'unauthorized' // 401
  | 'forbidden' // 403: the RBAC rule is missing
  | 'not-found' // 404: no such object, or the API server does not know the kind
  | 'conflict' // 409
  | 'gone' // 410: the resource version is too old
  | 'throttled' // 429
  | 'refused' // any other 4xx
  | 'server' // 5xx
  | 'malformed' // not what the API promises

export interface KubeFailure {
  reason: KubeFailureReason
  /** One sentence: which request, and what was answered. No secret is in it. */
  message: string
}

export class KubeError extends Error {
  readonly failure: KubeFailure
  /** Milliseconds that the API server asked to wait; null: it did not. */
  readonly retryAfter: number | null

  constructor(failure: KubeFailure, retryAfter: number | null = null) {
    super(failure.message)
    this.name = 'KubeError'
    this.failure = failure
    this.retryAfter = retryAfter
  }
}
