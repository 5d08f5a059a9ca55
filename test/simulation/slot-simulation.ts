import type { SlotAbandonment } from '../../src/drift/canary-slot.ts'
import type { PullSource } from '../../src/drift/pull.ts'
import { KubeError, type KubeObject } from '../../src/kube/kube-api.ts'
import { SpegelEndpoints } from '../../src/kube/spegel-endpoints.ts'
import { roundTag } from '../../src/pull/canary-names.ts'
import { CanarySlots } from '../../src/pull/canary-slots.ts'
import { type SlotMeasurement, SlotRounds } from '../../src/pull/slot-rounds.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { endpoint, slicesOf } from '../kube/slices.ts'
import { ModelCluster, type ModelConditions, ModelNode } from './model-cluster.ts'
import { randomOf, VirtualTime } from './virtual-time.ts'

export interface SimulationOptions extends Partial<ModelConditions> {
  seed: number
  nodes: number
  /** How many slots, and how long one is in milliseconds. */
  slots: number
  interval: number
  tags?: number
  /** Clocks are off by up to so many milliseconds, in either direction. */
  skew?: number
  /** How many machines crash in a slot, for up to a slot and a half; how many Spegels alone. May be less than 1. */
  crashes?: number
  spegelCrashes?: number
  /** In every so many slots the node that pulls first crashes while it does. 0: never. */
  firstCrashes?: number
  /** How many nodes are replaced by new ones in a slot. */
  churn?: number
  /** From and to which slot no API server answers. */
  apiAway?: readonly [number, number]
}

/** What came of it. */
export interface SimulationFigures {
  /** Pulls of slots and of homes, by what they were said to be. */
  claims: Map<PullSource, number>
  /** Said to be something that they were not, and not `unknown`. */
  wrong: { claimed: PullSource; truth: PullSource }[]
  pulls: number
  /** By number of pulls that were truly first, how many slots. */
  firstsASlot: Map<number, number>
  /** Pulls of a slot's tag with bytes of the origin, each slot's number. */
  originPulls: number[]
  /** Origin's legs of probes a slot. */
  originLegs: number
  /** Of those, how many had their bytes from peers. */
  peerLegs: { measured: number; given: number }
  homePulls: number
  alone: number
  abandoned: Map<SlotAbandonment, number>
  requestsANodeAnHour: number
  mostPulls: number
  mostAtOrigin: number
}

/** Far from the limits of what a slot can be, and no multiple of anything. */
const BEGINNING = Date.UTC(2026, 10, 26, 7)

/** Kubernetes: node-monitor-grace-period. */
const NOTICED_AFTER = 40_000

/** A cluster for so many slots: the product's own slots, ring, members and classification, on a model of the rest. */
export async function simulate(options: SimulationOptions): Promise<SimulationFigures> {
  const simulation = new Simulation(options)
  await simulation.run()
  return simulation.figures()
}

