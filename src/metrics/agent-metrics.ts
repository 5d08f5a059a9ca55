import { readdirSync } from 'node:fs'
import type { InputReport } from '../drift/report.ts'
import { INPUT_FAILURE_REASONS, type InputFailure } from '../input-failure.ts'
import { CATALOGUE, TRIGGERS, type Trigger } from './catalogue.ts'
import { counter, gauge, histogram, Registry } from './instruments.ts'

/** The metrics of the agent itself: its inputs, its evaluations, its process. Read anew at every scrape. */
export class AgentMetrics {
  readonly #registry = new Registry()
  readonly #inputUp = gauge(CATALOGUE.inputUp, this.#registry)
  readonly #inputErrors = counter(CATALOGUE.inputErrors, this.#registry)
  readonly #inputLastSuccess = gauge(CATALOGUE.inputLastSuccess, this.#registry)
  readonly #duration = histogram(CATALOGUE.evaluationDuration, this.#registry)
  readonly #evaluations = counter(CATALOGUE.evaluations, this.#registry)
  readonly #evaluationErrors = counter(CATALOGUE.evaluationErrors, this.#registry)
  readonly #reloadSuccessful = gauge(CATALOGUE.reloadSuccessful, this.#registry)
  readonly #reloadTime = gauge(CATALOGUE.reloadTime, this.#registry)
  readonly #cpu = counter(CATALOGUE.cpuSeconds, this.#registry)
  readonly #memory = gauge(CATALOGUE.residentMemory, this.#registry)
  readonly #descriptors = gauge(CATALOGUE.openDescriptors, this.#registry)
  readonly #heap = gauge(CATALOGUE.heapUsed, this.#registry)
  readonly #lag = gauge(CATALOGUE.eventLoopLag, this.#registry)
  #inputs: ReadonlySet<InputReport['input']> = new Set()

  constructor(version: string) {
    gauge(CATALOGUE.buildInfo, this.#registry).set({ version, node_version: process.version }, 1)
    gauge(CATALOGUE.startTime, this.#registry).set(Date.now() / 1000 - process.uptime())
    // So that increase() sees the very first one.
    for (const trigger of TRIGGERS) this.#evaluations.inc({ trigger }, 0)
  }

  /** After a reading of the inputs at `now` (milliseconds since the epoch). Inputs that are not configured vanish. */
  showInputs(inputs: readonly InputReport[], now: number): void {
    const names = new Set(inputs.map(({ input }) => input))
    for (const input of this.#inputs) if (!names.has(input)) this.#forget(input)
    this.#inputs = names
    for (const { input, up } of inputs) {
      this.#inputUp.set({ input }, up ? 1 : 0)
      if (up) this.#inputLastSuccess.set({ input }, now / 1000)
      for (const reason of INPUT_FAILURE_REASONS) this.#inputErrors.inc({ input, reason }, 0)
    }
  }

  #forget(input: InputReport['input']): void {
    this.#inputUp.remove({ input })
    this.#inputLastSuccess.remove({ input })
    for (const reason of INPUT_FAILURE_REASONS) this.#inputErrors.remove({ input, reason })
  }

  countInputError(input: InputReport['input'], reason: InputFailure['reason']): void {
    this.#inputErrors.inc({ input, reason })
  }

  /** `seconds` null: the evaluation failed. */
  countEvaluation(triggers: Iterable<Trigger>, seconds: number | null): void {
    for (const trigger of triggers) this.#evaluations.inc({ trigger })
    if (seconds === null) this.#evaluationErrors.inc()
    else this.#duration.observe(seconds)
  }

  /** `now`: milliseconds since the epoch. */
  countReload(successful: boolean, now: number): void {
    this.#reloadSuccessful.set(successful ? 1 : 0)
    if (successful) this.#reloadTime.set(now / 1000)
  }

  async text(): Promise<string> {
    const { user, system } = process.cpuUsage()
    this.#cpu.reset()
    this.#cpu.inc((user + system) / 1e6)
    this.#memory.set(process.memoryUsage.rss())
    this.#heap.set(process.memoryUsage().heapUsed)
    this.#lag.set(await eventLoopLag())
    try {
      this.#descriptors.set(readdirSync('/proc/self/fd').length)
    } catch {
      this.#descriptors.reset() // no /proc: the series is left out
    }
    return this.#registry.metrics()
  }
}

/** Seconds. Measured at the scrape alone: a monitor that runs all the time would wake an idle node 100 times a second. */
function eventLoopLag(): Promise<number> {
  const start = performance.now()
  return new Promise((resolve) => {
    setImmediate(() => resolve((performance.now() - start) / 1000))
  })
}
