import type { EndpointFailure } from '../drift/probes.ts'
import type { EndpointAccess } from './endpoint-access.ts'
import { REFUSALS } from './endpoint-failure.ts'
import type { ProbeTarget } from './probe-target.ts'

/**
 * Why a failure says nothing of what containerd meets there: it brings something along that this agent has not, or does
 * not give to another host. null: containerd fails like this too.
 */
export function doubtAbout(
  failure: Omit<EndpointFailure, 'since'>,
  { endpoint, hasNodeCredentials }: Pick<ProbeTarget, 'endpoint' | 'hasNodeCredentials'>,
  { unread, headers, tls }: EndpointAccess,
): string | null {
  const { reason, detail, step, status, names } = failure
  if (detail === 'realm-foreign') return `${failure.words}: containerd may have credentials that it gives there`
  if (hasNodeCredentials && REFUSALS.some((it) => it === detail)) {
    return 'it wants credentials, which containerd on this node has and the agent has not'
  }
  // nginx, for one, answers 400 to who shows no certificate.
  const isOfAccess = reason === 'endpoint-tls' || reason === 'endpoint-auth' || status === 400
  if (unread.length > 0 && isOfAccess) {
    return `it may want what is in ${unread.join(', ')}, which containerd reads and this agent cannot: ${failure.words}`
  }
  const isForeign = step === 'realm' && names !== null && URL.parse(names)?.hostname !== new URL(endpoint.url).hostname
  if (isForeign && (tls.client !== null || Object.keys(headers).length > 0)) {
    return `its realm ${names} may want the certificate or header that this agent gives to ${new URL(endpoint.url).host} alone: ${failure.words}`
  }
  return null
}
