import type { Config } from '../../src/config/config.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import { classifyPull, type ObjectEvidence } from '../../src/drift/classification.ts'
import type { PullSource } from '../../src/drift/pull.ts'
import { type ClusterView, clusterPlaces } from '../../src/pull/cluster-sight.ts'
import { SpegelEvidence } from '../../src/pull/spegel-evidence.ts'
import { peersToAsk, type SpegelPlaces, type SpegelSight } from '../../src/pull/spegel-sight.ts'
import type { Subject } from '../../src/pull/subject.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface ModelConditions {
  /** How many of Spegel's targets the pull paths have: the hostPort of the node, and a nodePort that leads anywhere. */
  targets: 1 | 2
  /** How often a peer that has something does not give it in time: 0 to 1. */
  loss: number
  /** Bytes of the canary's layer. */
  size: number
}

/** One node: its machine, its containerd and its Spegel. */
export class ModelNode {
  readonly name: string
  address = ''
  /** Milliseconds that its clock is ahead. */
  readonly skew: number
  isUp = true
  hasSpegel = true
  counters = { hits: 0, misses: 0 }
  /** By object, when it was looked for in vain. */
  readonly missed = new Map<string, number>()
  /** Ends when the machine crashes. */
  life = new AbortController()

  constructor(name: string, skew: number) {
    this.name = name
    this.skew = skew
  }

  get isServing(): boolean {
    return this.isUp && this.hasSpegel
  }
}

/** What a pull was said to be, and what it was. */
export interface ModelPull {
  claimed: PullSource
  /** All that it may be called, the most exact first. */
  truths: readonly PullSource[]
  /** Whether any of its bytes came from the origin. */
  ofOrigin: boolean
}

interface ModelObject {
  digest: string
  kind: ObjectEvidence['kind']
  size: number
}

type Giver = 'origin' | 'peer'

/** Spegel 0.7: content is advertised a moment after it is there, and what was not found is not looked for again so long. */
const ADVERTISED_AFTER = 1_000
const MISS_KEPT = 2_500
/** Bits a millisecond. The origin's is shared by all that pull from it. */
const ORIGIN_RATE = 100_000
const PEER_RATE = 1_000_000
const ROUND_TRIP = 4
/** What one look at 32 peers takes. */
const LOOK = 15

/** Spegel on every node and one origin, as far as a pull and its evidence can tell. */
export class ModelCluster {
  readonly nodes = new Map<string, ModelNode>()
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #conditions: ModelConditions
  /** By object: who has it, and since when. */
  readonly #holders = new Map<string, Map<ModelNode, number>>()
  readonly #byUrl = new Map<string, ModelNode>()
  readonly #atOrigin = { now: 0, most: 0 }
  readonly #pulls = { now: 0, most: 0 }

  constructor(time: VirtualTime, random: () => number, conditions: ModelConditions) {
    this.#time = time
    this.#random = random
    this.#conditions = conditions
  }

