import { type EndpointFailure, type EndpointProbe, PROBE_PHASES, type ProbeStep } from '../drift/probes.ts'
import { PullpathError } from '../errors.ts'
import type { BearerChallenge } from '../registry/challenge.ts'
import type { Credentials } from '../registry/credentials.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import { fetchImageManifest, type ImageManifest } from '../registry/image-manifest.ts'
import type { Call, Exchange, RegistryClient, RegistryEndpoint, Trace } from '../registry/registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { probeBlobs, redirectsElsewhere } from './blob-probe.ts'
import type { EndpointAccess } from './endpoint-access.ts'
import { doubtAbout } from './endpoint-doubt.ts'
import { endpointFailure, REFUSALS } from './endpoint-failure.ts'
import type { ProbeTarget } from './probe-target.ts'
import { probeRealm } from './realm-probe.ts'
import { resolveManifest } from './resolve-manifest.ts'
import { OWN_CONTENT } from './spegel-own-content.ts'
import { THIS_PLATFORM } from './subject.ts'

/** How one thing is probed: within so many milliseconds, whatever it does. */
export interface ProbeLimits {
  timeout: number
  signal: AbortSignal
}

/** What a single probe of an endpoint gives; who probes again and again adds the times. */
export type ProbeOutcome = Pick<EndpointProbe, 'phases' | 'steps'> & { failure: Failure | null }

type Failure = Omit<EndpointFailure, 'since'>
type Image = NonNullable<ProbeTarget['image']>

/** The agent's own credentials of a host; null: there are none. May throw where its file cannot be read. */
export type CredentialsOf = (host: string) => Credentials | null

/** Of whom a token is asked for where no image is named. */
const ANY_REPOSITORY = 'library/pullpath-canary'

/**
 * Asks an endpoint for what containerd needs of it, step by step, up to the first that fails. Asks as anybody; who is
 * refused so, and has credentials of the agent's own, asks for the image with them. Never rejects.
 */
export async function probeEndpoint(
  target: ProbeTarget,
  limits: ProbeLimits,
  credentialsOf: CredentialsOf = () => null,
): Promise<ProbeOutcome> {
  const access = target.access()
  try {
    const probe = new EndpointProbing(target, access, limits, credentialsOf)
    await probe.run()
    return probe.outcome
  } catch (error) {
    if (!(error instanceof PullpathError) || error.code !== 'PP_REGISTRY_REQUEST') throw error
    // Its certificate and key do not belong together: containerd fails the whole pull (hosts.go, tlsConfigFromHost).
    const words = error.message
    const detail = 'client-certificate'
    return {
      phases: phasesOf([]),
      steps: [{ step: 'ping', result: 'failed', duration: 0, words }],
      failure: { reason: 'endpoint-tls', step: 'ping', detail, words, status: null, phase: null, names: null },
    }
  }
}

class EndpointProbing {
  readonly #target: ProbeTarget
  readonly #access: EndpointAccess
  readonly #credentialsOf: CredentialsOf
  readonly #signal: AbortSignal
  readonly #deadline: number
  readonly #steps: ProbeStep[] = []
  readonly #exchanges: Exchange[] = []
  #endpoint: RegistryEndpoint
  #client: RegistryClient
  #failure: Failure | null = null
  /** Of the challenge; null: there was none. */
  #realm: URL | null = null

