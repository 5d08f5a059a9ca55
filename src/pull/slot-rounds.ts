import { nodeOfTurn, type SlotAbandonment } from '../drift/canary-slot.ts'
import { homeTags, measuresOrigin } from '../drift/home-tags.ts'
import { nameAt } from '../drift/node-ring.ts'
import type { PullVia } from '../drift/pull.ts'
import { PullpathError } from '../errors.ts'
import { canaryTag } from './canary-names.ts'
import type { SlotTurn, SlotWork } from './canary-slots.ts'
import type { ClusterView } from './cluster-sight.ts'

/** One measurement that a slot wants. */
export interface SlotMeasurement {
  via: PullVia
  tag: string
  view: ClusterView
  /** Asked when it begins, which others may delay. null: it may. */
  abandonment: () => SlotAbandonment | null
}

/** What this node can do. */
export interface NodeHands {
  /** How many tags of each class the canary has. */
  tags: number
  methods: readonly ('probe' | 'containerd')[]
  measure(what: SlotMeasurement): Promise<void>
  remove(tag: string): Promise<void>
  /** The places of the `home` tags that this node has; null: its containerd is not, or cannot be asked. */
  homes(): Promise<readonly number[] | null>
  /** A round without the others. */
  alone(): Promise<void>
  abandoned(tag: string, why: SlotAbandonment): void
}

/** So many of the nodes that pulled before this one are asked in any case whether they have it. */
const LIKELY = 8

/** What a node does in its turns: it pulls the slot's tag, and measures the two legs of a probe by its neighbour's home. */
export class SlotRounds implements SlotWork {
  readonly #hands: NodeHands
  #latest: SlotTurn | null = null

  constructor(hands: NodeHands) {
    this.#hands = hands
  }

  async drop(tag: number): Promise<void> {
    if (this.#hands.methods.includes('containerd')) await this.#hands.remove(canaryTag('tag', tag))
  }

  async take(turn: SlotTurn): Promise<void> {
    this.#latest = turn
    const { methods } = this.#hands
    if (methods.includes('containerd')) await this.#pull(turn)
    if (methods.includes('probe')) await this.#probe(turn)
  }

  async alone(): Promise<void> {
    this.#latest = null
    await this.#hands.alone()
  }

  abandon(_slot: number, tag: number, why: SlotAbandonment, turn: SlotTurn | null): void {
    // Who measures by request is not to wait for the next slot to know the nodes.
    if (turn !== null) this.#latest = turn
    this.#hands.abandoned(canaryTag('tag', tag), why)
  }

  /**
   * What a measurement by request measures, so that it disturbs no turn: the tag of the slot before, which the others
   * have, or the home of the neighbour. null: this node measures by itself. Throws PP_REQUEST_INVALID where containerd
   * would pull the only tag there is, on which the others are at work.
   */
  requested(via: PullVia): SlotMeasurement | null {
    const turn = this.#latest
    if (turn === null) return null
    const { tags } = this.#hands
    if (via === 'containerd' && tags === 1) {
      throw new PullpathError('PP_REQUEST_INVALID', 'the canary has one tag, which the nodes pull in turn', {
        advice: 'set canary.tags to 2 or more, or measure via origin, peer or path',
      })
    }
    const view = { members: turn.members, likely: [], askAll: false }
    const { probed } = homeTags(turn.ring, tags)
    const before = canaryTag('tag', (turn.tag + tags - 1) % tags)
    const tag = via === 'containerd' || probed === null ? before : canaryTag('home', probed)
    return { via, tag, view, abandonment: () => null }
  }

  /** To be first is to say that nobody else had it: all are asked. */
  async #pull(turn: SlotTurn): Promise<void> {
    const { members, abandonment } = turn
    const likely = turn.turn === 0 ? [] : before(turn)
    const view = { members, likely, askAll: turn.turn === 0 }
    await this.#hands.measure({ via: 'containerd', tag: canaryTag('tag', turn.tag), view, abandonment })
  }

  async #probe(turn: SlotTurn): Promise<void> {
    const { measure, tags } = this.#hands
    const { own, probed } = homeTags(turn.ring, tags)
    await this.#keepHome(own, turn)
    const isOriginAsked = measuresOrigin(turn.turn, turn.ring.names.length)
    const view = this.#neighbours(turn)
    const abandonment = () => null
    const tag = probed === null ? canaryTag('tag', turn.tag) : canaryTag('home', probed)
    if (isOriginAsked) await measure({ via: 'origin', tag, view, abandonment })
    if (probed !== null) await measure({ via: 'peer', tag, view, abandonment })
  }

  /** Pulled once, only then kept; what was kept for another place goes. */
  async #keepHome(own: number | null, turn: SlotTurn): Promise<void> {
    const here = await this.#hands.homes()
    if (here === null) return
    for (const home of here) if (home !== own) await this.#hands.remove(canaryTag('home', home))
    if (own === null || here.includes(own)) return
    const view = { members: turn.members, likely: [], askAll: false }
    await this.#hands.measure({ via: 'containerd', tag: canaryTag('home', own), view, abandonment: () => null })
  }

  #neighbours({ members, ring }: SlotTurn): ClusterView {
    return { members, likely: [nameAt(ring, ring.place + 1), nameAt(ring, ring.place - 1)], askAll: false }
  }
}

/** Who pulled in this slot before: the first, and those whose turns were the last. */
function before({ slot, turn, ring }: SlotTurn): string[] {
  const turns = Array.from({ length: LIKELY - 1 }, (_, index) => turn - 1 - index).filter((it) => it > 0)
  return [0, ...turns].map((it) => nodeOfTurn(slot, it, ring))
}
