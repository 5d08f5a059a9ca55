/**
 * What a node probes for its peer leg: content that a peer has and that it has not. For this each node keeps one tag of
 * the class `home`, by its place in the ring, and asks for that of a neighbour.
 */
import { modulo, type NodeRing } from './node-ring.ts'

export interface HomeTags {
  /** The one that this node keeps; null: nobody would ask for it. */
  own: number | null
  /** That of a neighbour; null: none has another one than this node. */
  probed: number | null
}

/** Of `tags` that there are. The next node is asked, else the one before: around the end of the ring tags may repeat. */
export function homeTags({ names, place }: NodeRing, tags: number): HomeTags {
  const own = place % tags
  const size = names.length
  const neighbours = [modulo(place + 1, size), modulo(place - 1, size)].map((it) => it % tags)
  const probed = neighbours.find((it) => it !== own) ?? null
  return { own: probed === null ? null : own, probed }
}

/** So many nodes measure what content costs at the origin in one slot, besides the one that pulls from it first. */
const ORIGIN_LEGS = 8

/** Whether a node measures the origin's leg in the slot in which it has this turn: all do, or about ORIGIN_LEGS of them. */
export function measuresOrigin(turn: number, size: number): boolean {
  return turn % Math.ceil(size / ORIGIN_LEGS) === 0
}
