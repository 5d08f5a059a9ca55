/**
 * How the nodes of a cluster measure one pull from the origin and then pulls from each other, without a leader: time is
 * cut into slots, and each node finds by its own clock and its place in the ring which tag and whose turn it is. Nothing
 * here decides what a pull was: that is told by its evidence alone. docs/measuring.md, "Slots".
 */
import { modulo, type NodeRing, nameAt } from './node-ring.ts'

/** Clocks may be so far from the true time, in either direction, before slots begin to disturb each other. Milliseconds. */
export const MOST_SKEW = 30_000

/** The number of the slot at a time; both in milliseconds, the time since 1970. */
export function slotAt(now: number, interval: number): number {
  return Math.floor(now / interval)
}

/** When a slot begins, in milliseconds since 1970. */
export function slotStart(slot: number, interval: number): number {
  return slot * interval
}

/** Which of the `tags` of the canary is pulled in a slot: 0 to `tags` - 1. */
export function slotTag(slot: number, tags: number): number {
  return modulo(slot, tags)
}

/** Which turn this node has in a slot: 0 is first, and each node is in its turn. */
export function turnOf(slot: number, { names, place }: NodeRing): number {
  return modulo(place - slot, names.length)
}

/** Whose turn it is: the reverse of `turnOf`. */
export function nodeOfTurn(slot: number, turn: number, ring: NodeRing): string {
  return nameAt(ring, slot + turn)
}

/** Of one slot, in milliseconds from its start. All nodes drop its tag at 0. */
export interface SlotTimes {
  /** The first pulls: by then all others have dropped the tag, whatever their clocks say. */
  first: number
  /** The others pull from here on: by then the first has it, and Spegel knows. */
  others: number
  /** The last of the others pulls before. */
  end: number
  /** A pull that could not begin so long after its time is left out: others have come between. */
  patience: number
}

/** Half of a slot is left for pulls that take long, and for what is asked for by request. */
export function slotTimes(interval: number): SlotTimes {
  const first = Math.min(interval / 10, 3 * MOST_SKEW)
  return {
    first,
    others: first + Math.min((3 * interval) / 10, 6 * MOST_SKEW),
    end: interval / 2,
    patience: Math.min(interval / 10, 2 * MOST_SKEW),
  }
}

/** When a node pulls, in milliseconds from the start of the slot; `turn`: 0 to `size` - 1, of a ring of `size`. */
export function turnTime(turn: number, size: number, interval: number): number {
  const { first, others, end } = slotTimes(interval)
  return turn === 0 ? first : others + ((turn - 1) / (size - 1)) * (end - others)
}

/**
 * Why a node leaves a slot out. `clock-set-back`: its clock shows a time before the slot. `passed-over`: the slot is
 * over. `late`: its turn is over, because it was started or came to it too late.
 */
export type SlotAbandonment = 'clock-set-back' | 'passed-over' | 'late'

/** Whether a turn that was to be taken at `due` still is at `now`; both in milliseconds since 1970. null: it is. */
export function slotAbandonment(slot: number, due: number, now: number, interval: number): SlotAbandonment | null {
  const at = slotAt(now, interval)
  if (at < slot) return 'clock-set-back'
  if (at > slot) return 'passed-over'
  return now > due + slotTimes(interval).patience ? 'late' : null
}
