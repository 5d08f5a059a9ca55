import { type EndpointProbe, PROBE_PHASES } from '../drift/probes.ts'
import type { FindingKind } from '../drift/reasons.ts'
import { reasonsOf } from '../drift/reasons.ts'
import type { NodeReport } from '../drift/report.ts'
import { CATALOGUE } from './catalogue.ts'
import { gauge, Registry } from './instruments.ts'

/** A hosts.toml can name any number of endpoints; series are kept for so many of a registry. */
const MAX_POSITIONS = 32
const KINDS: readonly FindingKind[] = ['drift', 'conflict', 'fault']

/**
 * The gauges that show a NodeReport. They are set when the report changes, not when they are scraped, and their text
 * is kept until then.
 */
export class ReportMetrics {
  readonly #registry = new Registry()
  readonly #effective = gauge(CATALOGUE.mirrorEffective, this.#registry)
  readonly #inSync = gauge(CATALOGUE.inSync, this.#registry)
  readonly #states = {
    drift: gauge(CATALOGUE.drift, this.#registry),
    conflict: gauge(CATALOGUE.conflict, this.#registry),
    fault: gauge(CATALOGUE.fault, this.#registry),
  }
  readonly #since = gauge(CATALOGUE.findingSince, this.#registry)
  readonly #endpoints = gauge(CATALOGUE.endpointInfo, this.#registry)
  readonly #resolveSuccess = gauge(CATALOGUE.resolveSuccess, this.#registry)
  readonly #resolveDuration = gauge(CATALOGUE.resolveDuration, this.#registry)
  readonly #endpointUp = gauge(CATALOGUE.endpointUp, this.#registry)
  readonly #probeDuration = gauge(CATALOGUE.endpointProbeDuration, this.#registry)
  readonly #harborComponent = gauge(CATALOGUE.harborComponentHealthy, this.#registry)
  readonly #containerd = gauge(CATALOGUE.containerdInfo, this.#registry)
  #text: Promise<string> | null = null

  /** Shows this report and nothing of the one before: label sets that are not in it vanish. */
  show(report: NodeReport): void {
    this.#registry.resetMetrics()
    const { version, pullMode, configPath } = report.containerd
    this.#containerd.set({ version, pull_mode: pullMode, config_path: configPath }, 1)
    for (const kind of KINDS) this.#initialise(kind, '', 'node')
    for (const { registry, declaredBy, effective, inSync, observed } of report.registries) {
      // A directory that nobody declared is in the report, never in an alert.
      if (declaredBy.length === 0) continue
      // What could not be seen is never shown as good.
      this.#effective.set({ registry }, effective === true ? 1 : 0)
      this.#inSync.set({ registry }, inSync === true ? 1 : 0)
      for (const kind of KINDS) this.#initialise(kind, registry, 'registry')
      for (const [index, { url, role }] of (observed?.endpoints ?? []).slice(0, MAX_POSITIONS).entries()) {
        this.#endpoints.set({ registry, url, position: String(index + 1), role }, 1)
      }
    }
    for (const { kind, registry, reason, since } of report.findings) {
      this.#states[kind].set({ registry, reason }, 1)
      if (since !== '') this.#since.set({ registry, reason }, Date.parse(since) / 1000)
    }
    for (const { registry, outcome, duration } of report.proofs) {
      if (duration === null || outcome === 'unasked') continue
      this.#resolveSuccess.set({ registry }, outcome === 'resolved' ? 1 : 0)
      this.#resolveDuration.set({ registry }, duration)
    }
    for (const probe of report.probes.endpoints) this.#showProbe(probe)
    for (const { name, healthy } of report.probes.harbor?.components ?? []) {
      this.#harborComponent.set({ component: name }, healthy ? 1 : 0)
    }
    this.#text = null
  }

  #showProbe({ url, role, registries, failure, phases }: EndpointProbe): void {
    for (const registry of registries) {
      this.#endpointUp.set({ registry, url, role }, failure === null ? 1 : 0)
      for (const phase of PROBE_PHASES) {
        const seconds = phases[phase]
        if (seconds !== null) this.#probeDuration.set({ registry, url, role, phase }, seconds)
      }
    }
  }

  /** Prometheus text; empty families before the first report. */
  text(): Promise<string> {
    this.#text ??= this.#registry.metrics()
    return this.#text
  }

  #initialise(kind: FindingKind, registry: string, level: 'registry' | 'node'): void {
    for (const reason of reasonsOf(kind, level)) this.#states[kind].set({ registry, reason }, 0)
  }
}
