import { splitHostPort } from '../../src/format/host-port.ts'

/**
 * The network that a daemon under test lives in: the loopback of a namespace of its own. Every address of it has a
 * recording registry on these ports; nothing listens on any other port.
 */
export const PORTS: Readonly<Record<number, ListenerKind>> = {
  80: 'plain',
  443: 'tls-known',
  5000: 'plain',
  5001: 'tls-known',
  5002: 'tls-own',
}

/** `tls-known`: its certificate is among the system's; `tls-own`: only a `ca` field can make it trusted. */
export type ListenerKind = 'plain' | 'tls-known' | 'tls-own'

/** What the namespace's /etc/hosts says. Names that are not here cannot be resolved. */
export const NAMES: Readonly<Record<string, string>> = {
  localhost: '127.0.0.1',
  'mirror.test': '127.0.0.5',
  'registry.test': '127.0.0.6',
  'docker.io': '127.0.0.7',
  'index.docker.io': '127.0.0.7',
  'registry-1.docker.io': '127.0.0.8',
  'httpmirror.test': '127.0.0.9',
}

/** The one address that is no loopback address. It exists in the namespace only. */
export const HARBOR = '192.168.1.106'

/** Where a request ends: null, where nobody answers (a port without listener, a name without address). */
export interface Listener {
  address: string
  port: number
  kind: ListenerKind
}

/** The listener that a URL's scheme and `host[:port]` lead to. */
export function listenerOf(scheme: string, host: string): Listener | null {
  const split = splitHostPort(host)
  const name = (split?.host ?? host).replace(/^\[(.*)\]$/, '$1')
  const port = Number(split === null || split.port === '' ? (scheme === 'https' ? 443 : 80) : split.port)
  const address = /^[0-9.]+$|:/.test(name) ? name : NAMES[name.toLowerCase()]
  const kind = PORTS[port]
  if (address === undefined || kind === undefined) return null
  const isHere = address.startsWith('127.') || address === '::1' || address === HARBOR
  return isHere ? { address, port, kind } : null
}

/** `address:port`, by which plans know a listener. */
export function keyOf(listener: Pick<Listener, 'address' | 'port'>): string {
  return `${listener.address}:${listener.port}`
}
