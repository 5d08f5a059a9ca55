import { createHash } from 'node:crypto'

/**
 * What a tag of the canary is for: `tag` for pulls that are measured; `home` for the probe's peer leg, of the same
 * size; `proof` for proofs of what containerd resolves and asks, of a few KB that no node keeps.
 */
export const CANARY_CLASSES = ['tag', 'home', 'proof'] as const

export type CanaryClass = (typeof CANARY_CLASSES)[number]

/** Bytes of the file in an image of `proof`. */
export const PROOF_SIZE = 4096

/** `place`: 0 to the number of tags of each class - 1. */
export function canaryTag(name: CanaryClass, place: number): string {
  return `${name}-${place}`
}

/** The tag by which a node proves that containerd resolves. */
export function proofTag(nodeName: string, tags: number): string {
  return canaryTag('proof', placeOf(nodeName) % tags)
}

/**
 * The one by which containerd shows what it asks: another of them where there are several, since content is shared
 * between namespaces, and what was fetched for one proof is not fetched again for the other.
 */
export function witnessTag(nodeName: string, tags: number): string {
  return canaryTag('proof', (placeOf(nodeName) + 1) % tags)
}

/** How long a node waits with its first measurement, in milliseconds, so that not all of a cluster begin at once. */
export function firstDelay(nodeName: string, interval: number): number {
  return (placeOf(nodeName) / 2 ** 32) * Math.min(interval / 10, 60_000)
}

/** The tag of the canary repository that a node measures in its `round`th round: each in turn, from a place of its own. */
export function roundTag(nodeName: string, tags: number, round: number): string {
  return canaryTag('tag', (placeOf(nodeName) + round) % tags)
}

function placeOf(nodeName: string): number {
  return createHash('sha256').update(nodeName).digest().readUInt32BE(0)
}
