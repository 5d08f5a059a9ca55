import type { NodeReport } from '../drift/report.ts'

/**
 * The exit code for a report, as node-problem-detector reads it: 0 nothing found (notes of severity `info` do not
 * count), 1 a drift, conflict or fault, 2 nothing found but something could not be read.
 */
export function exitCodeOf(report: Pick<NodeReport, 'findings' | 'inputs'>): number {
  const findings = report.findings.filter((it) => it.severity !== 'info')
  if (findings.some((it) => it.reason !== 'unreadable')) return 1
  return findings.length > 0 || report.inputs.some((it) => !it.up) ? 2 : 0
}
