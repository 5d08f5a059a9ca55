import type { NamespaceClient } from '../containerd/client/daemon-client.ts'
import { classifyPull, type MirrorFacts, type ObjectEvidence } from '../drift/classification.ts'
import type { Pull } from '../drift/pull.ts'
import { PullpathError } from '../errors.ts'
import type { Answer, Call } from '../registry/registry-client.ts'
import { RegistryError, type RegistryReason } from '../registry/registry-error.ts'
import { mostTelling, type Refusal } from './most-telling.ts'
import type { ProbeEndpoint } from './probe-endpoints.ts'
import { messageOf, notMeasured } from './pull-failure.ts'
import { type PullProgress, PullRecord } from './pull-record.ts'
import { resolveManifest } from './resolve-manifest.ts'
import { SpegelEvidence } from './spegel-evidence.ts'
import type { SpegelSight } from './spegel-sight.ts'
import type { Subject, SubjectObject } from './subject.ts'

/**
 * `origin`: straight from the registry. `peer`: through the first mirror of this node, by digest. `path`: along all
 * endpoints in containerd's order, each object from the first that has it.
 */
export type ProbeVia = 'origin' | 'peer' | 'path'

export interface ProbeOptions {
  id?: string
  /** For each request, and between two pieces of a body, in milliseconds. */
  timeout: number
  mirrors: MirrorFacts
  sight: SpegelSight | null
  /** CRI's namespace of this node's containerd; null: it is not asked what it has. */
  store: NamespaceClient | null
  signal?: AbortSignal
  onProgress?: (progress: PullProgress) => void
}

/** containerd's max_concurrent_downloads. */
const AT_A_TIME = 3
/** After these containerd asks nobody else: what came was wrong, or the pull is over. */
const FINAL: readonly RegistryReason[] = ['digest-mismatch', 'wrong-length', 'truncated', 'aborted']

/**
 * Fetches everything that an image is made of over HTTP, as containerd does, and keeps nothing of it. `endpoints`:
 * those that are asked, in order; there must be one. Never rejects but for a fault of Pullpath itself.
 */
export async function probe(
  via: ProbeVia,
  subject: Subject,
  endpoints: readonly ProbeEndpoint[],
  options: ProbeOptions,
): Promise<Pull> {
  const spegel = new SpegelEvidence(via === 'origin' ? null : options.sight, subject, options.signal)
  const held = await heldHere(subject, options.store)
  await spegel.before()
  const leg = new ProbeLeg(via, subject, endpoints, options)
  const failure = await leg.run()
  const duration = leg.record.elapsed
  await spegel.after()
  const objects = subject.objects.map(({ digest, kind }): ObjectEvidence => {
    const answer = leg.answers.get(digest)
    return {
      digest,
      kind,
      bytes: leg.bytesOf(digest),
      fetched: answer === undefined ? null : true,
      answeredBy: answer?.by ?? null,
      markedOwn: answer?.markedOwn ?? null,
      heldHere: held?.has(digest) ?? null,
      heldByPeers: spegel.heldByPeers(digest),
    }
  })
  const classification = classifyPull({
    objects,
    requests: 'seen',
    asked: via === 'origin' ? 'origin' : 'mirrors',
    mirrors: options.mirrors,
    counters: spegel.counters,
    peers: spegel.peers,
    alone: false,
    duration,
  })
  // Nobody is known to have it: that is no failure of a pull.
  const isNowhere = via === 'peer' && failure?.reason === 'not-found' && !objects.some((it) => isAnywhere(it))
  if (isNowhere)
    return leg.record.finish({ ...classification, source: 'unknown' }, notMeasured('no-peer'), { duration })
  const isKnown = failure === null || objects.every((it) => it.answeredBy !== null)
  return leg.record.finish(isKnown ? classification : { ...classification, source: 'unknown' }, failure, { duration })
}

function isAnywhere({ answeredBy, heldByPeers }: ObjectEvidence): boolean {
  return answeredBy !== null || (heldByPeers !== null && heldByPeers.before > 0)
}

/** A mirror answers with another image of the tag: what was pulled elsewhere earlier. */
class TagDiffers extends PullpathError {
  constructor(message: string) {
    super('PP_REGISTRY_CONTENT', message, { advice: 'a peer or a mirror answers with an older image of this tag' })
  }
}

class ProbeLeg {
  readonly record: PullRecord
  /** By digest: who gave it. */
  readonly answers = new Map<string, { by: 'origin' | 'mirror' | 'other'; markedOwn: boolean }>()
  readonly #via: ProbeVia
  readonly #subject: Subject
  readonly #endpoints: readonly ProbeEndpoint[]
  readonly #options: ProbeOptions
  readonly #bytes = new Map<string, number>()

  constructor(via: ProbeVia, subject: Subject, endpoints: readonly ProbeEndpoint[], options: ProbeOptions) {
    this.record = new PullRecord(subject.reference, via, Date.now(), options.id)
    this.#via = via
    this.#subject = subject
    this.#endpoints = endpoints
    this.#options = options
  }

