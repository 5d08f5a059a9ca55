import { parseGoUrl } from '../format/go-url.ts'
import { portOf } from '../format/host-port.ts'
import { bracketed } from '../format/ip-address.ts'
import type { SpegelIntent } from '../intent/intent.ts'
import type { Role } from './endpoint-report.ts'
import type { Endpoint } from './pull-path.ts'

/** How Spegel's endpoints on this node are told from others. */
export interface PeerSignature {
  /** `host[:port]` of each of Spegel's targets, for this node's address. */
  targets: ReadonlySet<string>
  /** The targets' ports: one of them on another address is a target that went stale. */
  ports: ReadonlySet<string>
}

/** Spegel's host port, and the node ports of its charts. */
const KNOWN_PORTS: readonly string[] = ['29999', '30020', '30021']
/** What Spegel writes for its targets, and hardly anybody else. */
const PEER_DIAL_TIMEOUT = '200ms'

/** The signature of the declared Spegel, or of any Spegel where none is declared. `nodeIp` fills in `$(NODE_IP)`. */
export function peerSignature(spegel: SpegelIntent | null, nodeIp: string): PeerSignature {
  const targets = new Set<string>()
  const ports = new Set<string>()
  for (const target of spegel?.mirrorTargets ?? []) {
    const url = parseGoUrl(target.replaceAll('$(NODE_IP)', bracketed(nodeIp)))
    if (typeof url === 'string' || url.host === '') continue
    targets.add(url.host)
    ports.add(portOf(url.host))
  }
  ports.delete('')
  return { targets, ports }
}

/** What an endpoint is to a registry. A Spegel target on a wrong address stays a peer. */
export function roleOf(endpoint: Endpoint, registry: string, peers: PeerSignature): Role {
  if (isOrigin(endpoint, registry)) return 'origin'
  if (peers.targets.has(endpoint.host)) return 'peer'
  const declaredHttp = endpoint.httpsFirst || endpoint.url.startsWith('http:')
  const port = portOf(endpoint.host)
  const looksLikeSpegel =
    endpoint.dialTimeout === PEER_DIAL_TIMEOUT || KNOWN_PORTS.includes(port) || peers.ports.has(port)
  return declaredHttp && looksLikeSpegel ? 'peer' : 'mirror'
}

const DOCKER_HUB: readonly string[] = ['registry-1.docker.io', 'docker.io', 'index.docker.io']

function isOrigin(endpoint: Endpoint, registry: string): boolean {
  if (registry === 'docker.io' && DOCKER_HUB.includes(endpoint.host)) return true
  if (endpoint.host === registry) return true
  const port = endpoint.url.startsWith('https:') && !endpoint.httpsFirst ? ':443' : ':80'
  return endpoint.host === registry + port || endpoint.host + port === registry
}
