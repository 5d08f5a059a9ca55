import { createHash } from 'node:crypto'

/** The tag of the canary repository by which a node proves that containerd resolves: a few KB that no node keeps. */
export function proofTag(nodeName: string, tags: number): string {
  return `proof-${placeOf(nodeName) % tags}`
}

/**
 * The one by which containerd shows what it asks: another of them where there are several, since content is shared
 * between namespaces, and what was fetched for one proof is not fetched again for the other.
 */
export function witnessTag(nodeName: string, tags: number): string {
  return `proof-${(placeOf(nodeName) + 1) % tags}`
}

function placeOf(nodeName: string): number {
  return createHash('sha256').update(nodeName).digest().readUInt32BE(0)
}