  get most(): { pulls: number; atOrigin: number } {
    return { pulls: this.#pulls.most, atOrigin: this.#atOrigin.most }
  }

  /** Its Spegel has an address of its own from now on. */
  place(node: ModelNode, address: string): void {
    this.#byUrl.delete(`http://${node.address}:5000`)
    node.address = address
    this.#byUrl.set(`http://${address}:5000`, node)
    this.nodes.set(node.name, node)
  }

  has(node: ModelNode, tag: string): boolean {
    return this.#objectsOf(tag).every(({ digest }) => this.#holdersOf(digest).has(node))
  }

  remove(node: ModelNode, tag: string): void {
    for (const { digest } of this.#objectsOf(tag)) this.#holdersOf(digest).delete(node)
  }

  /** A machine that is taken away has nothing any more. */
  forget(node: ModelNode): void {
    for (const holders of this.#holders.values()) holders.delete(node)
    this.nodes.delete(node.name)
  }

  /** A pull by containerd, told by the evidence that the agent would have. null: the machine crashed meanwhile. */
  async pull(node: ModelNode, tag: string, view: ClusterView | null): Promise<ModelPull | null> {
    this.remove(node, tag)
    const objects = this.#objectsOf(tag)
    const { signal } = node.life
    const spegel = new SpegelEvidence(this.#sightOf(node, view), subjectOf(tag, objects))
    await spegel.before()
    if (signal.aborted) return null
    const heldBefore = objects.map(({ digest }) => this.#servers(node, digest).next().done === false)
    const begun = this.#time.now
    const givers: Giver[] = []
    this.#pulls.now += 1
    this.#pulls.most = Math.max(this.#pulls.most, this.#pulls.now)
    const [manifest] = objects
    if (manifest !== undefined) await this.#fetch(node, { ...manifest, size: 0 })
    for (const object of objects) {
      if (signal.aborted) break
      const giver = await this.#fetch(node, object)
      if (signal.aborted) break
      givers.push(giver)
      this.#holdersOf(object.digest).set(node, this.#time.now)
    }
    this.#pulls.now -= 1
    if (signal.aborted) return null
    const duration = (this.#time.now - begun) / 1000
    await spegel.after()
    if (signal.aborted) return null
    const { source: claimed } = classifyPull({
      objects: objects.map(({ digest, kind, size }) => ({
        digest,
        kind,
        bytes: size,
        fetched: true,
        answeredBy: null,
        markedOwn: null,
        heldHere: false,
        heldByPeers: spegel.heldByPeers(digest),
      })),
      requests: 'unseen',
      asked: 'mirrors',
      mirrors: { targets: this.#conditions.targets, resolve: true, others: false, marksOwn: true },
      counters: spegel.counters,
      peers: spegel.peers,
      alone: true,
      duration,
    })
    return { claimed, truths: truthsOf(objects, givers, heldBefore), ofOrigin: givers.includes('origin') }
  }

  /** The peer's leg of a probe: whether a peer gave all of it. null: the machine crashed meanwhile. */
  async probePeers(node: ModelNode, tag: string): Promise<boolean | null> {
    for (const object of this.#objectsOf(tag)) {
      const giver = node.hasSpegel ? this.#lookUp(node, object.digest) : null
      if (giver === null) return false
      await this.#time.sleep(ROUND_TRIP + (object.size * 8) / PEER_RATE)
      if (node.life.signal.aborted) return null
    }
    return true
  }

  /** The origin's leg of a probe. */
  async probeOrigin(tag: string): Promise<void> {
    for (const { size } of this.#objectsOf(tag)) await this.#give(size)
  }

  #objectsOf(tag: string): ModelObject[] {
    return [
      { digest: `${tag}/manifest`, kind: 'manifest', size: 1_000 },
      { digest: `${tag}/config`, kind: 'config', size: 500 },
      { digest: `${tag}/layer`, kind: 'layer', size: this.#conditions.size },
    ]
  }

  async #fetch(node: ModelNode, { digest, size }: ModelObject): Promise<Giver> {
    await this.#time.sleep(ROUND_TRIP)
    const targets = [node, ...(this.#conditions.targets === 2 ? this.#anyServing() : [])]
    for (const target of targets) {
      if (!target.isServing || !this.#isGivenBy(target, node, digest)) continue
      await this.#time.sleep((size * 8) / PEER_RATE)
      return 'peer'
    }
    await this.#give(size)
    return 'origin'
  }

  async #give(size: number): Promise<void> {
    this.#atOrigin.now += 1
    this.#atOrigin.most = Math.max(this.#atOrigin.most, this.#atOrigin.now)
    await this.#time.sleep(ROUND_TRIP + (size * 8 * this.#atOrigin.now) / ORIGIN_RATE)
    this.#atOrigin.now -= 1
  }

  /** Whoever has it gives it and counts nothing; whoever has not counts whether a peer gave it. */
  #isGivenBy(target: ModelNode, asker: ModelNode, digest: string): boolean {
    if (target !== asker && this.#holdersOf(digest).has(target)) return true
    const found = this.#lookUp(target, digest)
    if (found === null || this.#random() < this.#conditions.loss) {
      target.counters.misses += 1
      return false
    }
    target.counters.hits += 1
    return true
  }

  #servingAt(url: string): ModelNode | null {
    const node = this.#byUrl.get(url)
    return node?.isServing === true && this.nodes.has(node.name) ? node : null
  }

  #lookUp(node: ModelNode, digest: string): ModelNode | null {
    const now = this.#time.now
    if ((node.missed.get(digest) ?? Number.NEGATIVE_INFINITY) > now - MISS_KEPT) return null
    for (const [holder, since] of this.#servers(node, digest)) if (since + ADVERTISED_AFTER <= now) return holder
    node.missed.set(digest, now)
    return null
  }

  *#servers(node: ModelNode, digest: string): Generator<[ModelNode, number]> {
    for (const holder of this.#holdersOf(digest)) if (holder[0] !== node && holder[0].isServing) yield holder
  }

  #anyServing(): ModelNode[] {
    const serving = [...this.nodes.values()].filter((it) => it.isServing)
    return serving.slice(Math.floor(this.#random() * serving.length)).slice(0, 1)
  }

  #holdersOf(digest: string): Map<ModelNode, number> {
    const known = this.#holders.get(digest)
    if (known !== undefined) return known
    const none = new Map<ModelNode, number>()
    this.#holders.set(digest, none)
    return none
  }

  #sightOf(node: ModelNode, view: ClusterView | null): SpegelSight | null {
    if (view === null) return null
    const config = { spegel: NOTHING_CONFIGURED, node: { name: node.name, ip: node.address } }
    const places = clusterPlaces(config, view)
    return {
      counters: async () => {
        const isSeen = node.isServing && places.metrics === `http://${node.address}:9090/metrics`
        return isSeen ? { ...node.counters, given: null } : null
      },
      holders: (_reference, objects) =>
        this.#look(
          places,
          objects.map((it) => it.digest),
        ),
    }
  }

  async #look(places: SpegelPlaces, digests: readonly string[]) {
    const asked = new Set(peersToAsk(places, this.#random))
    await this.#time.sleep(Math.ceil(asked.size / 32) * LOOK)
    const answered = [...asked].flatMap((it) => this.#servingAt(it) ?? [])
    const absent = [...asked].filter((it) => places.cluster?.away.has(it) === true && this.#servingAt(it) === null)
    const known = places.peers.length + (places.cluster?.unasked ?? 0) - absent.length
    const held = new Map(
      digests.map((digest) => [digest, answered.filter((it) => this.#holdersOf(digest).has(it)).length]),
    )
    return { asked: answered.length, known, held }
  }
}

const NOTHING_CONFIGURED: Config['spegel'] = { port: null, peersFrom: 'endpointslice', peers: [], metrics: null }

function subjectOf(tag: string, objects: readonly ModelObject[]): Subject {
  return {
    reference: parseImageReference(`192.168.1.106/library/pullpath-canary:${tag}`),
    digest: objects[0]?.digest ?? '',
    imageId: objects[1]?.digest ?? '',
    objects: objects.map((it) => ({ ...it, mediaType: '' })),
  }
}

/**
 * By the words of src/drift/pull.ts, of layers where any came. A manifest of a peer does not make up for layers that peers had and did not give;
 * where only counters tell, which objects were missed is not seen, and it is of both all the same.
 */
function truthsOf(
  objects: readonly ModelObject[],
  givers: readonly Giver[],
  heldBefore: readonly boolean[],
): readonly PullSource[] {
  const of = (giver: Giver) => objects.flatMap((it, index) => (givers[index] === giver ? [{ ...it, index }] : []))
  const [origin, peer] = [of('origin'), of('peer')]
  if (origin.length === 0) return ['peer']
  const isHeld = ({ index }: { index: number }) => heldBefore[index] === true
  const layers = origin.filter((it) => it.kind === 'layer')
  if (peer.length === 0) return [(layers.length > 0 ? layers : origin).some(isHeld) ? 'fallback' : 'first']
  const isMissed = origin.some((it) => it.kind === 'layer' && isHeld(it))
  return isMissed && !peer.some((it) => it.kind === 'layer') ? ['fallback', 'mixed'] : ['mixed']
}
