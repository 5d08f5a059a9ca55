import type { Finding, NodeReport, RegistryReport } from '../drift/report.ts'
import { daemonFactLines } from '../render/daemon-fact-lines.ts'
import { probeLines } from '../render/probe-lines.ts'
import { proofLines } from '../render/proof-lines.ts'

/** The report as one self-contained HTML page: no script, nothing loaded from elsewhere. */
export function reportPage(report: NodeReport): string {
  const { node, containerd, evaluatedAt } = report
  const facts = [
    `containerd ${containerd.version}, ${containerd.pullMode} pull`,
    ...(report.talos === null ? [] : [`Talos ${report.talos.version}`]),
    ...(report.spegel === null ? [] : [`Spegel ${report.spegel.version}`]),
    `evaluated ${evaluatedAt}`,
  ]
  const down = report.inputs.filter(({ up }) => !up).map(({ input, message }) => `${input}: ${message}`)
  const nothing = down.length === 0 ? 'Nothing found.' : 'Nothing found in what could be read.'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(`Pullpath: ${node.name}`)}</title>
<style>${STYLE}</style>
<h1>${escapeHtml(node.name)} <small>${escapeHtml(node.ip)}</small></h1>
<p>${escapeHtml(facts.join(' · '))}</p>
<h2>Findings</h2>
${report.findings.length === 0 ? `<p>${nothing}</p>` : report.findings.map(findingBlock).join('\n')}
<h2>Registries</h2>
<table>
<tr><th>registry<th>effective<th>in sync<th>declared by<th>pull path</tr>
${report.registries.map(registryRow).join('\n')}
</table>
${listBlock('Could not be read', down)}
${listBlock('Known about containerd', daemonFactLines(containerd.facts))}
${listBlock('Proven by containerd', proofLines(report))}
${listBlock('Asked from this node', probeLines(report.probes))}
${listBlock('Assumed', containerd.assumed)}
${listBlock('Notes', report.notes)}
<p><a href="/api/v1/report">report</a> · <a href="/api/v1/findings">findings</a> ·
<a href="/metrics">metrics</a> · <a href="/openapi.json">openapi</a></p>
</html>
`
}

/** Makes a text harmless in HTML, in attributes too. File names and file contents of the node end up here. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function findingBlock(finding: Finding): string {
  const { kind, reason, severity, registry, summary, expected, observed, cause, evidence, remedy, since } = finding
  return `<section class="${severity}">
<h3>${escapeHtml(`${registry === '' ? 'node' : registry}: ${reason}`)} <small>${kind}, ${severity}</small></h3>
<p>${escapeHtml(summary)}</p>
<p>Cause (${cause.confidence}): ${escapeHtml(cause.text)}</p>
${preBlock('Expected', expected)}${preBlock('Observed', observed)}
${listBlock(
  'Evidence',
  evidence.map(({ text, source, time }) => `${text} (${source}${time === null ? '' : `, ${time}`})`),
)}
${remedy.map(({ command, why }) => `<p>${escapeHtml(why)}</p><pre>${escapeHtml(command)}</pre>`).join('\n')}
<p><small>since ${escapeHtml(since)}</small></p>
</section>`
}

function registryRow({ registry, effective, inSync, declaredBy, observed }: RegistryReport): string {
  const endpoints = (observed?.endpoints ?? []).map(({ url, role }) => `${escapeHtml(url)} <small>${role}</small>`)
  const path = observed?.error == null ? endpoints.join('<br>') : escapeHtml(observed.error.message)
  const cells = [answer(effective), answer(inSync), escapeHtml(declaredBy.join(', ') || 'nobody'), path]
  return `<tr><td>${escapeHtml(registry)}<td>${cells.join('<td>')}</tr>`
}

function answer(value: boolean | null): string {
  return value === null ? 'unknown' : value ? 'yes' : '<b>no</b>'
}

function listBlock(title: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  return `<h3>${title}</h3>\n<ul>${items.map((item) => `<li>${escapeHtml(item)}`).join('')}</ul>`
}

function preBlock(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `<p>${title}</p><pre>${escapeHtml(lines.join('\n'))}</pre>`
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
small { font-weight: normal; opacity: 0.7; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid #8884; }
pre { overflow-x: auto; padding: 0.6rem; background: #8882; }
section { border-left: 4px solid #888; padding-left: 1rem; margin: 1.5rem 0; }
section.critical { border-color: #c22; }
section.warning { border-color: #c80; }
`
