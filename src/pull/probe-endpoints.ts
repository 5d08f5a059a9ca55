import type { Role } from '../containerd/endpoint-report.ts'
import type { Endpoint } from '../containerd/pull-path.ts'
import type { RatedEndpoint } from '../drift/path-comparison.ts'
import { parseGoDuration } from '../format/go-duration.ts'
import type { Credentials } from '../registry/credentials.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import type { RegistryClient } from '../registry/registry-client.ts'
import type { EndpointAccess } from './endpoint-access.ts'

/** An endpoint of a pull path, as a probe asks it. */
export interface ProbeEndpoint {
  role: Role
  /** Whether it is asked for a tag. A digest is asked for everywhere. */
  resolve: boolean
  /**
   * What goes wrong there says little: an http endpoint that is tried over https first, and the default upstream behind
   * endpoints that were declared.
   */
  isAside: boolean
  /** How long a connection may take to come up, in milliseconds. */
  connectWithin: number
  client: RegistryClient
}

/** net.Dialer of containerd (core/remotes/docker/config/hosts.go). Milliseconds. */
const DIAL_TIMEOUT = 30_000

/**
 * The endpoints of a pull path in the order in which containerd asks them, repeats included. `credentials`: of a host,
 * for the origin alone.
 */
export function probeEndpoints(
  endpoints: readonly RatedEndpoint[],
  registry: string,
  brought: { credentials: (host: string) => Credentials | null; access: (endpoint: Endpoint) => EndpointAccess },
): ProbeEndpoint[] {
  const isAnyDeclared = endpoints.some((it) => it.role !== 'peer' && it.declaredIn !== 'default')
  return endpoints.flatMap((endpoint) => {
    const { url, httpsFirst, role, host, declaredIn } = endpoint
    const { headers, tls } = brought.access(endpoint)
    return (httpsFirst ? [url, url.replace(/^https:/, 'http:')] : [url]).map((url, index) => ({
      role,
      isAside: (httpsFirst && index === 0) || (isAnyDeclared && declaredIn === 'default'),
      resolve: endpoint.resolve,
      connectWithin: dialTimeoutOf(endpoint),
      client: openRegistryClient({
        url,
        namespace: endpoint.namespaceParam ? registry : null,
        headers,
        tls,
        credentials: role === 'origin' ? brought.credentials(host) : null,
      }),
    }))
  })
}

/** Go takes no time, or less, for no limit of its own. */
function dialTimeoutOf({ dialTimeout }: RatedEndpoint): number {
  const own = dialTimeout === null ? null : parseGoDuration(dialTimeout)
  return own === null || own <= 0 ? DIAL_TIMEOUT : own
}
