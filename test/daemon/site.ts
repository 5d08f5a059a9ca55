/** `tls-known`: its certificate is among the system's; `tls-own`: only a `ca` field can make it trusted. */
export type ListenerKind = 'plain' | 'tls-known' | 'tls-own'

const ALL_PORTS: Readonly<Record<number, ListenerKind>> = {
  80: 'plain',
  443: 'tls-known',
  5000: 'plain',
  5001: 'tls-known',
  5002: 'tls-own',
}
const WITHOUT_TLS: Readonly<Record<number, ListenerKind>> = { 80: 'plain', 5000: 'plain' }

/** The one address that is no loopback address. It exists in the namespace only. */
export const HARBOR = '192.168.1.106'

/**
 * The network that a daemon under test lives in: the loopback of a namespace of its own. A recording registry listens
 * on these ports of these addresses, and nothing on any other.
 */
export const PORTS: Readonly<Record<string, Readonly<Record<number, ListenerKind>>>> = {
  '127.0.0.1': ALL_PORTS,
  '127.0.0.2': ALL_PORTS,
  '127.0.0.3': ALL_PORTS,
  '127.0.0.4': WITHOUT_TLS,
  '127.0.0.5': ALL_PORTS,
  '127.0.0.6': ALL_PORTS,
  '127.0.0.7': ALL_PORTS,
  '127.0.0.8': ALL_PORTS,
  '::1': ALL_PORTS,
  [HARBOR]: WITHOUT_TLS,
}

/** What the namespace's /etc/hosts says. Names that are not here cannot be resolved. */
export const NAMES: Readonly<Record<string, string>> = {
  localhost: '127.0.0.1',
  'mirror.test': '127.0.0.5',
  'registry.test': '127.0.0.6',
  'docker.io': '127.0.0.7',
  'index.docker.io': '127.0.0.7',
  'registry-1.docker.io': '127.0.0.8',
  'httpmirror.test': '127.0.0.2',
}

/** Empty in the namespace, whatever the machine has there. */
export const DEFAULT_DIRECTORIES = ['/etc/containerd', '/etc/docker'] as const

/** Where a request ends: null, where nobody answers (a port without listener, a name without address). */
export interface Listener {
  address: string
  port: number
  kind: ListenerKind
}

/** The listener that a URL's scheme and `host[:port]` lead to. */
export function listenerOf(scheme: string, host: string): Listener | null {
  // net/url: the port stands behind the last colon, outside brackets.
  const [, bare = host, declared = ''] = (host.endsWith(']') ? null : /^(.*):([0-9]*)$/.exec(host)) ?? []
  const name = bare.replace(/^\[(.*)\]$/, '$1')
  const port = Number(declared === '' ? (scheme === 'https' ? 443 : 80) : declared)
  const address = /^[0-9.]+$|:/.test(name) ? name : NAMES[name.toLowerCase()]
  if (address === undefined) return null
  const kind = PORTS[address]?.[port]
  return kind === undefined ? null : { address, port, kind }
}

/** `address:port`, by which plans know a listener. */
export function keyOf(listener: Pick<Listener, 'address' | 'port'>): string {
  return `${listener.address}:${listener.port}`
}
