import type { Severity } from '../drift/reasons.ts'
import { REASONS } from '../drift/reasons.ts'
import type { Finding } from '../drift/report.ts'
import { formatPosition } from '../source-position.ts'
import { renderDifference } from './difference.ts'
import { printable } from './printable.ts'
import { paint, type RenderOptions } from './render-options.ts'
import { wrapText } from './wrap-text.ts'

const COLOURS = { critical: 'red', warning: 'yellow', info: 'cyan' } as const satisfies Record<Severity, string>
const LABEL_WIDTH = 14

/** One block a finding: what, why, evidence, and the command to run. No line break at its end. */
export function renderFinding(found: Finding, options: RenderOptions): string {
  const finding = printable(found)
  const where = finding.level === 'node' ? 'this node' : finding.registry
  const severity = finding.severity.toUpperCase()
  const heading = [
    paint(['bold', COLOURS[finding.severity]], severity, options),
    paint('bold', where, options),
    `${finding.reason} (${finding.kind})`,
  ].join('  ')
  const lines = [heading, wrapText(finding.summary, options.width, '  ')]
  if (finding.summary !== REASONS[finding.reason].title) {
    lines.splice(1, 0, paint('dim', wrapText(REASONS[finding.reason].title, options.width, '  '), options))
  }
  if (finding.expected.length + finding.observed.length > 0) {
    const legend = finding.kind === 'conflict' ? '- declared, + what comes of it' : '- expected, + on this node'
    lines.push(labelled('difference', legend, options, 'dim'))
    lines.push(...renderDifference(finding.expected, finding.observed, options, ' '.repeat(LABEL_WIDTH)))
  }
  lines.push(labelled('why', causeText(finding), options))
  for (const [index, evidence] of finding.evidence.entries()) {
    const from = evidence.source === '' ? '' : ` [${evidence.source}]`
    const time = evidence.time === null ? '' : `${evidence.time}  `
    lines.push(labelled(index === 0 ? 'evidence' : '', `${time}${evidence.text}${from}`, options))
  }
  if (finding.source !== null) lines.push(labelled('where', formatPosition(finding.source), options))
  if (finding.since !== '') lines.push(labelled('since', finding.since, options))
  for (const [index, remedy] of finding.remedy.entries()) {
    // A command is never wrapped, so that it can be copied.
    const label = `  ${(index === 0 ? 'run' : 'then').padEnd(LABEL_WIDTH - 2)}`
    const command = remedy.command.replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH)}`)
    lines.push(`${label}${paint('bold', command, options)}`)
    if (remedy.why !== '') lines.push(labelled('', remedy.why, options, 'dim'))
  }
  return lines.join('\n')
}

/** The worst first; within a severity as the report has them. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  const rank: Record<Severity, number> = { critical: 0, warning: 1, info: 2 }
  return findings.toSorted((a, b) => rank[a.severity] - rank[b.severity])
}

function causeText({ cause }: Finding): string {
  if (cause.confidence === 'unknown') return cause.text === '' ? 'not known' : cause.text
  return `${cause.text} (${cause.actor === 'unknown' ? '' : `${cause.actor}, `}${cause.confidence})`
}

function labelled(label: string, text: string, options: RenderOptions, style?: 'dim'): string {
  const wrapped = wrapText(text, options.width, `  ${label.padEnd(LABEL_WIDTH - 2)}`)
  return style === undefined ? wrapped : paint(style, wrapped, options)
}