  constructor(
    target: ProbeTarget,
    access: EndpointAccess,
    { timeout, signal }: ProbeLimits,
    credentialsOf: CredentialsOf,
  ) {
    this.#target = target
    this.#access = access
    this.#credentialsOf = credentialsOf
    this.#signal = signal
    this.#deadline = performance.now() + timeout
    const { headers, tls } = access
    this.#endpoint = { ...target.endpoint, headers, tls, credentials: null }
    this.#client = openRegistryClient(this.#endpoint)
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
    else if ((await this.#askRealm(challenge)) === null) return
    if (image === null) {
      for (const step of ['manifest', 'blob'] as const) this.#skip(step, 'probe.images names no image of it')
      return
    }
    const manifest = await this.#askManifest(image)
    if (manifest === null) return
    await this.#step('blob', 'a blob', () => {
      const options = { mayLeave: this.#target.isPublic, call: () => this.#call() }
      return probeBlobs(this.#client, image.repository, manifest, options)
    })
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
      if (fallback === null || !fallsBack(error, new URL(fallback))) throw error
      this.#exchanges.push(...error.exchanges)
      this.#reopen({ url: fallback })
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

  #askRealm(challenge: BearerChallenge): Promise<Trace | null> {
    const repository = this.#target.image?.repository ?? ANY_REPOSITORY
    this.#realm = URL.parse(challenge.realm)
    return this.#step('realm', `a token of ${this.#realm?.origin}`, async () => {
      const { trace, failure } = await probeRealm(this.#client, challenge, repository, this.#call())
      this.#failure = failure
      return trace
    })
  }

  async #askManifest(image: Image): Promise<ImageManifest | null> {
    let manifest: ImageManifest | null = null
    const fetched = async () => {
      const { found, trace } = await this.#fetchManifest(image)
      manifest = found
      return trace
    }
    const words = `${image.repository}:${image.reference}`
    const trace = await this.#step('manifest', words, async () => {
      try {
        return await fetched()
      } catch (error) {
        if (!isRefusal(error)) throw error
        const credentials = this.#credentialsOf(new URL(this.#endpoint.url).host)
        if (credentials === null) throw error
        this.#exchanges.push(...error.exchanges)
        this.#reopen({ credentials })
        return await fetched()
      }
    })
    if (trace === null && this.#failure === null) this.#skip('blob', 'no manifest says what to ask for')
    return trace === null ? null : manifest
  }

  async #fetchManifest({ repository, reference }: Image): Promise<{ found: ImageManifest; trace: Trace }> {
    const head = await resolveManifest(this.#client, repository, reference, this.#call())
    this.#exchanges.push(...head.exchanges)
    const options = { platform: THIS_PLATFORM, call: this.#call() }
    const found = await fetchImageManifest(this.#client, repository, reference, options)
    const { fetched } = found
    const redirectedTo = [head, ...fetched].flatMap((it) => it.redirectedTo)
    return { found, trace: { exchanges: fetched.flatMap((it) => it.exchanges), redirectedTo, challenge: null } }
  }

  /** null: the step failed, or the endpoint has nothing to show; it is told among the steps. */
  async #step(step: ProbeStep['step'], words: string, ask: () => Promise<Trace>): Promise<Trace | null> {
    const start = performance.now()
    const told = (result: ProbeStep['result'], text: string) => {
      const duration = result === 'skipped' ? null : (performance.now() - start) / 1000
      this.#steps.push({ step, result, duration, words: text })
    }
    let trace: Trace | null = null
    try {
      trace = await ask()
      this.#exchanges.push(...trace.exchanges)
      this.#failure ??= this.#redirectFailure(step, trace)
    } catch (error) {
      if (!(error instanceof PullpathError)) throw error
      if (error instanceof RegistryError) {
        this.#exchanges.push(...error.exchanges)
        this.#failure = this.#failureOf(error, step)
      }
      // It has not got what it was asked for, or the agent's own credentials cannot be read.
      if (this.#failure === null) {
        told('skipped', error.message)
        return null
      }
    }
    if (this.#failure === null) {
      told('passed', this.#endpoint.credentials === null ? words : `${words}, ${ONLY_WITH_CREDENTIALS}`)
      return trace
    }
    const doubt = doubtAbout(this.#failure, this.#target, this.#access, this.#realm)
    if (doubt !== null) this.#failure = null
    told(doubt === null ? 'failed' : 'skipped', doubt ?? this.#failure?.words ?? '')
    return null
  }

  #failureOf(error: RegistryError, step: ProbeStep['step']): Failure | null {
    const failure = endpointFailure(error, step, new URL(this.#client.endpoint).hostname)
    if (failure === null || !isRefusal(error)) return failure
    if (this.#endpoint.credentials !== null) return { ...failure, detail: 'credentials-refused' }
    return error.access === 'credentials' ? { ...failure, detail: 'header-refused' } : failure
  }

  /** Whoever redirects to another host answers for it; a public registry's blobs lie elsewhere by design. */
  #redirectFailure(step: ProbeStep['step'], trace: Trace): Failure | null {
    if (this.#target.isPublic || !redirectsElsewhere(this.#client, trace)) return null
    const names = trace.redirectedTo.at(-1) ?? null
    const words = `it redirects to ${names}`
    return { reason: 'endpoint-redirect', step, detail: 'redirected', words, status: null, phase: null, names }
  }

  #skip(step: ProbeStep['step'], words: string): void {
    this.#steps.push({ step, result: 'skipped', duration: null, words })
  }

  #reopen(changed: Partial<RegistryEndpoint>): void {
    this.#endpoint = { ...this.#endpoint, ...changed }
    this.#client = openRegistryClient(this.#endpoint)
  }

  #call(): Call {
    const left = Math.max(1, this.#deadline - performance.now())
    const { connectLimit } = this.#target
    return { signal: this.#signal, limits: { total: left, ...(connectLimit !== null && { connect: connectLimit }) } }
  }
}

const ONLY_WITH_CREDENTIALS =
  'with the credentials of registryAuth.dockerConfigFile, which anybody else is refused without'

function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && REFUSALS.some((it) => it === error.reason)
}

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
