import { type EndpointFailure, type EndpointProbe, PROBE_PHASES, type ProbeStep } from '../drift/probes.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import { fetchImageManifest, type ImageManifest } from '../registry/image-manifest.ts'
import type { Descriptor } from '../registry/manifest.ts'
import type { BlobReading, Call, Exchange, RegistryClient, Trace } from '../registry/registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { askRealm } from './anonymous-token.ts'
import { endpointFailure } from './endpoint-failure.ts'
import type { ProbeTarget } from './probe-target.ts'
import { THIS_PLATFORM } from './subject.ts'

/** How one thing is probed: within so many milliseconds, whatever it does. */
export interface ProbeLimits {
  timeout: number
  signal: AbortSignal
}

/** What a single probe of an endpoint gives; who probes again and again adds the times. */
export type ProbeOutcome = Pick<EndpointProbe, 'phases' | 'steps'> & { failure: Omit<EndpointFailure, 'since'> | null }

/** A blob of at most so many bytes is read whole; of a larger one so many of its first bytes. */
const WHOLE_BYTES = 64 * 1024
const FIRST_BYTES = 4096
/** Who has this header is served from Spegel's own node alone, and counted nowhere (Spegel 0.7: registry handler). */
const OWN_CONTENT = { 'X-Spegel-Mirrored': 'true' }
/** Of whom a token is asked for where no image is named. */
const ANY_REPOSITORY = 'library/pullpath-canary'

/** Asks an endpoint for what containerd needs of it, step by step, up to the first that fails. Never rejects. */
export async function probeEndpoint(target: ProbeTarget, limits: ProbeLimits): Promise<ProbeOutcome> {
  const probe = new EndpointProbing(target, limits)
  await probe.run()
  return probe.outcome
}

class EndpointProbing {
  readonly #target: ProbeTarget
  readonly #signal: AbortSignal
  readonly #deadline: number
  readonly #steps: ProbeStep[] = []
  readonly #exchanges: Exchange[] = []
  #client: RegistryClient
  #failure: ProbeOutcome['failure'] = null

  constructor(target: ProbeTarget, { timeout, signal }: ProbeLimits) {
    this.#target = target
    this.#signal = signal
    this.#deadline = performance.now() + timeout
    this.#client = openRegistryClient(target.endpoint)
  }

  get outcome(): ProbeOutcome {
    return { phases: phasesOf(this.#exchanges), steps: this.#steps, failure: this.#failure }
  }

  async run(): Promise<void> {
    const { image, role } = this.#target
    const ping = await this.#step('ping', 'GET /v2/', () => this.#ping())
    if (ping === null) return
    if (role === 'peer') return await this.#askPeer()
    const { challenge } = ping
    if (challenge?.scheme !== 'bearer') this.#skip('realm', 'it asks for no token')
    else {
      const realm = await this.#step('realm', `a token of ${URL.parse(challenge.realm)?.origin}`, async () => {
        const { fault, exchanges } = await askRealm(
          challenge,
          new URL(this.#client.endpoint),
          image?.repository ?? ANY_REPOSITORY,
          this.#call(),
        )
        this.#exchanges.push(...exchanges)
        if (fault !== null) {
          const names = URL.parse(challenge.realm)?.origin ?? null
          this.#fail({ reason: 'endpoint-auth', step: 'realm', phase: null, names, ...fault })
        }
        return NO_TRACE
      })
      if (realm === null) return
    }
    if (image === null) {
      for (const step of ['manifest', 'blob'] as const) this.#skip(step, 'probe.images names no image of it')
      return
    }
    const manifest = await this.#askManifest(image)
    if (manifest !== null) await this.#step('blob', 'a blob', () => this.#readBlobs(image.repository, manifest))
  }

  /** containerd's fallback: an http endpoint with TLS settings is tried over https first. */
  async #ping(): Promise<Trace> {
    try {
      return await this.#client.ping(this.#call())
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      // Whoever has nothing at /v2/ may still have images below a path of its own.
      if (error.reason === 'not-found') return error
      const { fallback } = this.#target
      if (fallback === null || !fallsBack(error, new URL(fallback.url))) throw error
      this.#exchanges.push(...error.exchanges)
      this.#client = openRegistryClient(fallback)
      return await this.#client.ping(this.#call())
    }
  }

