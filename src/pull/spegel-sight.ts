import type { Config } from '../config/config.ts'
import type { ImageReference } from '../containerd/reference.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { readSpegelMetrics, type SpegelCounters } from './spegel-metrics-page.ts'
import { OWN_CONTENT } from './spegel-own-content.ts'
import type { SubjectObject } from './subject.ts'

/** What can be learnt of Spegel without changing anything about it. What is given up meanwhile is not known. */
export interface SpegelSight {
  /** How many requests for a registry its Spegel on this node answered so far; null: it cannot be read. */
  counters(registry: string, signal?: AbortSignal): Promise<SpegelCounters | null>
  /** Which of these objects the other nodes have; null: there is nobody to ask. */
  holders(reference: ImageReference, objects: readonly SubjectObject[], signal?: AbortSignal): Promise<Holders | null>
}

export interface Holders {
  /** How many peers answered, of how many that there are. */
  asked: number
  known: number
  /** By digest: how many of them have it. */
  held: ReadonlyMap<string, number>
}

/** Where Spegel's pods are reached. */
export interface SpegelPlaces {
  /** The registries of the other nodes' pods: `http://10.244.1.7:5000`. */
  peers: readonly string[]
  /** What is known of the cluster; not given: nothing, so that there may be more. */
  cluster?:
    | {
        /** So many of the peers, from the first one on, are asked in any case: they are the likeliest to have it. */
        likely: number
        /** Whether all of them are asked, which it takes to say that nobody has it. */
        askAll: boolean
        /** Those that are said to be away already: where they do not answer, they are none. */
        away: ReadonlySet<string>
        /** How many more there are that cannot be asked. */
        unasked: number
      }
    | undefined
  /** The metrics of this node's own pod: `http://10.244.0.5:9090/metrics`; null: not known. */
  metrics: string | null
}

/** What the configuration says of it. `ip`: of this node, which is no peer of its own. */
export function configuredPlaces({ peers, metrics }: Config['spegel'], ip: string): SpegelPlaces {
  return { peers: peers.filter((it) => URL.parse(it)?.hostname.replace(/^\[(.*)\]$/, '$1') !== ip), metrics }
}

/** What the configuration says of it; null: nothing. `ip`: as above. */
export function configuredSight(spegel: Config['spegel'], ip: string): SpegelSight | null {
  const places = configuredPlaces(spegel, ip)
  return places.peers.length === 0 && places.metrics === null ? null : openSpegelSight(places)
}

/** So many peers are asked; a cluster that has more is sampled. */
export const MOST_PEERS = 16
/** Of one image, so many objects are asked for. */
const MOST_OBJECTS = 16
/** A HEAD takes Spegel 3 s at most. Milliseconds. */
const PATIENCE = 3_000
/** Where all peers are asked, so many at a time, and no more of them after so many milliseconds. */
const AT_A_TIME = 32
const ALL_WITHIN = 20_000

/** Spegel by its own interfaces. Whatever goes wrong is something that is not known, never an error. */
export function openSpegelSight({ peers, metrics, cluster }: SpegelPlaces): SpegelSight {
  return {
    counters: async (registry, signal) => {
      const page = metrics === null ? null : await readSpegelMetrics(metrics, signal)
      return page?.counters(registry) ?? null
    },
    holders: async (reference, objects, signal) => {
      if (peers.length === 0 && cluster === undefined) return null
      const asked = objects.slice(0, MOST_OBJECTS)
      const answers = await answersOf(peersToAsk({ peers, cluster }), (peer) => heldBy(peer, reference, asked, signal))
      const answered = [...answers.values()].filter((it) => it !== null)
      const absent = [...answers].filter(([peer, it]) => it === null && cluster?.away.has(peer) === true)
      const held = new Map(asked.map(({ digest }) => [digest, answered.filter((it) => it.has(digest)).length]))
      const known = peers.length + (cluster?.unasked ?? 0) - absent.length
      return { asked: answered.length, known, held }
    },
  }
}

/** All of them, or the likeliest, and another part of the rest each time. `random`: 0 to less than 1. */
export function peersToAsk(
  { peers, cluster }: Pick<SpegelPlaces, 'peers' | 'cluster'>,
  random: () => number = Math.random,
): readonly string[] {
  if (cluster?.askAll === true || peers.length <= MOST_PEERS) return peers
  const certain = peers.slice(0, Math.min(cluster?.likely ?? 0, MOST_PEERS))
  const rest = peers.slice(certain.length)
  const start = Math.floor(random() * rest.length)
  return [...certain, ...rest.slice(start), ...rest.slice(0, start)].slice(0, MOST_PEERS)
}

/** By peer, of those that were asked: null is no answer. */
async function answersOf<T>(
  peers: readonly string[],
  ask: (peer: string) => Promise<T | null>,
): Promise<ReadonlyMap<string, T | null>> {
  const end = performance.now() + ALL_WITHIN
  const waiting = peers.values()
  const answers = new Map<string, T | null>()
  const workers = Array.from({ length: Math.min(AT_A_TIME, peers.length) }, async () => {
    // What the others take next is not what this one has.
    for (const peer of waiting) if (performance.now() < end) answers.set(peer, await ask(peer))
  })
  await Promise.all(workers)
  return answers
}

/** Which of these objects a peer has on its own node. null: no answer. */
async function heldBy(
  peer: string,
  { registry, repository }: ImageReference,
  objects: readonly SubjectObject[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string> | null> {
  const client = openRegistryClient({
    url: `${peer}/v2`,
    namespace: registry,
    headers: OWN_CONTENT,
    tls: { ca: [], client: null, verify: true },
    credentials: null,
  })
  const call = { limits: { total: PATIENCE }, ...(signal && { signal }) }
  const held = new Set<string>()
  try {
    for (const { digest, kind } of objects) {
      try {
        await (kind === 'manifest' ? client.headManifest : client.headBlob).call(client, repository, digest, call)
        held.add(digest)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.reason !== 'not-found') throw error
      }
    }
    return held
  } catch (error) {
    if (error instanceof RegistryError) return null
    throw error
  }
}
