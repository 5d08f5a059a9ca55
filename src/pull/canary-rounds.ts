import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import { type ImageReference, parseImageReference } from '../containerd/reference.ts'
import type { SlotAbandonment } from '../drift/canary-slot.ts'
import { declaredOrigin } from '../drift/declared-origin.ts'
import type { Pull, PullVia } from '../drift/pull.ts'
import { PullpathError } from '../errors.ts'
import type { Inputs } from '../watch/inputs.ts'
import { firstDelay, roundTag } from './canary-names.ts'
import { CanarySlots } from './canary-slots.ts'
import type { ClusterNodes } from './cluster-nodes.ts'
import { homesHere } from './home-images.ts'
import { CRI_NAMESPACE, removeCanary } from './node-images.ts'
import { OneByOne } from './one-by-one.ts'
import { notMeasured } from './pull-failure.ts'
import { PullRecord } from './pull-record.ts'
import type { SlotClock } from './slot-clock.ts'
import { type SlotMeasurement, SlotRounds } from './slot-rounds.ts'
import type { Turns } from './turns.ts'

export interface CanaryRoundsOptions {
  config: Config
  /** null: no socket of containerd is configured. */
  client: Promise<DaemonClient> | null
  /** Shared with whatever else must not be done at the same time. */
  turns: Turns
  /** A measurement by request follows the one before it after so long at the earliest. Milliseconds. */
  leastPause: number
  /** The nodes of the cluster, with which this one takes turns. null, or not given: it measures by itself. */
  nodes?: Promise<Pick<ClusterNodes, 'read'> | null>
  clock?: SlotClock
  onPull(pull: Pull): void
  /** Hears of a fault of Pullpath itself, which ends one round or measurement. */
  onFault(error: unknown): void
}

/** How the methods of the configuration measure. The mirror is asked before containerd has the image here again. */
const VIAS: Readonly<Record<Config['canary']['methods'][number], readonly PullVia[]>> = {
  probe: ['origin', 'peer'],
  containerd: ['containerd'],
}

/**
 * Measures pulls of the canary, every `canary.interval` and when it is asked to: one of its tags after the other, one
 * measurement at a time. Where the nodes of the cluster are known, in slots that all of them have in common.
 */
export class CanaryRounds {
  readonly #options: CanaryRoundsOptions
  readonly #rounds: OneByOne
  readonly #slotRounds: SlotRounds
  #slots: CanarySlots | null = null
  #first: NodeJS.Timeout | undefined
  readonly #ending = new AbortController()
  #inputs: Inputs | null = null
  #round = 0
  /** Ids from their acceptance to their end. */
  readonly #underWay = new Set<string>()
  #requestedAt = Number.NEGATIVE_INFINITY
  #latest: Promise<unknown> = Promise.resolve()

  constructor(options: CanaryRoundsOptions) {
    this.#options = options
    const rhythm = { interval: options.config.canary.interval, pause: 0 }
    this.#rounds = new OneByOne(() => this.#measureAll(), rhythm, options.onFault)
    this.#slotRounds = this.#takeTurns()
  }

  /** Hears of every evaluation; the first one begins the rounds. */
  consider(inputs: Inputs): void {
    const isFirst = this.#inputs === null
    this.#inputs = inputs
    const { interval, methods } = this.#options.config.canary
    if (!isFirst || interval === 0 || methods.length === 0) return
    this.#begin().catch(this.#options.onFault)
  }

  async #begin(): Promise<void> {
    const { config, nodes: opened, clock, onFault } = this.#options
    const { interval, tags } = config.canary
    const { name } = config.node
    const nodes = (await opened) ?? null
    if (this.#ending.signal.aborted) return
    if (nodes === null) {
      this.#first = setTimeout(() => this.#rounds.request(), firstDelay(name, interval))
      return
    }
    const work = this.#slotRounds
    this.#slots = new CanarySlots({ name, interval, tags, nodes, work, onFault, ...(clock && { clock }) })
    this.#slots.start()
  }

  isMeasuring(id: string): boolean {
    return this.#underWay.has(id)
  }

  /** Begins one measurement. Throws PP_MEASUREMENT_BUSY, PP_MEASUREMENT_LIMITED, PP_NOT_READY and as SlotRounds.requested. */
  measure(via: PullVia): { id: string } {
    if (this.#inputs === null) {
      throw new PullpathError('PP_NOT_READY', 'the inputs are not read yet', { advice: 'ask again in a second' })
    }
    if (this.#underWay.size > 0) {
      throw new PullpathError('PP_MEASUREMENT_BUSY', 'a measurement is under way', {
        advice: 'ask again when it is over',
      })
    }
    const left = this.#requestedAt + this.#options.leastPause - performance.now()
    if (left > 0) {
      throw new PullpathError('PP_MEASUREMENT_LIMITED', 'a measurement was started only a moment ago', {
        advice: `ask again in ${Math.ceil(left / 1000)} s`,
      })
    }
    const slot = this.#slotRounds.requested(via)
    this.#requestedAt = performance.now()
    const id = randomUUID()
    this.#latest = this.#measure(via, slot?.tag ?? this.#nextTag(), id, slot).catch(this.#options.onFault)
    return { id }
  }

