import type { PathNoteCode, PullPath } from '../../../src/containerd/pull-path.ts'
import { parseToml } from '../../../src/format/toml-document.ts'
import { askedOf, type PlannedAnswer, PlannedAnswers } from '../plan.ts'
import type { PullCase } from '../pull-case.ts'
import { listenerOf } from '../site.ts'

/** A case that ran: only what decided something in it counts as covered. */
export interface CoveredCase {
  pull: PullCase
  path: PullPath
  /** Of the hosts.toml that was read. */
  text: string
  /** What was asked of registries, as `Seen` has it. */
  requests: readonly string[]
}

type Feature = (covered: CoveredCase & { answers: readonly PlannedAnswer[] }) => boolean

const inText =
  (pattern: RegExp): Feature =>
  ({ text }) =>
    pattern.test(text)
const inImage =
  (pattern: RegExp): Feature =>
  ({ pull }) =>
    pattern.test(pull.image)
const noted =
  (code: PathNoteCode): Feature =>
  ({ path }) =>
    path.notes.some((it) => it.code === code)
const inDirectory =
  (pattern: RegExp): Feature =>
  ({ path }) =>
    pattern.test(path.directory ?? '')
const declaredUrl =
  (pattern: RegExp): Feature =>
  ({ path, text }) =>
    path.fileUsed && [...text.matchAll(/["']([^"'\n]*)["']/g)].some(([, it = '']) => pattern.test(it))
const said =
  (isIt: (answer: PlannedAnswer) => boolean): Feature =>
  ({ answers }) =>
    answers.some(isIt)
const saidStatus = (...statuses: number[]): Feature =>
  said((it) => it.kind === 'status' && statuses.includes(it.status))
const challenged = (scheme: string): Feature =>
  said((it) => (it.kind === 'refused' || it.kind === 'guarded') && it.challenge?.scheme === scheme)

