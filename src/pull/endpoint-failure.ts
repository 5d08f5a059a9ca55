import type { EndpointFailure, EndpointReason, ProbeStep } from '../drift/probes.ts'
import type { RegistryError, RegistryReason } from '../registry/registry-error.ts'

/** The endpoint has not got what it was asked for, or was not asked. */
const NO_FAULT = ['not-found', 'platform-missing', 'aborted', 'request-invalid'] as const satisfies RegistryReason[]

/** What each way to fail is, unless the step says more. */
const REASONS: Readonly<Record<Exclude<RegistryReason, (typeof NO_FAULT)[number]>, EndpointReason>> = {
  unresolved: 'endpoint-down',
  refused: 'endpoint-down',
  unreachable: 'endpoint-down',
  reset: 'endpoint-down',
  timeout: 'endpoint-down',
  status: 'endpoint-down',
  'too-large': 'endpoint-down',
  truncated: 'endpoint-down',
  'wrong-length': 'endpoint-down',
  'digest-mismatch': 'endpoint-down',
  'manifest-invalid': 'endpoint-down',
  'upload-invalid': 'endpoint-down',
  certificate: 'endpoint-tls',
  'tls-failed': 'endpoint-tls',
  'tls-not-spoken': 'endpoint-tls',
  'tls-required': 'endpoint-tls',
  'not-http': 'endpoint-tls',
  unauthorized: 'endpoint-auth',
  forbidden: 'endpoint-auth',
  'realm-invalid': 'endpoint-auth',
  'realm-foreign': 'endpoint-auth',
  'realm-unreachable': 'endpoint-auth',
  'token-refused': 'endpoint-auth',
  'token-invalid': 'endpoint-auth',
  redirected: 'endpoint-redirect',
  'redirect-loop': 'endpoint-redirect',
  'redirect-limit': 'endpoint-redirect',
  'redirect-invalid': 'endpoint-redirect',
}

/** Who asks may not have it. */
export const REFUSALS = ['unauthorized', 'forbidden', 'token-refused'] as const satisfies RegistryReason[]

/** What a failed step says of the endpoint; null: nothing. */
export function endpointFailure(
  error: RegistryError,
  step: ProbeStep['step'],
  hostname: string,
): Omit<EndpointFailure, 'since'> | null {
  const { reason } = error
  const elsewhere = error.redirectedTo.findLast((it) => URL.parse(it)?.hostname !== hostname) ?? null
  const realm = error.challenge?.scheme === 'bearer' ? (URL.parse(error.challenge.realm)?.origin ?? null) : null
  const isRefusal = REFUSALS.some((it) => it === reason)
  const told = {
    step,
    detail: reason,
    words: error.message,
    status: error.status ?? error.exchanges.at(-1)?.status ?? null,
    phase: error.phase,
  }
  if (step === 'realm') return { ...told, reason: 'endpoint-auth', names: error.origin }
  // Whoever redirects answers for what is found there.
  if (elsewhere !== null) return { ...told, reason: 'endpoint-redirect', names: elsewhere }
  // The manifest was served just now: it is the blob that is at fault.
  if (step === 'blob' && reason === 'not-found') return { ...told, reason: 'endpoint-blob', names: null }
  if (isNoFault(reason)) return null
  const usual = REASONS[reason]
  if (step === 'blob' && usual === 'endpoint-down') return { ...told, reason: 'endpoint-blob', names: null }
  return { ...told, reason: usual, names: usual === 'endpoint-auth' && !isRefusal ? realm : null }
}

function isNoFault(reason: RegistryReason): reason is (typeof NO_FAULT)[number] {
  return (NO_FAULT as readonly RegistryReason[]).includes(reason)
}
