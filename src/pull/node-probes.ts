import type { Config } from '../config/config.ts'
import {
  type EndpointProbe,
  FAILURES_THAT_COUNT,
  NOTHING_PROBED,
  type Probes,
  type ProbeTime,
} from '../drift/probes.ts'
import type { Inputs } from '../watch/inputs.ts'
import { type ProbeLimits, type ProbeOutcome, probeEndpoint } from './endpoint-probe.ts'
import { probeHarbor } from './harbor-probe.ts'
import type { Turn } from './in-turn.ts'
import { type ProbeTarget, probeTargets } from './probe-target.ts'
import { readCredentials } from './registry-credentials.ts'
import { probeSpegel, spegelMetricsUrl, spegelUrl } from './spegel-probe.ts'

/** So many intervals may pass until an answer counts no more. */
const FRESH_INTERVALS = 3
const HOUR = 3_600_000

/** Everything that is asked over HTTP for one configuration, and what was found last. */
export class NodeProbes {
  readonly #config: Config
  readonly #limits: ProbeLimits
  readonly #onFound: (found: Probes) => void
  #found: Probes

  /** `found`: what was known before. */
  constructor(config: Config, signal: AbortSignal, onFound: (found: Probes) => void, found: Probes = NOTHING_PROBED) {
    this.#config = config
    this.#limits = { timeout: config.probe.timeout, signal }
    this.#onFound = onFound
    this.#found = found
  }

  /** What is to be asked on this node as it is. What is asked no more is forgotten. */
  turns(inputs: Inputs): Turn[] {
    const targets = probeTargets(this.#config, inputs)
    const spegel = spegelUrl(this.#config, inputs)
    const harbor = harborUrl(this.#config, targets)
    const urls = new Set(targets.map((it) => it.url))
    this.#found = {
      endpoints: this.#found.endpoints.filter((it) => urls.has(it.url)),
      harbor: this.#found.harbor?.url === harbor ? this.#found.harbor : null,
      spegel: this.#found.spegel?.url === spegel ? this.#found.spegel : null,
    }
    return [
      ...targets.map((it) => ({ key: it.url, run: () => this.#askEndpoint(it) })),
      ...(harbor === null ? [] : [{ key: `harbor ${harbor}`, run: () => this.#askHarbor(harbor) }]),
      ...(spegel === null
        ? []
        : [{ key: `spegel ${spegel}`, run: () => this.#askSpegel(spegel, spegelMetricsUrl(this.#config, inputs)) }]),
    ]
  }

  async #askEndpoint(target: ProbeTarget): Promise<void> {
    const { dockerConfigFile } = this.#config.registryAuth
    // Read only for who refuses anybody, and anew each time: a Secret that is mounted changes.
    const credentialsOf = (host: string) => readCredentials(dockerConfigFile)(host)
    const outcome = await probeEndpoint(target, this.#limits, credentialsOf)
    const before = this.#found.endpoints.find((it) => it.url === target.url) ?? null
    const probe = probeOf(target, outcome, before, this.#time())
    const others = this.#found.endpoints.filter((it) => it.url !== target.url)
    this.#tell({ endpoints: [...others, probe].toSorted((a, b) => (a.url < b.url ? -1 : 1)) })
  }

  async #askHarbor(url: string): Promise<void> {
    const outcome = await probeHarbor(url, this.#limits)
    this.#tell({ harbor: { ...outcome, ...this.#time() } })
  }

  async #askSpegel(url: string, metrics: string | null): Promise<void> {
    const outcome = await probeSpegel({ url, metrics }, this.#limits)
    const time = this.#time()
    const before = this.#found.spegel
    const lastReadyAt = outcome.ready === true ? time.at : (before?.lastReadyAt ?? null)
    const failures = outcome.ready === false ? (before?.failures ?? 0) + 1 : 0
    this.#tell({ spegel: { ...outcome, ...time, lastReadyAt, failures } })
  }

  #tell(found: Partial<Probes>): void {
    if (this.#limits.signal.aborted) return
    this.#found = { ...this.#found, ...found }
    this.#onFound(this.#found)
  }

  #time(): ProbeTime {
    const now = Date.now()
    const lasts = FRESH_INTERVALS * this.#config.probe.interval
    return { at: new Date(now).toISOString(), validUntil: new Date(now + lasts).toISOString() }
  }
}

/** Harbor, if any pull path leads to it by one of its names; null: it is not the origin of anything here. */
function harborUrl({ harbor }: Config, targets: readonly ProbeTarget[]): string | null {
  const hosts = [harbor.url ?? '', ...harbor.extraUrls].map((it) => URL.parse(it)?.host)
  const isOnPath = targets.some((it) => it.role !== 'peer' && hosts.includes(URL.parse(it.url)?.host))
  return isOnPath ? harbor.url : null
}

function probeOf(
  target: ProbeTarget,
  { failure, ...outcome }: ProbeOutcome,
  before: EndpointProbe | null,
  time: ProbeTime,
): EndpointProbe {
  const { url, role, registries } = target
  // A failure of another kind is another failure: it has to be seen again before it counts.
  const isSame = failure !== null && before?.failure?.reason === failure.reason
  return {
    url,
    role,
    registries,
    ...outcome,
    ...time,
    failure: failure && { ...failure, since: isSame ? (before.failure?.since ?? time.at) : time.at },
    failures: failure === null ? 0 : isSame ? before.failures + 1 : 1,
  }
}

/**
 * Asks everything once, for a command; what fails again, so that it counts. What was asked just now counts, however long
 * all of it takes. `onTurn`: what is asked next.
 */
export async function probeOnce(
  config: Config,
  inputs: Inputs,
  { signal, onTurn }: { signal: AbortSignal; onTurn: (what: string) => void },
): Promise<Probes> {
  let found = NOTHING_PROBED
  const probes = new NodeProbes({ ...config, probe: { ...config.probe, interval: HOUR } }, signal, (it) => {
    found = it
  })
  for (const { key, run } of probes.turns(inputs)) {
    onTurn(key)
    await run()
    const failures = () => found.endpoints.find((it) => it.url === key)?.failures ?? 0
    for (let asked = 1; failures() > 0 && asked < FAILURES_THAT_COUNT; asked++) await run()
  }
  return found
}