  /** Only what changes nothing at a peer: neither a lookup among its peers nor a count. */
  async #askPeer(): Promise<void> {
    const { image } = this.#target
    if (image === null) return
    await this.#step('manifest', 'HEAD of what this node holds itself', async () => {
      try {
        const call = { ...this.#call(), headers: OWN_CONTENT }
        return await this.#client.headManifest(image.repository, image.reference, call)
      } catch (error) {
        if (error instanceof RegistryError && error.reason === 'not-found') return error
        throw error
      }
    })
  }

  async #askManifest({ repository, reference }: NonNullable<ProbeTarget['image']>): Promise<ImageManifest | null> {
    let manifest: ImageManifest | null = null
    await this.#step('manifest', `${repository}:${reference}`, async () => {
      const head = await this.#client.headManifest(repository, reference, this.#call())
      this.#exchanges.push(...head.exchanges)
      manifest = await fetchImageManifest(this.#client, repository, reference, {
        platform: THIS_PLATFORM,
        call: this.#call(),
      })
      return {
        exchanges: manifest.fetched.flatMap((it) => it.exchanges),
        redirectedTo: [...head.redirectedTo, ...manifest.fetched.flatMap((it) => it.redirectedTo)],
        challenge: null,
      }
    })
    if (manifest === null && this.#failure === null) this.#skip('blob', 'no manifest says what to ask for')
    return manifest
  }

  /** The smallest blob whole, for its digest; of the largest the beginning, which may lie elsewhere. */
  async #readBlobs(repository: string, { config, layers }: ImageManifest): Promise<Trace> {
    const blobs = [config, ...layers].toSorted((a, b) => a.size - b.size)
    const [smallest = config] = blobs
    const largest = blobs.at(-1) ?? config
    const first = await this.#readBlob(repository, smallest)
    if (largest.digest === smallest.digest) return first
    this.#exchanges.push(...first.exchanges)
    return await this.#readBlob(repository, largest)
  }

  async #readBlob(repository: string, { digest, size }: Descriptor): Promise<Trace> {
    let seen = 0
    const reading = (followRedirects: boolean): BlobReading => ({
      ...this.#call(),
      size,
      followRedirects,
      ...(size > WHOLE_BYTES && { range: { first: 0, last: FIRST_BYTES - 1 } }),
      onBytes: (bytes) => {
        seen += bytes.length
        // Whoever ignores the range would send all of it.
        if (seen > WHOLE_BYTES) throw new Enough()
      },
    })
    try {
      return await this.#client.readBlob(repository, digest, reading(this.#target.isPublic))
    } catch (error) {
      if (error instanceof Enough) return NO_TRACE
      if (!(error instanceof RegistryError) || error.reason !== 'redirected' || this.#isElsewhere(error)) throw error
      return await this.#client.readBlob(repository, digest, reading(true))
    }
  }

  /** null: the step failed, or the endpoint has nothing to show; it is told among the steps. */
  async #step(step: ProbeStep['step'], words: string, ask: () => Promise<Trace>): Promise<Trace | null> {
    const start = performance.now()
    const told = (result: ProbeStep['result'], text: string) => {
      const duration = result === 'skipped' ? null : (performance.now() - start) / 1000
      this.#steps.push({ step, result, duration, words: text })
    }
    try {
      const trace = await ask()
      this.#exchanges.push(...trace.exchanges)
      if (this.#failure === null && !this.#target.isPublic && this.#isElsewhere(trace)) {
        const names = trace.redirectedTo.at(-1) ?? null
        const text = `it redirects to ${names}`
        this.#fail({
          reason: 'endpoint-redirect',
          step,
          detail: 'redirected',
          words: text,
          status: null,
          phase: null,
          names,
        })
      }
      if (this.#failure !== null) {
        told('failed', this.#failure.words)
        return null
      }
      told('passed', words)
      return trace
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      this.#exchanges.push(...error.exchanges)
      const failure = endpointFailure(error, step, new URL(this.#client.endpoint).hostname)
      if (failure?.detail === 'unauthorized' && this.#target.hasNodeCredentials) {
        told('skipped', 'it wants credentials, which containerd on this node has and the agent has not')
      } else if (failure === null) told('skipped', error.message)
      else {
        this.#fail(failure)
        told('failed', failure.words)
      }
      return null
    }
  }

  #skip(step: ProbeStep['step'], words: string): void {
    this.#steps.push({ step, result: 'skipped', duration: null, words })
  }

  #fail(failure: Omit<EndpointFailure, 'since'>): void {
    this.#failure = failure
  }

  #isElsewhere({ redirectedTo }: Pick<Trace, 'redirectedTo'>): boolean {
    const own = new URL(this.#client.endpoint).hostname
    return redirectedTo.some((it) => URL.parse(it)?.hostname !== own)
  }

  #call(): Call {
    const left = Math.max(1, this.#deadline - performance.now())
    const { connectLimit } = this.#target
    return { signal: this.#signal, limits: { total: left, ...(connectLimit !== null && { connect: connectLimit }) } }
  }
}

/** Ends the reading of a blob that has shown enough. */
class Enough extends Error {}

const NO_TRACE: Trace = { exchanges: [], redirectedTo: [], challenge: null }

/** containerd 2.x (docker/config: HTTPFallback); without a port also where nothing answers. */
function fallsBack({ reason, phase }: RegistryError, url: URL): boolean {
  if (reason === 'tls-not-spoken' || (reason === 'timeout' && phase === 'tls')) return true
  return url.port === '' && (reason === 'refused' || reason === 'timeout')
}

/** Seconds, summed up. The sending of a request without a body counts with its processing. */
function phasesOf(exchanges: readonly Exchange[]): EndpointProbe['phases'] {
  const sum = (phase: (typeof PROBE_PHASES)[number]) => {
    const spent = exchanges.flatMap(({ phases }) => {
      const time = phases[phase]
      if (time === null) return []
      return phase === 'processing' ? [time + (phases.sending ?? 0)] : [time]
    })
    return spent.length === 0 ? null : spent.reduce((a, b) => a + b, 0) / 1000
  }
  return Object.fromEntries(PROBE_PHASES.map((phase) => [phase, sum(phase)])) as EndpointProbe['phases']
}
