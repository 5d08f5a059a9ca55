import type { NodeReport } from '../drift/report.ts'
import { bySeverity } from './finding-text.ts'
import { printable } from './printable.ts'
import type { ReportSubject } from './report-text.ts'

/** What node-problem-detector keeps of a plugin's output by default. */
const LIMIT = 80

/** `check --brief`: one line of at most 80 characters, the worst finding first. No line break at its end. */
export function renderBriefLine(report: NodeReport, subject: ReportSubject = 'node'): string {
  const findings = bySeverity(report.findings.filter((it) => it.severity !== 'info'))
  const [worst] = findings
  if (worst === undefined) {
    const down = report.inputs.filter((it) => !it.up)
    if (down.length > 0) return shorten(`unknown: cannot read ${down.map((it) => it.input).join(', ')}`)
    const declared = report.registries.filter((it) => it.declaredBy.length > 0).length
    if (subject === 'intent')
      return `ok: what Git declares can work for ${declared} ${declared === 1 ? 'registry' : 'registries'}`
    return `ok: ${declared} declared ${declared === 1 ? 'registry is' : 'registries are'} as Git asks`
  }
  const more = findings.length > 1 ? ` and ${findings.length - 1} more` : ''
  const where = worst.level === 'node' ? 'node' : worst.registry
  const start = `${worst.severity}: ${worst.reason} `
  return `${start}${shorten(printable(where), LIMIT - start.length - more.length)}${more}`
}

function shorten(text: string, limit = LIMIT): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`
}
