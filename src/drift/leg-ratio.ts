import type { Pull } from './pull.ts'

/**
 * How long a pull from a peer takes by that from the origin: of two probe legs that both fetched the very same content,
 * the one from the origin alone, the other one from peers alone. null: they cannot be compared.
 */
export function legRatio(origin: Pull | null, peer: Pull | null): number | null {
  if (origin?.via !== 'origin' || peer?.via !== 'peer') return null
  if (origin.failure !== null || peer.failure !== null || peer.source !== 'peer') return null
  if (origin.duration <= 0 || origin.bytes !== peer.bytes) return null
  const ofPeer = digestsOf(peer)
  const same = digestsOf(origin)
  return same.size === ofPeer.size && [...same].every((it) => ofPeer.has(it)) ? peer.duration / origin.duration : null
}

function digestsOf({ phases }: Pull): ReadonlySet<string> {
  return new Set(phases.flatMap(({ digest }) => (digest === null ? [] : [digest])))
}