/** What the generated cases are to cover, by the rules that each stands for. */
const FEATURES: Readonly<Record<string, Feature>> = {
  'several hosts': ({ path }) => path.endpoints.filter((it) => it.declaredIn === 'hosts.toml').length > 1,
  'an endpoint twice': noted('ENDPOINT_REPEATED'),
  'header table behind another host': ({ text }) => hasInterleavedTable(text),
  'inline host table': inText(/^host = \{|^["'].*["'] = \{/m),
  'dotted host keys': inText(/^host\.["']/m),
  'array of host tables': inText(/^\[\[host/m),
  'host table twice': ({ text }) => hasRepeatedTable(text),
  capabilities: inText(/^capabilities = \["[pr]/m),
  'no capabilities': inText(/^capabilities = \[\]/m),
  'unknown capability': inText(/^capabilities = .*"(referrers|delete|)"/m),
  override_path: inText(/^override_path = true/m),
  'path in a URL': ({ path }) => path.endpoints.some((it) => !/^[a-z]+:\/\/[^/]*(\/v2)?$/.test(it.url)),
  'http URL': declaredUrl(/^http:\/\//),
  'https URL': declaredUrl(/^https:\/\//),
  'scheme in capitals': declaredUrl(/^HTTP:|^Https:/),
  'URL without a scheme': declaredUrl(/^[a-z0-9.[\]:]+:\d+$/i),
  'URL that nothing can be sent to': ({ path }) => path.skipped.length > 0,
  'URL with port 80': declaredUrl(/:80$/),
  'URL with port 443': declaredUrl(/:443$/),
  'URL without a port': declaredUrl(/^https?:\/\/[a-z0-9.]+$/i),
  'loopback registry, default endpoint': ({ path, pull }) =>
    /^(localhost|127\.|\[::1)/.test(pull.image) && path.endpoints.some((it) => it.declaredIn === 'default'),
  'other registry, default endpoint': ({ path, pull }) =>
    !/^(localhost|127\.|\[::1)/.test(pull.image) && path.endpoints.some((it) => it.declaredIn === 'default'),
  'docker.io': inImage(/^(docker\.io|REPOSITORY|index)/),
  _default: inDirectory(/\/_default$/),
  'directory host_port_': inDirectory(/_\d+_$/),
  'directory host:port': inDirectory(/:\d+$/),
  'directory without a file': noted('FILE_ABSENT'),
  'directory hides _default': noted('DEFAULT_SHADOWED'),
  'directory hides another form': noted('DIRECTORY_SHADOWED'),
  'symbolic link': ({ path, pull }) =>
    Object.entries(pull.files).some(
      ([at, it]) => typeof it === 'object' && 'link' in it && path.directory?.endsWith(at),
    ),
  'several roots': ({ pull }) => pull.settings.configPath.includes(':'),
  'deprecated mirrors': noted('LEGACY_MIRRORS'),
  'a server': ({ path }) => path.endpoints.some((it) => it.declaredIn === 'server'),
  'server behind a table': noted('SERVER_MISPLACED'),
  'server of another type': inText(/^server = [^"]|^\[server\]/m),
  'unknown key': noted('KEY_IGNORED'),
  'wrong type': inText(
    /^(capabilities = ("|true|\{|.*\b1\b)|(skip_verify|override_path) = ("|\d|\[)|dial_timeout = \d|ca = true)/m,
  ),
  'table in the place of a value': inText(
    /^\[(server|host\..*\.(skip_verify|override_path|capabilities|ca|client|dial_timeout))\]/m,
  ),
  'file thrown away': noted('FILE_IGNORED'),
  'certificate that cannot be loaded': ({ path }) => path.error?.code === 'CERTIFICATE_UNUSABLE',
  'missing CA': inText(/missing\.pem/),
  ca: ({ path }) => path.endpoints.some((it) => it.ca.length > 0),
  'client certificate': ({ requests }) => requests.some((it) => it.includes('+certificate')),
  skip_verify: inText(/^skip_verify = (true|false)/m),
  'http with a TLS setting': noted('HTTPS_FIRST'),
  dial_timeout: inText(/^dial_timeout/m),
  headers: ({ path }) => path.endpoints.some((it) => it.headerNames.length > 0),
  'file of 0 bytes': noted('FILE_EMPTY'),
  'file with comments alone': inText(/^(\s|#.*\n)+$/),
  'file with a byte order mark': inText(/^\uFEFF/),
  'lines that end with a carriage return': inText(/\r\n/),
  'file in the place of a directory': ({ path }) => path.error?.code === 'NOT_A_DIRECTORY',
  digest: inImage(/REPOSITORY@DIGEST/),
  'tag with digest': inImage(/:v1@DIGEST/),
  'neither tag nor digest': inImage(/REPOSITORY$/),
  'credentials sent': ({ requests }) => requests.some((it) => it.includes('+credentials')),
  'image served': said((it) => it.kind === 'served'),
  'served without digest or length': said((it) => it.kind === 'served' && (it.digest === false || it.length === false)),
  '304': saidStatus(304),
  '400': saidStatus(400),
  '401 without a challenge': said(
    (it) => (it.kind === 'status' && it.status === 401) || (it.kind === 'refused' && it.challenge === null),
  ),
  '401 Basic': challenged('basic'),
  '401 Bearer': challenged('bearer'),
  '403': saidStatus(403),
  '404': saidStatus(404),
  '405': saidStatus(405),
  '408': saidStatus(408),
  '410': saidStatus(410),
  '429': saidStatus(429),
  '500, 503 or 504': saidStatus(500, 503, 504),
  '502': saidStatus(502),
  'reset or closed': said((it) => it.kind === 'reset' || it.kind === 'closed'),
  redirect: said((it) => it.kind === 'redirect'),
  'token fetched': ({ requests }) => requests.some((it) => /\/token\b/.test(it)),
  'failed handshake': ({ requests }) => requests.some((it) => it.startsWith('TLS ')),
}

/** Counts the cases that cover each feature. */
export class Coverage {
  readonly #counts = new Map(Object.keys(FEATURES).map((name) => [name, 0]))

  add(covered: CoveredCase): void {
    const whole = { ...covered, answers: answersGiven(covered) }
    for (const [name, isCovered] of Object.entries(FEATURES)) {
      if (isCovered(whole)) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    }
  }

  /** Cases by feature, the rarest first. */
  get counts(): readonly (readonly [name: string, cases: number])[] {
    return [...this.#counts].sort(([, a], [, b]) => a - b)
  }
}

/** The planned answers to the requests that were really sent. */
function answersGiven({ pull, requests }: CoveredCase): PlannedAnswer[] {
  const planned = new PlannedAnswers(pull.plan)
  return requests.flatMap((line) => {
    const [, method = '', scheme = '', host = '', target = ''] = /^(\S+) ([a-z]+):\/\/([^/]*)(.*)$/.exec(line) ?? []
    const listener = listenerOf(scheme, host)
    if (listener === null || (scheme === 'http' && listener.kind !== 'plain')) return []
    return [planned.next(askedOf(listener, method, target.replace(/( \+\S+)+$/, '')))]
  })
}

function hasInterleavedTable(text: string): boolean {
  const names = hostTables(text)
  return names.some((name, index) => names.indexOf(name) < index && names[index - 1] !== name)
}

function hasRepeatedTable(text: string): boolean {
  const opened = text.match(/^\[host\.["'][^"'\n]*["']\]/gm) ?? []
  return new Set(opened).size < opened.length
}

/** The second parts of all `[host.X…]` expressions, in their order. */
function hostTables(text: string): string[] {
  const parsed = parseToml(text, 'hosts.toml')
  if (!parsed.ok) return []
  return parsed.document.headers.flatMap(({ parts: [first, name] }) =>
    first === 'host' && name !== undefined ? [name] : [],
  )
}
