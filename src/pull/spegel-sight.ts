import { get } from 'node:http'
import type { Config } from '../config/config.ts'
import type { ImageReference } from '../containerd/reference.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'
import type { SubjectObject } from './subject.ts'

/** What can be learnt of Spegel without changing anything about it. What is given up meanwhile is not known. */
export interface SpegelSight {
  /** How many requests for a registry its Spegel on this node answered so far; null: it cannot be read. */
  counters(registry: string, signal?: AbortSignal): Promise<SpegelCounters | null>
  /** Which of these objects the other nodes have; null: there is nobody to ask. */
  holders(reference: ImageReference, objects: readonly SubjectObject[], signal?: AbortSignal): Promise<Holders | null>
}

/** Of requests that were looked for at peers. */
export interface SpegelCounters {
  hits: number
  misses: number
  /** Answers to GET with content, whoever asked; null: not told. */
  given: number | null
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
  /** The metrics of this node's own pod: `http://10.244.0.5:9090/metrics`; null: not known. */
  metrics: string | null
}

/** What the configuration says of it; null: nothing. `ip`: of this node, which is no peer of its own. */
export function configuredSight({ peers, metrics }: Config['spegel'], ip: string): SpegelSight | null {
  const others = peers.filter((it) => URL.parse(it)?.hostname.replace(/^\[(.*)\]$/, '$1') !== ip)
  return others.length === 0 && metrics === null ? null : openSpegelSight({ peers: others, metrics })
}

/** So many peers are asked; a cluster that has more is sampled. */
const SAMPLE = 16
/** Of one image, so many objects are asked for. */
const MOST_OBJECTS = 16
/** A HEAD takes Spegel 3 s at most. Milliseconds. */
const PATIENCE = 3_000
const LONGEST_PAGE = 4 * 1024 * 1024

/** Spegel by its own interfaces. Whatever goes wrong is something that is not known, never an error. */
export function openSpegelSight({ peers, metrics }: SpegelPlaces): SpegelSight {
  return {
    counters: async (registry, signal) =>
      metrics === null ? null : countersIn(await pageAt(metrics, signal), registry),
    holders: async (reference, objects, signal) => {
      if (peers.length === 0) return null
      const asked = objects.slice(0, MOST_OBJECTS)
      const answers = await Promise.all(sampleOf(peers).map((peer) => heldBy(peer, reference, asked, signal)))
      const answered = answers.filter((it) => it !== null)
      const held = new Map(asked.map(({ digest }) => [digest, answered.filter((it) => it.has(digest)).length]))
      return { asked: answered.length, known: peers.length, held }
    },
  }
}

/** The counters of all registries at one time, from one reading; null: they cannot be read. */
export type CountersPage = (registry: string) => SpegelCounters | null

export async function readCounters(metrics: string): Promise<CountersPage | null> {
  const page = await pageAt(metrics, undefined)
  return countersIn(page, '') === null ? null : (registry) => countersIn(page, registry)
}

/** Another part of them each time. */
function sampleOf(peers: readonly string[]): readonly string[] {
  if (peers.length <= SAMPLE) return peers
  const start = Math.floor(Math.random() * peers.length)
  return [...peers.slice(start), ...peers.slice(0, start)].slice(0, SAMPLE)
}

/** Spegel answers from its own node's content alone where this header is sent, and counts nothing. null: no answer. */
async function heldBy(
  peer: string,
  { registry, repository }: ImageReference,
  objects: readonly SubjectObject[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string> | null> {
  const client = openRegistryClient({
    url: `${peer}/v2`,
    namespace: registry,
    headers: { 'X-Spegel-Mirrored': 'true' },
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

/** A counter does not exist before its first event. null: the page is not Spegel's. */
function countersIn(page: string | null, registry: string): SpegelCounters | null {
  if (page === null || !/^(# \w+ )?(spegel|http_request)/m.test(page)) return null
  const counters: SpegelCounters = { hits: 0, misses: 0, given: givenIn(page) }
  for (const [, labels = '', value] of page.matchAll(/^spegel_mirror_requests_total\{([^}]*)\} ([0-9.e+]+)$/gm)) {
    if (!labels.split(',').includes(`registry="${registry}"`)) continue
    if (labels.includes('cache="hit"')) counters.hits += Number(value)
    else counters.misses += Number(value)
  }
  return counters
}

function givenIn(page: string): number | null {
  if (!/^# TYPE http_request_duration_seconds /m.test(page)) return null
  const counts = page.matchAll(/^http_request_duration_seconds_count\{([^}]*)\} ([0-9.e+]+)$/gm)
  const given = [...counts].filter(([, labels = '']) => {
    return /handler="\/v2\/\*"/.test(labels) && /method="GET"/.test(labels) && /code="2\d\d"/.test(labels)
  })
  return given.reduce((sum, [, , value]) => sum + Number(value), 0)
}

function pageAt(url: string, ending: AbortSignal | undefined): Promise<string | null> {
  const signal = AbortSignal.any([AbortSignal.timeout(PATIENCE), ...(ending === undefined ? [] : [ending])])
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > LONGEST_PAGE) request.destroy()
      })
      response.on('end', () => resolve(response.statusCode === 200 ? text : null))
      response.on('error', () => resolve(null))
    })
    request.on('error', () => resolve(null))
    request.on('close', () => resolve(null))
  })
}
