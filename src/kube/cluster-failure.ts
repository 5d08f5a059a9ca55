import type { InputFailure } from '../input-failure.ts'
import type { KubeFailure, KubeFailureReason } from './kube-api.ts'

/** What could not be asked for: the request's path, and until when it is known all the same. */
export interface FailedRequest {
  path: string
  verbs: string
  failure: KubeFailure
  /** ISO 8601; null: it was never known. */
  knownUntil: string | null
}

const REASONS: Readonly<Record<KubeFailureReason, InputFailure['reason']>> = {
  unreachable: 'unreachable',
  timeout: 'silent',
  tls: 'unreachable',
  unauthorized: 'refused',
  forbidden: 'refused',
  'not-found': 'refused',
  conflict: 'refused',
  gone: 'refused',
  throttled: 'refused',
  refused: 'refused',
  server: 'refused',
  malformed: 'protocol',
}

/** Why not all of the cluster can be seen; null: it can. What fails alike is told once. */
export function kubeFailure(failed: readonly FailedRequest[]): InputFailure | null {
  const [first] = failed
  if (first === undefined) return null
  // Each thing that is forbidden lacks a rule of its own; an API server that is away is away for all.
  const told = failed.filter((it, index) => {
    const before = failed.slice(0, index)
    return it.failure.reason === 'forbidden' || !before.some((other) => other.failure.reason === it.failure.reason)
  })
  return { reason: REASONS[first.failure.reason], message: told.map(failureText).join('; ') }
}

/** One sentence, with until when it is known, and with the rule that is missing. */
export function failureText({ path, verbs, failure, knownUntil }: FailedRequest): string {
  const rule = failure.reason === 'forbidden' ? ` (the agent's role lacks ${verbs} of ${resourceOf(path)})` : ''
  // A collection is there, if empty, as soon as its kind is.
  const kind =
    failure.reason === 'not-found' && verbs !== 'get'
      ? ` (the API server does not know ${resourceOf(path)}: is it installed?)`
      : ''
  const age = knownUntil === null ? ', and it was never known' : `; what is known is of ${knownUntil}`
  return `${failure.message}${rule}${kind}${age}`
}

/** Whether the API server answers, and denies: then others may see what this agent does not. */
export function isDenied({ reason }: KubeFailure): boolean {
  return reason === 'forbidden' || reason === 'unauthorized' || reason === 'refused' || reason === 'not-found'
}

export function inputFailureOf(failed: FailedRequest): InputFailure {
  return { reason: REASONS[failed.failure.reason], message: failureText(failed) }
}

/** `daemonsets.apps in kube-system`, as `kubectl auth can-i` takes it. */
function resourceOf(path: string): string {
  const match = /^\/(?:api|apis\/([^/]+))\/[^/]+\/(?:namespaces\/([^/]+)\/)?([^/?]+)/.exec(path)
  if (match === null) return path
  const [, group, namespace, resource] = match
  return `${resource}${group === undefined ? '' : `.${group}`}${namespace === undefined ? '' : ` in ${namespace}`}`
}