  /** Ends what is under way; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    clearTimeout(this.#first)
    this.#rounds.stop()
    this.#ending.abort()
    await this.#slots?.stop()
    // Whoever began it hears how it ended.
    await Promise.allSettled([this.#latest])
  }

  #takeTurns(): SlotRounds {
    const { canary } = this.#options.config
    const ifDeclared = async (task: () => Promise<void>) => (this.#isDeclared() ? task() : undefined)
    return new SlotRounds({
      tags: canary.tags,
      methods: canary.methods,
      measure: (what) => ifDeclared(() => this.#measure(what.via, what.tag, randomUUID(), what)),
      remove: (tag) => ifDeclared(() => this.#removeFromHere(tag)),
      homes: async () => homesHere((await this.#options.client)?.cri ?? null, this.#reference('any')),
      alone: () => this.#measureAll(),
      abandoned: (tag, why) => {
        if (this.#isDeclared()) this.#options.onPull(this.#abandoned(tag, why, randomUUID()))
      },
    })
  }

  #abandoned(tag: string, why: SlotAbandonment, id: string): Pull {
    const via = this.#options.config.canary.methods.includes('containerd') ? 'containerd' : 'peer'
    return new PullRecord(this.#reference(tag), via, Date.now(), id).unmeasured(notMeasured('slot-abandoned', why))
  }

  #measureAll(): Promise<void> {
    const { methods } = this.#options.config.canary
    const all = async () => {
      if (!this.#isDeclared()) return
      const tag = this.#nextTag()
      // From the last time that it was this one's turn.
      if (methods.includes('containerd')) await this.#removeFromHere(tag)
      const vias = (['probe', 'containerd'] as const).flatMap((it) => (methods.includes(it) ? VIAS[it] : []))
      for (const via of vias) await this.#measure(via, tag, randomUUID())
    }
    const running = all()
    this.#latest = running
    return running
  }

  /** The default's canary is in nobody's registry. */
  #isDeclared(): boolean {
    if (this.#inputs === null) return false
    const { intent, daemon, node } = this.#inputs
    const origin = declaredOrigin(this.#reference('any').registry, intent, daemon, node)
    return origin !== null && origin.declaredIn !== 'default'
  }

  /** What this node has cannot be had from a peer. */
  async #removeFromHere(tag: string): Promise<void> {
    const { client, turns } = this.#options
    if (client === null) return
    await turns.run(async () => {
      if (this.#ending.signal.aborted) return
      const daemon = await client
      const store = daemon.inNamespace(CRI_NAMESPACE)
      await removeCanary({ cri: daemon.cri, store }, this.#reference(tag))
    })
  }

  #nextTag(): string {
    const { node, canary } = this.#options.config
    this.#round += 1
    return roundTag(node.name, canary.tags, this.#round)
  }

  #reference(tag: string): ImageReference {
    return parseImageReference(`${this.#options.config.canary.image}:${tag}`)
  }

  async #measure(via: PullVia, tag: string, id: string, slot: SlotMeasurement | null = null): Promise<void> {
    const { config, client, turns, onPull } = this.#options
    this.#underWay.add(id)
    try {
      const pull = await turns.run(async () => {
        const inputs = this.#inputs
        if (inputs === null || this.#ending.signal.aborted) return null
        const why = slot?.abandonment() ?? null
        if (why !== null) return this.#abandoned(tag, why, id)
        // The client of registries is loaded only where something is measured.
        const [{ measureImage }, { configuredSight, openSpegelSight }, { clusterPlaces }] = await Promise.all([
          import('./measure-image.ts'),
          import('./spegel-sight.ts'),
          import('./cluster-sight.ts'),
        ])
        const sight =
          slot === null
            ? configuredSight(config.spegel, config.node.ip)
            : openSpegelSight(clusterPlaces(config, slot.view))
        const node = { config, inputs, client: client === null ? null : await client, sight }
        const { signal } = this.#ending
        return measureImage(this.#reference(tag), via, node, { id, image: 'canary', signal })
      })
      if (pull !== null) onPull(pull)
    } finally {
      this.#underWay.delete(id)
    }
  }
}
