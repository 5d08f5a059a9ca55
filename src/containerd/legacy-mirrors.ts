import { parseGoUrl } from '../format/go-url.ts'
import { splitHostPort } from '../format/host-port.ts'
import { parseIp } from '../format/ip-address.ts'
import type { Behaviour } from './behaviour.ts'
import type { DaemonProfile, PathError } from './pull-path.ts'

/** An endpoint of the deprecated `registry.mirrors`, or the one that CRI appends. */
export interface LegacyEndpoint {
  scheme: string
  host: string
  path: string
  appended: boolean
}

/**
 * The endpoints of a registry without a hosts directory (image_pull.go, registryEndpoints and registryHosts): the
 * mirrors of its name, else those of `*`, then the registry itself unless an endpoint already is its host.
 */
export function legacyEndpoints(
  registry: string,
  mirrors: DaemonProfile['legacyMirrors'],
  { strictColons }: Pick<Behaviour, 'strictColons'>,
): { endpoints: LegacyEndpoint[]; error: PathError | null } {
  const declared = mirrors.get(registry) ?? mirrors.get('*') ?? []
  const endpoints: LegacyEndpoint[] = []
  for (const text of declared) {
    const whole = text.includes('://') ? text : `${schemeOf(text.split('/', 1)[0] ?? '')}://${text}`
    const url = parseGoUrl(whole, { strictColons })
    if (typeof url === 'string') {
      const message = `get registry endpoints: parse endpoint url ${JSON.stringify(text)}: ${url}`
      return { endpoints, error: { code: 'ENDPOINT_INVALID', message, source: null } }
    }
    // The path is used as it is: no /v2 is appended to one.
    endpoints.push({ ...url, path: url.path === '' ? '/v2' : url.path, appended: false })
  }
  if (!endpoints.some((it) => it.host === registry)) {
    const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
    endpoints.push({ scheme: schemeOf(host), host, path: '/v2', appended: true })
  }
  return { endpoints, error: null }
}

/** resolver.go, IsLocalhost: the name `localhost` or a loopback address, with or without a port. */
export function isLocalhost(host: string): boolean {
  const name = splitHostPort(host)?.host ?? host
  return name === 'localhost' || parseIp(name)?.loopback === true
}

function schemeOf(host: string): string {
  return isLocalhost(host) ? 'http' : 'https'
}