class Simulation {
  readonly #options: Required<SimulationOptions>
  readonly #random: () => number
  readonly #time: VirtualTime
  readonly #cluster: ModelCluster
  readonly #agents = new Map<ModelNode, CanarySlots>()
  readonly #firsts = new Map<number, number>()
  readonly #originPulls = new Map<number, number>()
  readonly #figures: SimulationFigures = {
    claims: new Map(),
    wrong: [],
    pulls: 0,
    firstsASlot: new Map(),
    originPulls: [],
    originLegs: 0,
    peerLegs: { measured: 0, given: 0 },
    homePulls: 0,
    alone: 0,
    abandoned: new Map(),
    requestsANodeAnHour: 0,
    mostPulls: 0,
    mostAtOrigin: 0,
  }
  #slices: KubeObject[] | null = null
  #requests = 0
  #named = 0

  constructor(options: SimulationOptions) {
    this.#options = {
      tags: 8,
      targets: 1,
      loss: 0,
      size: 16 * 1024 * 1024,
      skew: 0,
      crashes: 0,
      spegelCrashes: 0,
      firstCrashes: 0,
      churn: 0,
      apiAway: [-1, -1],
      ...options,
    }
    this.#random = randomOf(options.seed)
    this.#time = new VirtualTime(BEGINNING - options.interval / 4)
    this.#cluster = new ModelCluster(this.#time, this.#random, this.#options)
  }

  async run(): Promise<void> {
    const { nodes, slots, interval } = this.#options
    // They begin in the second half of a slot, within a tenth of it: that slot is over for them.
    for (let count = 0; count < nodes; count++) {
      const node = this.#newNode()
      this.#time.at(this.#time.now + (this.#random() * interval) / 10, () => this.#start(node))
    }
    for (let slot = 0; slot < slots; slot++) this.#disturb(slot)
    await this.#time.run(BEGINNING + slots * interval - 1)
    const all = [...this.#agents.values()].map((it) => it.stop())
    for (const { life } of this.#cluster.nodes.values()) life.abort()
    await this.#time.run(this.#time.now + interval)
    await Promise.all(all)
  }

  figures(): SimulationFigures {
    const { slots, interval, nodes } = this.#options
    const first = Math.floor(BEGINNING / interval)
    for (let slot = first; slot < first + slots; slot++) {
      add(this.#figures.firstsASlot, this.#firsts.get(slot) ?? 0)
      this.#figures.originPulls.push(this.#originPulls.get(slot) ?? 0)
    }
    const { pulls, atOrigin } = this.#cluster.most
    this.#figures.requestsANodeAnHour = this.#requests / nodes / ((slots * interval) / 3_600_000)
    return { ...this.#figures, mostPulls: pulls, mostAtOrigin: atOrigin }
  }

  /** Names that are new come anywhere in the ring. */
  #newNode(): ModelNode {
    const number = this.#named++
    const place = Math.floor(this.#random() * 36 ** 4).toString(36)
    const skew = (2 * this.#random() - 1) * this.#options.skew
    const node = new ModelNode(`node-${place}-${number}`, skew)
    this.#cluster.place(node, addressOf(number))
    this.#slices = null
    return node
  }

  #start(node: ModelNode): void {
    const { interval, tags } = this.#options
    const clock = this.#time.clock(() => node.skew)
    const api = { get: async () => this.#answer() }
    const nodes = new SpegelEndpoints(api, {
      place: () => ({ namespace: 'kube-system', name: 'spegel' }),
      keep: 3 * interval,
      pause: interval / 30,
      onFailure: () => {},
      now: clock.now,
    })
    const work = this.#workOf(node)
    const slots = new CanarySlots({ name: node.name, interval, tags, nodes, work, clock, onFault: noFault })
    this.#agents.set(node, slots)
    slots.start()
  }

  #answer(): KubeObject {
    this.#requests += 1
    const [from, to] = this.#options.apiAway
    const slot = (this.#time.now - BEGINNING) / this.#options.interval
    if (slot >= from && slot < to) throw new KubeError({ reason: 'unreachable', message: 'away' })
    this.#slices ??= slicesOf(
      [...this.#cluster.nodes.values()].map((it) =>
        endpoint(it.address, it.name, { conditions: { ready: true, serving: it.isServing, terminating: false } }),
      ),
    )
    return { items: this.#slices }
  }

  #workOf(node: ModelNode): SlotRounds {
    const { tags, interval } = this.#options
    const cluster = this.#cluster
    const figures = this.#figures
    let round = 0
    const pull = async (tag: string, view: SlotMeasurement['view'] | null) => {
      const slot = Math.floor((this.#time.now + node.skew) / interval)
      const pulled = await cluster.pull(node, tag, view)
      if (pulled === null) return
      const { claimed, truths, ofOrigin } = pulled
      const truth = truths[0] ?? 'unknown'
      figures.pulls += 1
      add(figures.claims, claimed)
      if (claimed !== 'unknown' && !truths.includes(claimed)) figures.wrong.push({ claimed, truth })
      if (tag.startsWith('home')) figures.homePulls += 1
      else if (ofOrigin) add(this.#originPulls, slot)
      if (tag.startsWith('tag') && truth === 'first') add(this.#firsts, slot)
    }
    return new SlotRounds({
      tags,
      methods: ['probe', 'containerd'],
      remove: async (tag) => cluster.remove(node, tag),
      homes: async () =>
        Array.from({ length: tags }, (_, place) => place).filter((place) => cluster.has(node, `home-${place}`)),
      measure: async ({ via, tag, view, abandonment }) => {
        const why = abandonment()
        if (node.life.signal.aborted) return
        if (why !== null) this.#abandoned(why)
        else if (via === 'containerd') await pull(tag, view)
        else if (via === 'origin') {
          figures.originLegs += 1
          await cluster.probeOrigin(tag)
        } else {
          const isGiven = await cluster.probePeers(node, tag)
          if (isGiven !== null) figures.peerLegs.measured += 1
          if (isGiven === true) figures.peerLegs.given += 1
        }
      },
      alone: async () => {
        figures.alone += 1
        round += 1
        await pull(roundTag(node.name, tags, round), null)
      },
      abandoned: (_tag, why) => this.#abandoned(why),
    })
  }

  #abandoned(why: SlotAbandonment): void {
    if (this.#time.now >= BEGINNING) add(this.#figures.abandoned, why)
  }

  /** What happens in a slot, by true time. */
  #disturb(slot: number): void {
    const { interval, crashes, spegelCrashes, firstCrashes, churn } = this.#options
    const start = BEGINNING + slot * interval
    const some = (mean: number) => Math.floor(mean) + (this.#random() < mean % 1 ? 1 : 0)
    const anyTime = () => start + this.#random() * interval
    for (let count = some(crashes); count > 0; count--) {
      this.#time.at(anyTime(), () => this.#crash(this.#any(), this.#random() * 1.5 * interval))
    }
    for (let count = some(spegelCrashes); count > 0; count--) {
      this.#time.at(anyTime(), () => this.#endSpegel(this.#any(), this.#random() * interval))
    }
    for (let count = some(churn); count > 0; count--) this.#time.at(anyTime(), () => this.#replace(this.#any()))
    if (firstCrashes > 0 && slot % firstCrashes === firstCrashes - 1) this.#crashFirst(start)
  }

  #any(): ModelNode | undefined {
    const up = [...this.#cluster.nodes.values()].filter((it) => it.isUp)
    return up[Math.floor(this.#random() * up.length)]
  }

  /** The first by the plan, half a second after it began, when it has the manifest and not yet the layer. */
  #crashFirst(start: number): void {
    const { interval } = this.#options
    const slot = Math.floor(start / interval)
    this.#time.at(start, () => {
      const names = [...this.#cluster.nodes.keys()].sort((a, b) => (a < b ? -1 : 1))
      const first = this.#cluster.nodes.get(names[slot % names.length] as string)
      if (first === undefined) return
      const begins = start + Math.min(interval / 10, 90_000) - first.skew
      this.#time.at(begins + 500, () => this.#crash(first, interval / 2))
    })
  }

  #crash(node: ModelNode | undefined, duration: number): void {
    if (node === undefined || !node.isUp) return
    node.isUp = false
    this.#notice()
    this.#end(node)
    this.#time.at(this.#time.now + duration, () => {
      if (!this.#cluster.nodes.has(node.name)) return
      node.isUp = true
      this.#notice()
      node.life = new AbortController()
      node.counters = { hits: 0, misses: 0 }
      node.missed.clear()
      this.#start(node)
    })
  }

  /** Its pod is another one afterwards, at another address. */
  #endSpegel(node: ModelNode | undefined, duration: number): void {
    if (node === undefined || !node.hasSpegel) return
    node.hasSpegel = false
    this.#notice()
    this.#time.at(this.#time.now + duration, () => {
      node.hasSpegel = true
      if (this.#cluster.nodes.has(node.name)) this.#cluster.place(node, addressOf(this.#named++))
      node.counters = { hits: 0, misses: 0 }
      node.missed.clear()
      this.#notice()
    })
  }

  /** It takes a while until the API server knows that a node is away, or back. */
  #notice(): void {
    this.#time.at(this.#time.now + NOTICED_AFTER, () => {
      this.#slices = null
    })
  }

  #replace(node: ModelNode | undefined): void {
    if (node === undefined) return
    this.#end(node)
    node.isUp = false
    this.#cluster.forget(node)
    this.#start(this.#newNode())
  }

  #end(node: ModelNode): void {
    node.life.abort()
    void this.#agents.get(node)?.stop()
    this.#agents.delete(node)
  }
}

function add<T>(counts: Map<T, number>, key: T): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function addressOf(number: number): string {
  return `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
}
