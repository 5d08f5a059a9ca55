import type { EndpointFailure } from '../drift/probes.ts'
import { mayHaveCredentials } from '../registry/credential-rule.ts'
import type { EndpointAccess } from './endpoint-access.ts'
import { REFUSALS } from './endpoint-failure.ts'
import type { ProbeTarget } from './probe-target.ts'

/** Who refuses, and is not refused for the agent's own credentials. */
const REFUSED: readonly string[] = [...REFUSALS, 'header-refused']
/** What a realm does that misses a certificate or a header. */
const REALM_MISSES: readonly string[] = ['realm-answer', 'tls-failed', 'reset']

/**
 * Why a failure says nothing of what containerd meets there: it brings something along that this agent has not, or does
 * not give to another host. `realm`: of the challenge; null: there was none. null: containerd fails like this too.
 */
export function doubtAbout(
  failure: Omit<EndpointFailure, 'since'>,
  target: Pick<ProbeTarget, 'endpoint' | 'hasNodeCredentials'>,
  access: EndpointAccess,
  realm: URL | null,
): string | null {
  const { reason, detail, step, status, words } = failure
  if (detail === 'realm-foreign') return `${words}: containerd may have credentials that it gives there`
  const isRefused = REFUSED.includes(detail)
  if (target.hasNodeCredentials && isRefused) {
    return 'it wants credentials, which containerd on this node has and the agent has not'
  }
  // nginx, for one, answers 400 to who shows no certificate.
  const isOfAccess = reason === 'endpoint-tls' || reason === 'endpoint-auth' || status === 400
  if (access.unread.length > 0 && isOfAccess) {
    const files = access.unread.join(', ')
    return `it may want what is in ${files}, which containerd reads and this agent cannot: ${words}`
  }
  const missesSomething = isRefused || (step === 'realm' && REALM_MISSES.includes(detail))
  if (realm !== null && missesSomething && isWithheld(target.endpoint, access, realm)) {
    const { host } = new URL(target.endpoint.url)
    return `its realm ${realm.origin} may want the certificate or header that this agent gives to ${host} alone: ${words}`
  }
  return null
}

/** Whether containerd gives a realm what this agent does not. */
function isWithheld({ url, headersForRealm }: ProbeTarget['endpoint'], access: EndpointAccess, realm: URL): boolean {
  const endpoint = new URL(url)
  const hasHeader = headersForRealm === true && Object.keys(access.headers).length > 0
  if (hasHeader && !mayHaveCredentials(endpoint, realm)) return true
  return access.tls.client !== null && realm.protocol === 'https:' && realm.hostname !== endpoint.hostname
}
