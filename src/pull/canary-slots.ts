import {
  type SlotAbandonment,
  slotAbandonment,
  slotAt,
  slotStart,
  slotTag,
  turnOf,
  turnTime,
} from '../drift/canary-slot.ts'
import { type ClusterMembers, nodeNames } from '../drift/cluster-members.ts'
import { type NodeRing, ringOf } from '../drift/node-ring.ts'
import { firstDelay } from './canary-names.ts'
import type { ClusterNodes } from './cluster-nodes.ts'
import { type SlotClock, WALL_CLOCK } from './slot-clock.ts'

/** The turn of this node in one slot. */
export interface SlotTurn {
  slot: number
  /** Which of the canary's tags all nodes pull in it. */
  tag: number
  ring: NodeRing
  /** 0: this node pulls from the origin. */
  turn: number
  members: ClusterMembers
  /** Why the turn is over by now; null: it is not. What has to wait asks again when it begins. */
  abandonment(): SlotAbandonment | null
}

/** What is done in slots. What rejects is a fault of Pullpath itself, and ends the slot. */
export interface SlotWork {
  /** Removes a tag from this node, so that whoever is first has it from the origin. */
  drop(tag: number): Promise<void>
  take(turn: SlotTurn): Promise<void>
  /** The nodes are not known, or this one is none of them: it measures by itself. */
  alone(): Promise<void>
  /** `turn`: what it would have been, which tells the nodes; null: they were not asked for. */
  abandon(slot: number, tag: number, why: SlotAbandonment, turn: SlotTurn | null): void
}

export interface CanarySlotsOptions {
  /** Of this node. */
  name: string
  /** The length of a slot in milliseconds, and how many tags there are. */
  interval: number
  tags: number
  nodes: Pick<ClusterNodes, 'read'>
  work: SlotWork
  /** Hears of a fault of Pullpath itself: the slot is over with it, and the next one comes. */
  onFault(error: unknown): void
  clock?: SlotClock
}

/** Comes to the turn of this node in one slot after the other, by its clock alone. */
export class CanarySlots {
  readonly #options: CanarySlotsOptions
  readonly #clock: SlotClock
  readonly #ending = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: CanarySlotsOptions) {
    this.#options = options
    this.#clock = options.clock ?? WALL_CLOCK
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    for (let served: number | null = null; !signal.aborted; ) {
      const before = served
      const slot = this.#slotAfter(before)
      served = slot
      try {
        this.#tellPassed(before, slot)
        await this.#serve(slot)
      } catch (error) {
        this.#options.onFault(error)
      }
    }
  }

  #slotAfter(served: number | null): number {
    const now = slotAt(this.#clock.now(), this.#options.interval)
    if (served === null) return now
    // Before it: the clock was set back. What is under way by its new time was perhaps begun already.
    return now > served ? now : now + 1
  }

  /** Of slots that passed while this node was busy or away one is told, however many they are. */
  #tellPassed(served: number | null, next: number): void {
    const { tags, work } = this.#options
    if (served === null || next <= served + 1) return
    work.abandon(served + 1, slotTag(served + 1, tags), 'passed-over', null)
  }

  async #serve(slot: number): Promise<void> {
    const { name, interval, tags, work } = this.#options
    const { signal } = this.#ending
    const [start, tag] = [slotStart(slot, interval), slotTag(slot, tags)]
    const begun = this.#clock.now()
    // Not all nodes ask at once, and yet all of them shortly before the slot: they are to hear the same.
    const spread = firstDelay(name, interval)
    const readAt = begun < start ? start - spread : begun + spread
    if (begun < start) await this.#until(readAt)
    const reading = this.#read(readAt)
    // It may fail before anybody waits for it.
    reading.catch(() => {})
    await this.#until(start)
    if (signal.aborted) return
    const early = slotAbandonment(slot, Number.POSITIVE_INFINITY, this.#clock.now(), interval)
    if (early !== null) return work.abandon(slot, tag, early, null)
    await work.drop(tag)
    const members = await reading
    if (signal.aborted) return
    const ring = members === null ? null : ringOf(nodeNames(members), name)
    if (members === null || ring === null) {
      await this.#until(Math.max(start, begun) + spread)
      return signal.aborted ? undefined : work.alone()
    }
    const turn = turnOf(slot, ring)
    const due = start + turnTime(turn, ring.names.length, interval)
    await this.#until(due)
    if (signal.aborted) return
    const abandonment = () => slotAbandonment(slot, due, this.#clock.now(), interval)
    const its = { slot, tag, ring, turn, members, abandonment }
    const why = abandonment()
    if (why !== null) return work.abandon(slot, tag, why, its)
    await work.take(its)
  }

  async #read(at: number): Promise<ClusterMembers | null> {
    const { signal } = this.#ending
    await this.#until(at)
    return signal.aborted ? null : this.#options.nodes.read(signal)
  }

  /** Ends early where the clock was set back by so much that waiting for it makes no sense. */
  async #until(time: number): Promise<void> {
    const { interval } = this.#options
    const { signal } = this.#ending
    for (;;) {
      const left = time - this.#clock.now()
      if (left <= 0 || left > 2 * interval || signal.aborted) return
      await this.#clock.sleep(Math.min(left, this.#clock.longestSleep), signal)
    }
  }
}
