import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { type Asked, identifierOf, readAsked } from './asked.ts'
import { type ByteRange, resolveRange } from './byte-range.ts'
import { Hedging } from './hedging.ts'
import { type Candidates, LookupCache } from './lookup-cache.ts'
import { BINARY, type Descriptor, isManifestType, type OwnContent } from './own-content.ts'
import { type Fetched, fetchFromPeer } from './peer-fetch.ts'
import type { Providers } from './providers.ts'
import { NoPeer, raceForPeer } from './race.ts'
import type { SpegelMetrics } from './spegel-metrics.ts'

export interface SpegelSettings {
  /** Hosts of the registries that are mirrored: `ns` must be one of them. */
  registries: readonly string[]
  /** Where all peers listen for each other. */
  podPort: number
  /** How long a peer's answer is waited for at least, in milliseconds. Spegel: 100. */
  patience: number
}

/** A fault that other peers meet, while this node's own containerd does not. */
export interface PeerFault {
  /** `nothing`: the request hangs. `not-found`: 404, although it is here. */
  answer: 'nothing' | 'not-found'
  methods: readonly ('GET' | 'HEAD')[]
}

/** What a request came to, for the log. */
export interface Outcome {
  bytes: number
  source: 'own' | 'peer' | null
}

/** HEAD, and whatever is asked for a manifest, ends after this long. */
const QUICK_MS = 3_000

/** Spegel's registry: what is below `/v2/`, as version 0.7 answers it. */
export class RegistryHandler {
  fault: PeerFault | null = null
  /** Its lookups end before they have found anybody. */
  findsNobody = false
  readonly #settings: SpegelSettings
  readonly #content: OwnContent
  readonly #metrics: SpegelMetrics
  readonly #lookups: LookupCache
  readonly #hedging = new Hedging()

