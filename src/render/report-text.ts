import type { NodeReport } from '../drift/report.ts'
import { daemonFactLines } from './daemon-fact-lines.ts'
import { bySeverity, renderFinding } from './finding-text.ts'
import { kubernetesLines } from './kubernetes-lines.ts'
import { printable } from './printable.ts'
import { probeLines } from './probe-lines.ts'
import { proofLines } from './proof-lines.ts'
import { renderRegistryTable } from './registry-table.ts'
import { paint, type RenderOptions } from './render-options.ts'
import { titledList } from './titled-list.ts'
import { wrapText } from './wrap-text.ts'

/** What was asked: a node as it is, or what Git alone would make of it. */
export type ReportSubject = 'node' | 'intent'

/**
 * The whole report for a person: what was looked at, one block a finding, the table of registries, what was assumed
 * and what could not be read. Ends with a line break.
 */
export function renderReportText(found: NodeReport, options: RenderOptions, subject: ReportSubject = 'node'): string {
  const report = printable(found)
  const findings = bySeverity(report.findings).map((it) => {
    // Seen for the first time just now: that says nothing.
    return it.since === report.evaluatedAt ? { ...it, since: '' } : it
  })
  const blocks = [heading(report, options, subject), ...findings.map((it) => renderFinding(it, options))]
  blocks.push(verdictLine(report, options, subject))
  if (report.registries.length > 0) {
    blocks.push(renderRegistryTable(report.registries, subject === 'intent' ? 'expected' : 'observed', options))
  }
  const unread = report.inputs.filter((it) => !it.up).map((it) => `${it.input}: ${it.message}`)
  if (unread.length > 0) blocks.push(titledList('Could not be read:', unread, options))
  const facts = subject === 'intent' ? [] : daemonFactLines(report.containerd.facts)
  if (facts.length > 0) blocks.push(titledList('Known about containerd:', facts, options))
  const proven = proofLines(report)
  if (proven.length > 0) blocks.push(titledList('Proven by containerd:', proven, options))
  const asked = probeLines(report.probes)
  if (asked.length > 0) blocks.push(titledList('Asked from this node:', asked, options))
  const said = kubernetesLines(report)
  if (said.length > 0) blocks.push(titledList('Said by Kubernetes:', said, options))
  if (report.containerd.assumed.length > 0) blocks.push(titledList('Assumed:', report.containerd.assumed, options))
  if (report.notes.length > 0) blocks.push(titledList('Notes:', report.notes, options))
  return `${blocks.join('\n\n')}\n`
}

function heading(report: NodeReport, options: RenderOptions, subject: ReportSubject): string {
  const { node, containerd, talos, spegel } = report
  const name = node.name === '' || node.name === node.ip ? node.ip : `${node.name} (${node.ip})`
  const parts = [
    `containerd ${containerd.version}, ${containerd.pullMode} pull`,
    ...(talos === null ? [] : [`Talos ${talos.version}`]),
    ...(spegel === null ? [] : [`Spegel ${spegel.version}${spegel.assumed ? ' (assumed)' : ''}`]),
  ]
  const title = subject === 'intent' ? `What Git declares, for a node with the address ${node.ip}` : `Node ${name}`
  return [
    paint('bold', title, options),
    wrapText(parts.join(' · '), options.width, '  '),
    ...(subject === 'intent' ? [] : [`  hosts directory ${containerd.hostsDir}, read ${report.evaluatedAt}`]),
  ].join('\n')
}

function verdictLine(report: NodeReport, options: RenderOptions, subject: ReportSubject): string {
  const alarming = report.findings.filter((it) => it.severity !== 'info')
  if (alarming.length > 0) {
    const count = `${alarming.length} ${alarming.length === 1 ? 'finding' : 'findings'}`
    return paint(['bold', 'red'], subject === 'intent' ? `${count} before any node is touched.` : `${count}.`, options)
  }
  if (report.inputs.some((it) => !it.up)) {
    return paint('yellow', 'Nothing found in what could be read; not everything could be read.', options)
  }
  const fine = subject === 'intent' ? 'What Git declares can work.' : 'containerd does what Git declares.'
  return paint('green', fine, options)
}
