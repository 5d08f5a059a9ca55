import type { EndpointReport } from '../containerd/endpoint-report.ts'
import type { Explanation } from '../containerd/explanation.ts'
import type { DaemonFacts } from '../drift/facts.ts'
import type { FileReport } from '../drift/report.ts'
import { printable } from './printable.ts'
import { paint, type RenderOptions } from './render-options.ts'
import { titledList } from './titled-list.ts'
import { wrapText } from './wrap-text.ts'

/** What is known about the hosts.toml that decides, beyond the explanation itself. */
export type DecidingFile = Pick<FileReport, 'path' | 'writer'> | null

/** `explain` for a person: numbered endpoints, what each is asked, and what happens if it does not have the image. */
export function renderPathDrawing(
  explained: Explanation,
  decidingFile: DecidingFile,
  facts: Pick<DaemonFacts, 'assumed' | 'notes'>,
  options: RenderOptions,
): string {
  const explanation = printable(explained)
  const file = printable(decidingFile)
  const daemon = printable({ assumed: facts.assumed, notes: facts.notes })
  const { image, containerd, error, endpoints } = explanation
  const blocks = [
    [
      paint('bold', image, options),
      `  containerd  ${containerd.version}, ${containerd.pullMode} pull`,
      `  directory   ${explanation.directory ?? 'none: nothing is declared for this registry'}`,
      `  hosts.toml  ${fileText(file)}`,
      ...(explanation.resolveRequests.some((it) => it.includes('/blobs/'))
        ? ['  order       a digest: the manifests of all endpoints first, then the blobs of all']
        : []),
    ].join('\n'),
  ]
  if (error !== null) {
    const known = error.code !== 'NOT_SEEN'
    const title = known ? 'The pull fails before anybody is asked' : 'What containerd does cannot be told'
    blocks.push(paint('red', wrapText(`${title}: ${error.message}`, options.width), options))
  }
  for (const [index, endpoint] of endpoints.entries()) blocks.push(endpointBlock(explanation, endpoint, index, options))
  const notes = [...explanation.notes.map((it) => `${it.message} [${it.code}]`), ...daemon.notes]
  if (notes.length > 0) blocks.push(titledList('Notes:', notes, options))
  if (daemon.assumed.length > 0) blocks.push(titledList('Assumed:', daemon.assumed, options))
  return `${blocks.join('\n\n')}\n`
}

function fileText(file: DecidingFile): string {
  if (file === null) return 'none'
  return `${file.path}, ${file.writer === 'unknown' ? 'its writer is not known' : `written by ${WRITERS[file.writer]}`}`
}

const WRITERS = { talos: 'Talos', spegel: 'Spegel' } as const

function endpointBlock(
  explanation: Explanation,
  endpoint: EndpointReport,
  index: number,
  options: RenderOptions,
): string {
  const last = index === explanation.endpoints.length - 1
  const lines = [`${paint('bold', `${index + 1}  ${endpoint.url}`, options)}  ${describe(endpoint)}`]
  for (const request of requestsTo(endpoint, explanation.resolveRequests)) lines.push(`   │ ${request}`)
  for (const request of requestsTo(endpoint, explanation.fetchRequests)) lines.push(`   │ ${request}`)
  if (endpoint.httpsFirst) lines.push('   │ over https first; over http where the answer is not TLS')
  if (!endpoint.resolve) lines.push('   │ not asked to resolve a tag: its capabilities lack resolve')
  const wait = endpoint.dialTimeout === null ? '' : `, or no connection within ${endpoint.dialTimeout}`
  lines.push(`   └ ${last ? `has it not${wait}: the pull fails` : `has it not${wait}: on to ${index + 2}`}`)
  return lines.join('\n')
}

function describe(endpoint: EndpointReport): string {
  const role = { peer: "peer mirror (Spegel's)", origin: 'the registry itself', mirror: 'mirror' }[endpoint.role]
  const place = {
    'hosts.toml': 'a [host] table of hosts.toml',
    server: 'the server line of hosts.toml',
    default: "containerd's own default",
    mirrors: "the deprecated mirrors of containerd's configuration",
  }[endpoint.declaredIn]
  return `${role}, from ${place}`
}

/** Requests carry the endpoint's URL in front; an endpoint tried over https first is asked over http as well. */
function requestsTo(endpoint: EndpointReport, requests: readonly string[]): Set<string> {
  const roots = [endpoint.url, ...(endpoint.httpsFirst ? [endpoint.url.replace(/^https:/, 'http:')] : [])]
  return new Set(
    requests.filter((request) => {
      const url = request.slice(request.indexOf(' ') + 1)
      return roots.some((root) => url.startsWith(`${root}/`)) && /[?&]ns=/.test(url) === endpoint.namespaceParam
    }),
  )
}
