import type { RegistryReason } from '../registry/registry-error.ts'
import type { ProbeEndpoint } from './probe-endpoints.ts'

/** What one of several endpoints did that were asked for the same. */
export interface Refusal<E extends { reason: RegistryReason }> {
  endpoint: Pick<ProbeEndpoint, 'role' | 'isAside'>
  error: E
}

/**
 * The error that says why nobody gave it, of several in the order in which they came; null: there is none. Where the
 * bytes should be counts for more than where they might be, and a fault for more than that there is nothing:
 *
 *   1. a declared endpoint that is no peer: a fault     2. the same: it is not there
 *   3. a peer: a fault                                  4. the same: it is not there
 *   5. what is asked aside (see ProbeEndpoint)
 *
 * Of several alike, the first.
 */
export function mostTelling<E extends { reason: RegistryReason }>(refusals: readonly Refusal<E>[]): E | null {
  return refusals.toSorted((a, b) => rankOf(a) - rankOf(b))[0]?.error ?? null
}

function rankOf({ endpoint, error }: Refusal<{ reason: RegistryReason }>): number {
  if (endpoint.isAside) return 5
  return (endpoint.role === 'peer' ? 3 : 1) + (error.reason === 'not-found' ? 1 : 0)
}
