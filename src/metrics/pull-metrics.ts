import { legRatio } from '../drift/leg-ratio.ts'
import { type Pull, sizeClassOf } from '../drift/pull.ts'
import { CATALOGUE } from './catalogue.ts'
import { counter, gauge, histogram, Registry } from './instruments.ts'

/** So many histograms of observed pulls a node has at most: 1,500 series at 20 registries are the bound. */
const MOST_OBSERVED_KINDS = 6

/** The metrics of measured pulls. A series exists from the first pull of its kind on. */
export class PullMetrics {
  readonly #registry = new Registry()
  readonly #duration = histogram(CATALOGUE.pullDuration, this.#registry)
  readonly #lastDuration = gauge(CATALOGUE.pullLastDuration, this.#registry)
  readonly #lastBytes = gauge(CATALOGUE.pullLastBytes, this.#registry)
  readonly #lastTimestamp = gauge(CATALOGUE.pullLastTimestamp, this.#registry)
  readonly #lastPhase = gauge(CATALOGUE.pullLastPhase, this.#registry)
  readonly #bytes = counter(CATALOGUE.pullBytes, this.#registry)
  readonly #pulls = counter(CATALOGUE.pulls, this.#registry)
  readonly #failures = counter(CATALOGUE.pullFailures, this.#registry)
  readonly #ratio = gauge(CATALOGUE.peerToOriginRatio, this.#registry)
  /** The phases that the last pull of a kind had. */
  readonly #phases = new Map<string, ReadonlySet<string>>()
  /** Source and size class of those that have a histogram. */
  readonly #observedKinds = new Set<string>()
  #legs: { origin: Pull | null; peer: Pull | null } = { origin: null, peer: null }

  constructor() {
    this.#ratio.remove({})
  }

  /** Counts a pull that was tried, whether or not it succeeded. */
  count(pull: Pull): void {
    const { source, method, via, bytes, duration, failure, startedAt } = pull
    const labels = { source, method }
    this.#pulls.inc(labels)
    this.#bytes.inc(labels, bytes)
    if (via === 'origin' || via === 'peer') this.#compare({ ...this.#legs, [via]: pull })
    if (failure !== null) {
      this.#failures.inc({ ...labels, reason: failure.reason })
      return
    }
    this.#observe(pull)
    this.#lastDuration.set(labels, duration)
    this.#lastBytes.set(labels, bytes)
    this.#lastTimestamp.set(labels, Date.parse(startedAt) / 1000 + duration)
    this.#showPhases(pull)
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** Measured pulls have one size, that of the canary; real ones have any, and a histogram has a series a bucket. */
  #observe({ source, method, bytes, duration }: Pull): void {
    const labels = { source, method, size_class: sizeClassOf(bytes) }
    if (method === 'observed') {
      const kind = `${source} ${labels.size_class}`
      if (!this.#observedKinds.has(kind) && this.#observedKinds.size === MOST_OBSERVED_KINDS) return
      this.#observedKinds.add(kind)
    }
    this.#duration.observe(labels, duration)
  }

  /** A ratio stands only as long as the last leg of each kind can be compared. */
  #compare(legs: { origin: Pull | null; peer: Pull | null }): void {
    this.#legs = legs
    const ratio = legRatio(legs.origin, legs.peer)
    if (ratio === null) this.#ratio.remove({})
    else this.#ratio.set(ratio)
  }

  /** All that one kind of phase took, one after another or at the same time. */
  #showPhases({ source, method, phases }: Pull): void {
    const sums = new Map<string, number>()
    for (const { name, duration } of phases) sums.set(name, (sums.get(name) ?? 0) + duration)
    const kind = `${source} ${method}`
    for (const phase of this.#phases.get(kind) ?? []) {
      if (!sums.has(phase)) this.#lastPhase.remove({ source, method, phase })
    }
    this.#phases.set(kind, new Set(sums.keys()))
    for (const [phase, sum] of sums) this.#lastPhase.set({ source, method, phase }, sum)
  }
}
