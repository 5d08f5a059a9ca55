import type { DeclaredIn, Endpoint } from './pull-path.ts'

/** What an endpoint is to the registry: a Spegel target, the registry itself, or anything else. */
export type Role = 'peer' | 'origin' | 'mirror'

/** An endpoint as `explain --json` and the NodeReport show it. */
export interface EndpointReport {
  url: string
  declaredIn: DeclaredIn
  role: Role
  resolve: boolean
  fetch: boolean
  namespaceParam: boolean
  httpsFirst: boolean
  capabilities: string[]
  overridePath: boolean
  skipVerify: boolean | null
  dialTimeout: string | null
  ca: string[]
  client: boolean
  headerNames: string[]
}

/** An endpoint as it is shown. The wildcard's default upstream is whatever registry is asked for. */
export function endpointReport(endpoint: Endpoint & { role: Role }, registry: string): EndpointReport {
  const isAnyUpstream = registry === '_default' && endpoint.declaredIn === 'default'
  return {
    url: isAnyUpstream ? endpoint.url.replace('_default', '<registry>') : endpoint.url,
    declaredIn: endpoint.declaredIn,
    role: endpoint.role,
    resolve: endpoint.resolve,
    fetch: endpoint.fetch,
    namespaceParam: endpoint.namespaceParam,
    httpsFirst: endpoint.httpsFirst,
    capabilities: [...endpoint.capabilities],
    overridePath: endpoint.overridePath,
    skipVerify: endpoint.skipVerify,
    dialTimeout: endpoint.dialTimeout,
    ca: [...endpoint.ca],
    client: endpoint.client,
    headerNames: [...endpoint.headerNames],
  }
}