  bytesOf(digest: string): number {
    return this.#bytes.get(digest) ?? 0
  }

  /** null: all of it came. */
  async run(): Promise<Pull['failure']> {
    try {
      await this.#resolve()
      const { objects } = this.#subject
      for (const object of objects.filter((it) => it.kind !== 'layer')) await this.#fetch(object)
      const layers = objects.filter((it) => it.kind === 'layer').values()
      const ending = new AbortController()
      const workers = Array.from({ length: AT_A_TIME }, async () => {
        // What the others take next is not what this one has.
        for (const layer of layers) await this.#fetch(layer, ending.signal)
      })
      await allOrFirstError(workers, () => ending.abort())
      return null
    } catch (error) {
      if (error instanceof RegistryError) return { reason: error.reason, message: messageOf(error) }
      if (error instanceof TagDiffers) return { reason: 'tag-differs', message: messageOf(error) }
      throw error
    }
  }

  async #resolve(): Promise<void> {
    const { reference, digest } = this.#subject
    const { repository, tag } = reference
    // What peers know a tag by may be older: a peer leg is about the very same bytes.
    const name = this.#via === 'peer' || tag === null ? digest : tag
    const askable = name === digest ? this.#endpoints : this.#endpoints.filter((it) => it.resolve)
    const answer = await this.#along(askable, null, (endpoint) =>
      resolveManifest(endpoint.client, repository, name, this.#call(endpoint)),
    )
    if (answer.digest === null || answer.digest === digest) return
    throw new TagDiffers(`${reference.image} is ${answer.digest} here, and ${digest} at the origin`)
  }

  async #fetch(object: SubjectObject, signal?: AbortSignal): Promise<void> {
    const { digest, kind, size } = object
    const { repository } = this.#subject.reference
    const came = (bytes: number) => {
      this.record.addBytes(bytes)
      const sum = this.bytesOf(digest) + bytes
      this.#bytes.set(digest, sum)
      this.#options.onProgress?.({ digest, phase: 'transfer', bytes: sum, total: size })
    }
    await this.#along(this.#endpoints, digest, async ({ role, client, ...endpoint }) => {
      const call = this.#call(endpoint, signal)
      const answer: Answer =
        kind === 'manifest'
          ? await client.getManifest(repository, digest, call)
          : await client.readBlob(repository, digest, { ...call, size, onBytes: (bytes) => came(bytes.length) })
      if (kind === 'manifest') came(answer.length ?? 0)
      const by = role === 'origin' ? 'origin' : role === 'peer' ? 'mirror' : 'other'
      this.answers.set(digest, { by, markedOwn: answer.namespace !== null })
      return answer
    })
  }

  /** Asks one endpoint after the other, until one has it. */
  async #along(
    endpoints: readonly ProbeEndpoint[],
    digest: string | null,
    ask: (endpoint: ProbeEndpoint) => Promise<Answer>,
  ): Promise<Answer> {
    const refusals: Refusal<RegistryError>[] = []
    for (const endpoint of endpoints) {
      try {
        const answer = await ask(endpoint)
        this.record.addExchanges(digest, answer.exchanges)
        return answer
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error
        this.record.addExchanges(digest, error.exchanges)
        if (FINAL.includes(error.reason)) throw error
        refusals.push({ endpoint, error })
      }
    }
    throw mostTelling(refusals) ?? new PullpathError('PP_INTERNAL', 'a probe was made without an endpoint')
  }

  #call({ connectWithin }: Pick<ProbeEndpoint, 'connectWithin'>, more?: AbortSignal): Call {
    const { timeout, signal } = this.#options
    const signals = [signal, more].filter((it) => it !== undefined)
    const limits = {
      resolve: timeout,
      connect: Math.min(connectWithin, timeout),
      tls: timeout,
      processing: timeout,
      pause: timeout,
    }
    return { limits, signal: AbortSignal.any(signals) }
  }
}

/** Waits for all. Where one fails the others are told to end, and its error is the one that counts. */
async function allOrFirstError(works: readonly Promise<void>[], end: () => void): Promise<void> {
  const failures: unknown[] = []
  const noted = works.map((work) =>
    work.catch((error: unknown) => {
      failures.push(error)
      end()
    }),
  )
  await Promise.all(noted)
  if (failures.length > 0) throw failures[0]
}

/** What of an image this node has; null: not known. */
async function heldHere({ objects }: Subject, store: NamespaceClient | null): Promise<ReadonlySet<string> | null> {
  if (store === null) return null
  try {
    const found = await Promise.all(objects.map(({ digest }) => store.content(digest)))
    return new Set(objects.flatMap(({ digest }, index) => (found[index] === null ? [] : [digest])))
  } catch {
    return null // the daemon is away
  }
}