  constructor(settings: SpegelSettings, content: OwnContent, providers: Providers, metrics: SpegelMetrics) {
    this.#settings = settings
    this.#content = content
    this.#metrics = metrics
    this.#lookups = new LookupCache((key) => {
      const begun = performance.now()
      const holders = this.findsNobody ? [] : providers.holders(key)
      metrics.observeProviders(holders.length, (performance.now() - begun) / 1000)
      return holders
    })
  }

  /** Answers one request; `outcome` is filled in on the way, so that it holds for a broken off one too. */
  async handle(request: IncomingMessage, response: ServerResponse, outcome: Outcome): Promise<void> {
    const asked = readAsked(request)
    if (asked === null || !this.#settings.registries.includes(asked.registry)) return empty(response, 404)
    if (request.headers['x-spegel-mirrored'] !== 'true') {
      const digest = asked.isDigest ? asked.reference : await this.#content.digestOf(identifierOf(asked))
      const isHere = digest !== null && (!asked.isDigest || (await this.#content.describe(digest)) !== null)
      return isHere ? this.#serveOwn(asked, response, outcome) : this.#mirror(asked, response, outcome)
    }
    if (this.fault?.methods.includes(asked.method)) {
      if (this.fault.answer === 'nothing') return void (await once(response, 'close'))
      return ownMiss(asked, response)
    }
    return this.#serveOwn(asked, response, outcome)
  }

  async #serveOwn(asked: Asked, response: ServerResponse, outcome: Outcome): Promise<void> {
    const digest = asked.isDigest ? asked.reference : await this.#content.digestOf(identifierOf(asked))
    const descriptor = digest === null ? null : await this.#content.describe(digest)
    if (descriptor === null || isManifestType(descriptor.mediaType) !== (asked.kind === 'manifests')) {
      return ownMiss(asked, response)
    }
    const headers = headersOf(asked, descriptor)
    if (headers === null) return empty(response, 400)
    // Only what is this node's own has it.
    response.writeHead(headers.status, { ...headers.fields, 'OCI-Namespace': asked.registry })
    outcome.source = 'own'
    if (asked.method === 'HEAD' || descriptor.size === 0) return void response.end()
    await copy(this.#content.open(descriptor.digest, headers), response, outcome)
    response.end()
  }

  async #mirror(asked: Asked, response: ServerResponse, outcome: Outcome): Promise<void> {
    const isQuick = asked.method === 'HEAD' || asked.kind === 'manifests'
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const signal = isQuick ? AbortSignal.any([gone.signal, AbortSignal.timeout(QUICK_MS)]) : gone.signal
    const candidates = this.#lookups.lookUp(identifierOf(asked))
    try {
      let rest: ByteRange | null = asked.range
      do {
        rest = await this.#mirrorFrom({ ...asked, range: rest }, response, outcome, { candidates, signal })
        // Where a peer breaks off in the middle of a blob, another one gives the rest.
      } while (rest !== null)
      this.#metrics.countMirrored(asked.registry, 'hit')
    } catch (error) {
      if (response.headersSent) {
        this.#metrics.countMirrored(asked.registry, 'hit')
        response.destroy()
        return
      }
      this.#metrics.countMirrored(asked.registry, 'miss')
      if (error instanceof NoPeer) peerMiss(asked, response, error)
      else empty(response, 404)
    }
  }

  /** null: all of it came; else what is missing, as it broke off. Rejects where no peer has it. */
  async #mirrorFrom(
    asked: Asked,
    response: ServerResponse,
    outcome: Outcome,
    { candidates, signal }: { candidates: Candidates; signal: AbortSignal },
  ): Promise<ByteRange | null> {
    const { descriptor, body } = await raceForPeer<Fetched>({
      candidates,
      hedging: this.#hedging,
      patience: this.#settings.patience,
      fetchFrom: (address, loser) =>
        fetchFromPeer(asked, address, this.#settings.podPort, AbortSignal.any([loser, signal])),
      discard: (late) => late.body.destroy(),
      signal,
    })
    const headers = headersOf(asked, descriptor)
    if (headers === null) {
      body.destroy()
      empty(response, 416)
      return null
    }
    if (!response.headersSent) response.writeHead(headers.status, headers.fields)
    outcome.source = 'peer'
    if (asked.method === 'HEAD') {
      body.resume()
      response.end()
      return null
    }
    const before = outcome.bytes
    try {
      await copy(body, response, outcome)
    } catch (error) {
      if (signal.aborted || asked.kind === 'manifests') throw error
      return { start: headers.first + outcome.bytes - before, end: headers.last }
    }
    response.end()
    return null
  }
}

/** null: the range lies outside. */
function headersOf(
  { kind, range }: Asked,
  { digest, size, mediaType }: Descriptor,
): { status: number; fields: Record<string, string | number>; first: number; last: number } | null {
  const fields = { 'Docker-Content-Digest': digest, ...(kind === 'blobs' ? { 'Accept-Ranges': 'bytes' } : {}) }
  if (range === null) {
    const whole = { ...fields, 'Content-Type': mediaType, 'Content-Length': size }
    return { status: 200, fields: whole, first: 0, last: size - 1 }
  }
  const part = resolveRange(range, size)
  if (part === null) return null
  const { first, last } = part
  const partial = {
    ...fields,
    'Content-Type': BINARY,
    'Content-Length': last - first + 1,
    'Content-Range': `bytes ${first}-${last}/${size}`,
  }
  return { status: 206, fields: partial, first, last }
}

async function copy(source: Readable, response: ServerResponse, outcome: Outcome): Promise<void> {
  for await (const chunk of source) {
    if (response.destroyed) throw new Error('the asker is gone')
    outcome.bytes += (chunk as Buffer).length
    if (!response.write(chunk)) await roomIn(response)
  }
}

/** Resolves when more can be written, and when nobody is there to read it. */
function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

function empty(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Length': 0 }).end()
}

function ownMiss(asked: Asked, response: ServerResponse): void {
  const { isDigest, kind, reference } = asked
  const what = isDigest
    ? `could not get ${kind === 'blobs' ? 'blob' : 'manifest'} ${reference}`
    : `could not get digest for image tag ${identifierOf(asked)}`
  notFound(asked, response, { code: codeOf(asked), message: what })
}

function peerMiss(asked: Asked, response: ServerResponse, { reason, attempts }: NoPeer): void {
  const message = `${reason} ${identifierOf(asked)}`
  notFound(asked, response, { code: codeOf(asked), detail: { attempts }, message })
}

function codeOf({ kind }: Asked): string {
  return kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN'
}

function notFound({ method }: Asked, response: ServerResponse, error: object): void {
  const body = JSON.stringify({ errors: [error] })
  response.writeHead(404, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  response.end(method === 'HEAD' ? undefined : body)
}
