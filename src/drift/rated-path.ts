import { type PeerSignature, peerSignature, roleOf } from '../containerd/endpoint-role.ts'
import type { DaemonProfile } from '../containerd/pull-path.ts'
import { pullPathOf } from '../containerd/pull-path-of.ts'
import type { FileView } from '../hosts/file-view.ts'
import type { Intent } from '../intent/intent.ts'
import type { RatedPath } from './path-comparison.ts'

/** The pull path of a registry, its endpoints rated by this intent's Spegel targets at the node's address. */
export function ratedPath(
  registry: string,
  daemon: DaemonProfile,
  view: FileView,
  intent: Intent,
  ip: string,
): RatedPath {
  const path = pullPathOf(registry, daemon, view)
  const peers = peersOf(intent, ip)
  return { ...path, endpoints: path.endpoints.map((it) => ({ ...it, role: roleOf(it, registry, peers) })) }
}

const remembered = new WeakMap<Intent, { ip: string; peers: PeerSignature }>()

function peersOf(intent: Intent, ip: string): PeerSignature {
  const known = remembered.get(intent)
  if (known?.ip === ip) return known.peers
  const peers = peerSignature(intent.spegel, ip)
  remembered.set(intent, { ip, peers })
  return peers
}
