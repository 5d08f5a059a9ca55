import { evaluate as evaluateNode } from '../drift/evaluate.ts'
import type { Finding, InputReport, NodeReport } from '../drift/report.ts'
import type { Inputs } from './inputs.ts'

export type Evaluate = typeof evaluateNode

/** What an evaluation changed. */
export interface Evaluation {
  report: NodeReport | null
  appeared: readonly Finding[]
  cleared: readonly Finding[]
  /** Inputs that went up or down, or are down for another reason: an age in the words is no change. */
  inputs: readonly InputReport[]
  /** Seconds; null: it failed, see `error`. */
  duration: number | null
  error: unknown
}

/** Evaluates again and again, and remembers since when each finding lasts. */
export class Evaluator {
  readonly #evaluate: Evaluate
  #report: NodeReport | null = null
  #findings = new Map<string, Finding>()
  /** Why each is down; null: it is up. */
  #inputs = new Map<string, string | null>()

  constructor(evaluate: Evaluate = evaluateNode) {
    this.#evaluate = evaluate
  }

  /** Never throws: a fault in the rules leaves the last report, marked as stale, in which nothing counts as good. */
  run({ intent, observed, daemon, node, failures }: Inputs): Evaluation {
    const inputs = this.#changedInputs(node.inputs, failures)
    const start = performance.now()
    try {
      const raw = this.#evaluate(intent, observed, daemon, node)
      const findings = raw.findings.map((finding) => ({ ...finding, since: this.#since(finding, node.now) }))
      const report = { ...raw, findings }
      this.#report = report
      const change = this.#changedFindings(findings)
      return { report, ...change, inputs, duration: (performance.now() - start) / 1000, error: null }
    } catch (error) {
      if (this.#report !== null) this.#report = staleReport(this.#report, node.inputs)
      return { report: this.#report, appeared: [], cleared: [], inputs, duration: null, error }
    }
  }

  /** The older of what was known and what the evidence says: a finding does not get younger while it lasts. */
  #since({ id, since }: Finding, now: string): string {
    const times = [since, this.#findings.get(id)?.since ?? '', now].filter((time) => time !== '')
    return times.reduce((oldest, time) => (Date.parse(time) < Date.parse(oldest) ? time : oldest))
  }

  #changedFindings(findings: readonly Finding[]): Pick<Evaluation, 'appeared' | 'cleared'> {
    const before = this.#findings
    this.#findings = new Map(findings.map((finding) => [finding.id, finding]))
    return {
      appeared: findings.filter(({ id }) => !before.has(id)),
      cleared: [...before.values()].filter(({ id }) => !this.#findings.has(id)),
    }
  }

  #changedInputs(inputs: readonly InputReport[], failures: Inputs['failures']): InputReport[] {
    const before = this.#inputs
    const reasonOf = ({ input, up }: InputReport) => (up ? null : (failures.get(input)?.reason ?? ''))
    this.#inputs = new Map(inputs.map((it) => [it.input, reasonOf(it)]))
    return inputs.filter((it) => (before.get(it.input) ?? null) !== reasonOf(it))
  }
}

const STALE = 'The last evaluation failed by a fault of Pullpath itself: what is shown is older than the node.'

function staleReport(report: NodeReport, inputs: readonly InputReport[]): NodeReport {
  return {
    ...report,
    inputs: [...inputs],
    registries: report.registries.map((registry) => ({ ...registry, effective: null, inSync: null })),
    notes: [STALE, ...report.notes.filter((note) => note !== STALE)],
  }
}
