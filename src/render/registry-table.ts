import type { EndpointReport } from '../containerd/endpoint-report.ts'
import type { PathReport, RegistryReport } from '../drift/report.ts'
import { paint, type RenderOptions } from './render-options.ts'

/**
 * A table of registries: whether containerd sees the declared mirrors, whether the node is as Git asks, and what is
 * asked in which order. `show` says whose path that is.
 */
export function renderRegistryTable(
  registries: readonly RegistryReport[],
  show: 'observed' | 'expected',
  options: RenderOptions,
): string {
  const header = ['REGISTRY', 'MIRROR', 'AS GIT ASKS', 'ASKED, IN THIS ORDER']
  const rows = registries.map((it) => ({
    cells: [it.registry, verdict(it, it.effective), show === 'expected' ? '-' : verdict(it, it.inSync)],
    path: pathLines(show === 'expected' ? it.expected : it.observed),
  }))
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((it) => (it.cells[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    cells.map((it, column) => it.padEnd(widths[column] ?? 0)).join('  ')
  const lines = [paint('bold', `${line(header.slice(0, 3))}  ${header[3]}`, options)]
  for (const { cells, path } of rows) {
    for (const [index, endpoint] of path.entries()) {
      const start = index === 0 ? colourVerdicts(line(cells), cells, options) : line(['', '', ''])
      lines.push(`${start}  ${endpoint}`)
    }
  }
  return lines.join('\n')
}

/** `yes`, `NO`, `unknown`: could not be seen; `-`: nobody declared it. */
function verdict(registry: RegistryReport, value: boolean | null): string {
  if (registry.declaredBy.length === 0) return '-'
  return value === null ? 'unknown' : value ? 'yes' : 'NO'
}

function pathLines(path: PathReport | null): string[] {
  if (path === null) return ['not known']
  if (path.error !== null)
    return [`${path.error.code === 'NOT_SEEN' ? 'not known' : 'pulls fail'}: ${path.error.message}`]
  if (path.endpoints.length === 0) return ['nobody']
  return path.endpoints.map((endpoint, index) => `${index + 1} ${endpointLine(endpoint)}`)
}

/** `http://192.168.1.98:29999/v2 (peer)`, with what is special about it. */
function endpointLine(endpoint: EndpointReport): string {
  const remarks: string[] = [endpoint.role]
  if (endpoint.declaredIn === 'default') remarks.push("containerd's default")
  if (endpoint.httpsFirst) remarks.push('https first, then http')
  if (!endpoint.resolve) remarks.push('never for tags')
  return `${endpoint.url} (${remarks.join(', ')})`
}

function colourVerdicts(line: string, cells: readonly string[], options: RenderOptions): string {
  if (cells.slice(1).includes('NO')) return paint('red', line, options)
  if (cells.slice(1).includes('unknown')) return paint('yellow', line, options)
  return line
}
