import { posix } from 'node:path'
import { cleanPath } from '../format/clean-path.ts'
import { parseGoDuration } from '../format/go-duration.ts'
import { parseGoUrl } from '../format/go-url.ts'
import { parseToml, type TomlTable, type TomlValue } from '../format/toml-document.ts'
import type { FileNode } from '../hosts/tree.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Behaviour } from './behaviour.ts'
import { dottedKeyPanic } from './dotted-key-panic.ts'
import { EndpointHeaders } from './endpoint-headers.ts'
import { type HostOrder, orderOfHosts } from './host-order.ts'
import type { Capability, ClientPair, PathNote } from './pull-path.ts'
import { entriesOf, fieldOf, setsField } from './toml-field.ts'

/** One `[host."URL"]` table, or the root of the file, as containerd decodes it. */
export interface HostConfig {
  /** The key of the table, or the value of `server`; empty: no URL, the default endpoint takes its place. */
  declared: string
  scheme: string
  host: string
  path: string
  capabilities: readonly Capability[]
  /** Absolute paths; null: not declared. An empty list is declared, and counts as a TLS setting. */
  ca: readonly string[] | null
  /** Certificate and key, absolute; a missing key means that the certificate's file holds both. */
  clientPairs: readonly ClientPair[]
  skipVerify: boolean | null
  overridePath: boolean
  dialTimeout: string | null
  headers: EndpointHeaders
  /** Why Go's client refuses to send the headers; null where it does not. */
  headerFault: string | null
  source: SourcePosition | null
}

/** What one containerd release makes of a hosts.toml. */
export type HostsFile =
  | { kind: 'hosts'; hosts: readonly HostConfig[]; root: HostConfig; notes: readonly PathNote[] }
  /** The file is thrown away: certificate files of the directory and the default upstream remain. */
  | { kind: 'ignored'; reason: string; position: SourcePosition | null }
  /** containerd itself panics. */
  | { kind: 'panic'; reason: string; position: SourcePosition | null }

const memo = new WeakMap<FileNode, Map<string, HostsFile>>()

/**
 * Reads a hosts.toml with the rules of one release. `directory` is where it stands, for relative paths.
 * The result is kept with the node, since nodes never change.
 */
export function readHostsFile(node: FileNode & { text: string }, directory: string, behaviour: Behaviour): HostsFile {
  let results = memo.get(node)
  if (results === undefined) {
    results = new Map()
    memo.set(node, results)
  }
  const { dialect, hasGoToml24, refusesFileWithoutHosts, knowsReferrers, dialTimeout, strictColons } = behaviour
  const rules = [dialect, hasGoToml24, refusesFileWithoutHosts, knowsReferrers, dialTimeout !== 'unknown', strictColons]
  const key = [directory, ...rules].join('\n')
  const known = results.get(key)
  if (known !== undefined) return known
  const last = lastRead.get(key)
  const result = last?.text === node.text ? last.result : decodeHostsFile(node.text, directory, behaviour)
  results.set(key, result)
  if (lastRead.size >= MOST_REMEMBERED) lastRead.clear()
  lastRead.set(key, { text: node.text, result })
  return result
}

/** The expected and the observed file of a directory are mostly one text: it is decoded once. */
const lastRead = new Map<string, { text: string; result: HostsFile }>()
const MOST_REMEMBERED = 4096

class Refused extends Error {
  readonly position: SourcePosition | null

  constructor(reason: string, position: SourcePosition | null) {
    super(reason)
    this.position = position
  }
}

function decodeHostsFile(text: string, directory: string, behaviour: Behaviour): HostsFile {
  // go-toml v1 passes over a byte order mark, v2 refuses it.
  const content = behaviour.dialect === 'go-toml-1' ? text.replace(/^\uFEFF/, '') : text
  const parsed = parseToml(content, posix.join(directory, 'hosts.toml'))
  if (!parsed.ok) return { kind: 'ignored', reason: parsed.error.message, position: parsed.error.position }
  const order = orderOfHosts(parsed.document, behaviour)
  if (order.kind !== 'order') return order
  const panic = dottedKeyPanic(parsed.document.root, behaviour)
  try {
    return decodeTables(parsed.document.root, order, directory, { behaviour, panic })
  } catch (error) {
    // The text is decoded from its beginning to its end: what goes wrong first counts.
    if (error instanceof Refused && panic !== null && isBefore(panic.position, error.position)) {
      return { kind: 'panic', ...panic }
    }
    if (error instanceof Refused) return { kind: 'ignored', reason: error.message, position: error.position }
    throw error
  }
}

function isBefore(first: SourcePosition, second: SourcePosition | null): boolean {
  if (second === null || first.line !== second.line) return second !== null && first.line < second.line
  return first.column < second.column
}

function decodeTables(
  root: TomlTable,
  order: HostOrder & { kind: 'order' },
  directory: string,
  { behaviour, panic }: { behaviour: Behaviour; panic: ReturnType<typeof dottedKeyPanic> },
): HostsFile {
  const reader = new TableReader(directory, behaviour)
  // The whole file is decoded before the hosts are looked at: a wrong type anywhere throws it away.
  const server = reader.string(root, 'server')
  const rootFields = reader.fields(root)
  const tables = new Map<string, TableFields>()
  for (const [name, table] of reader.hostTables(root)) tables.set(name, reader.fields(table))
  if (panic !== null) return { kind: 'panic', ...panic }
  const hosts = order.hosts.flatMap(({ name, position }) => {
    const fields = tables.get(name)
    return fields === undefined ? [] : [reader.hostConfig(name, fields, position)]
  })
  const serverSource = fieldOf(root, 'server', behaviour.dialect)?.position ?? null
  return {
    kind: 'hosts',
    hosts,
    root: reader.hostConfig(server ?? '', rootFields, serverSource),
    notes: [...order.notes, ...reader.notes],
  }
}

const FIELDS = ['capabilities', 'ca', 'client', 'skip_verify', 'header', 'override_path', 'dial_timeout'] as const

/** The fields of one table after the decoder, before containerd looks at their meaning. */
interface TableFields {
  capabilities: readonly { word: string; position: SourcePosition }[]
  ca: TomlValue | undefined
  client: TomlValue | undefined
  skipVerify: boolean | null
  header: TomlTable | null
  overridePath: boolean
  dialTimeout: { text: string; position: SourcePosition } | null
}

class TableReader {
  readonly notes: PathNote[] = []
  readonly #directory: string
  readonly #behaviour: Behaviour

  constructor(directory: string, behaviour: Behaviour) {
    this.#directory = directory
    this.#behaviour = behaviour
  }

  /** The tables under `host`, whatever their form. go-toml v2 puts `Host` and `host` into one map. */
  hostTables(root: TomlTable): [string, TomlTable][] {
    const tables = new Map<string, TomlTable>()
    for (const { value: host } of entriesOf(root, 'host', this.#behaviour.dialect)) {
      if (host.kind !== 'table') throw new Refused('host must be a table', host.position)
      for (const [name, { value }] of host.entries) {
        if (value.kind !== 'table') throw new Refused(`host.${JSON.stringify(name)} must be a table`, value.position)
        this.#noteUnknownKeys(value, ['server'])
        const earlier = tables.get(name)?.entries ?? []
        tables.set(name, { ...value, entries: new Map([...earlier, ...value.entries]) })
      }
    }
    return [...tables]
  }

  string(table: TomlTable, key: string): string | null {
    return this.#last(this.#values(table, key), (value) => {
      if (value.kind !== 'string') throw new Refused(`${key} must be a string`, value.position)
      return value.value
    })
  }

  fields(table: TomlTable): TableFields {
    if (table.form === 'root') this.#noteUnknownKeys(table, [])
    const knowsTimeout = this.#behaviour.dialTimeout !== 'unknown'
    return {
      capabilities: this.#last(this.#declared(table, 'capabilities'), words) ?? [],
      ca: this.#values(table, 'ca').at(-1),
      client: this.#values(table, 'client').at(-1),
      // A header that is passed over has made the field by then.
      skipVerify:
        this.#boolean(table, 'skip_verify') ?? (this.#declared(table, 'skip_verify').length > 0 ? false : null),
      header: this.#last(this.#declared(table, 'header'), headerTable),
      overridePath: this.#boolean(table, 'override_path') ?? false,
      dialTimeout: knowsTimeout ? this.#last(this.#values(table, 'dial_timeout'), timeoutText) : null,
    }
  }

  /** Every spelling of a field is decoded, so that a wrong type in any of them counts; the last one sets it. */
  #last<T>(values: readonly TomlValue[], decode: (value: TomlValue) => T): T | null {
    return values.map(decode).at(-1) ?? null
  }

  #declared(table: TomlTable, field: string): TomlValue[] {
    return entriesOf(table, field, this.#behaviour.dialect).map(({ value }) => value)
  }

  /** go-toml v2 before 2.4 passes over a header without content, even where its name is no table's: `[server]`. */
  #values(table: TomlTable, field: string): TomlValue[] {
    const { dialect, hasGoToml24 } = this.#behaviour
    const passesOver = dialect === 'go-toml-2' && !hasGoToml24
    return this.#declared(table, field).filter(
      (it) => !(passesOver && it.kind === 'table' && it.form === 'header' && it.entries.size === 0),
    )
  }

  #boolean(table: TomlTable, field: string): boolean | null {
    return this.#last(this.#values(table, field), (value) => {
      if (value.kind !== 'boolean') throw new Refused(`${field} must be true or false`, value.position)
      return value.value
    })
  }

  /** containerd: hosts.go, parseHostConfig. */
  hostConfig(declared: string, fields: TableFields, source: SourcePosition | null): HostConfig {
    const url = this.#url(declared, fields.overridePath, source)
    return {
      declared,
      ...url,
      capabilities: this.#capabilities(fields.capabilities),
      ca: this.#ca(fields.ca),
      clientPairs: this.#clientPairs(fields.client),
      skipVerify: fields.skipVerify,
      overridePath: fields.overridePath,
      dialTimeout: dialTimeout(fields.dialTimeout),
      ...headersOf(fields.header),
      source,
    }
  }

  #url(declared: string, overridePath: boolean, source: SourcePosition | null) {
    if (declared === '') return { scheme: '', host: '', path: '' }
    // A test of the prefix, not of the scheme: `httpd.local` keeps none.
    const { strictColons } = this.#behaviour
    const parsed = parseGoUrl(declared.startsWith('http') ? declared : `https://${declared}`, { strictColons })
    if (typeof parsed === 'string') throw new Refused(`unable to parse server ${declared}: ${parsed}`, source)
    if (parsed.path === '') return { ...parsed, path: overridePath ? '' : '/v2' }
    const path = cleanPath(parsed.path)
    return { ...parsed, path: path.endsWith('/v2') || overridePath ? path : `${path}/v2` }
  }

  #capabilities(declared: TableFields['capabilities']): Capability[] {
    const known: Capability[] = ['pull', 'resolve', 'push']
    if (this.#behaviour.knowsReferrers) known.push('referrers')
    if (declared.length === 0) return known
    const words = declared.map((it) => {
      const word = known.find((known) => known === it.word.toLowerCase())
      if (word === undefined) throw new Refused(`unknown capability ${it.word}`, it.position)
      return word
    })
    return known.filter((it) => words.includes(it))
  }

  #ca(value: TomlValue | undefined): string[] | null {
    if (value === undefined) return null
    if (value.kind === 'string') return [this.#absolute(value.value)]
    if (value.kind !== 'array') throw new Refused('invalid type for "ca"', value.position)
    return value.items.map((it) => {
      if (it.kind !== 'string') throw new Refused('unable to cast an entry of "ca" to string', it.position)
      return this.#absolute(it.value)
    })
  }

  #clientPairs(value: TomlValue | undefined): ClientPair[] {
    if (value === undefined) return []
    if (value.kind === 'string') return [{ certificate: this.#absolute(value.value), key: null }]
    if (value.kind !== 'array') throw new Refused('invalid type for "client"', value.position)
    return value.items.map((it) => {
      if (it.kind === 'string') return { certificate: this.#absolute(it.value), key: null }
      const [certificate, key, more] = it.kind === 'array' ? it.items : []
      if (certificate?.kind !== 'string' || key?.kind !== 'string' || more !== undefined) {
        throw new Refused('invalid pair for "client"', it.position)
      }
      // An absolute path of the empty string is the directory, never "no key".
      return { certificate: this.#absolute(certificate.value), key: this.#absolute(key.value) }
    })
  }

  #absolute(path: string): string {
    return path.startsWith('/') ? path : posix.join(this.#directory, path)
  }

  #noteUnknownKeys(table: TomlTable, misplaced: readonly string[]): void {
    for (const [name, { keyPosition }] of table.entries) {
      const known = table.form === 'root' ? [...FIELDS, 'server', 'host'] : FIELDS
      if (known.some((it) => setsField(name, it, this.#behaviour.dialect))) {
        if (name === 'dial_timeout' && this.#behaviour.dialTimeout === 'unknown') {
          this.#note('KEY_IGNORED', 'this containerd does not know dial_timeout', keyPosition)
        }
        continue
      }
      if (misplaced.includes(name)) {
        const message = 'server stands behind a table header: it belongs to that table and is ignored'
        this.#note('SERVER_MISPLACED', message, keyPosition)
      } else this.#note('KEY_IGNORED', `containerd ignores the unknown key ${JSON.stringify(name)}`, keyPosition)
    }
  }

  #note(code: PathNote['code'], message: string, source: SourcePosition): void {
    this.notes.push({ code, message, source })
  }
}

function words(value: TomlValue): { word: string; position: SourcePosition }[] {
  if (value.kind !== 'array') throw new Refused('capabilities must be a list of strings', value.position)
  return value.items.map((it) => {
    if (it.kind !== 'string') throw new Refused('capabilities must be a list of strings', it.position)
    return { word: it.value, position: it.position }
  })
}

function timeoutText(value: TomlValue): TableFields['dialTimeout'] {
  if (value.kind !== 'string') throw new Refused('dial_timeout must be a string such as "200ms"', value.position)
  return { text: value.value, position: value.position }
}

function headerTable(value: TomlValue): TomlTable {
  if (value.kind !== 'table') throw new Refused('header must be a table', value.position)
  return value
}

function dialTimeout(value: TableFields['dialTimeout']): string | null {
  if (value === null || value.text === '') return null
  if (parseGoDuration(value.text) === null) {
    throw new Refused(`dial_timeout: invalid duration ${JSON.stringify(value.text)}`, value.position)
  }
  return value.text
}

function headersOf(header: TomlTable | null): Pick<HostConfig, 'headers' | 'headerFault'> {
  const headers = new Map<string, string[]>()
  let headerFault: string | null = null
  for (const [name, { value }] of header?.entries ?? []) {
    const values: string[] = []
    for (const it of value.kind === 'array' ? value.items : [value]) {
      if (it.kind !== 'string') throw new Refused(`invalid type for header ${JSON.stringify(name)}`, value.position)
      if (!HEADER_VALUE.test(it.value)) headerFault ??= `invalid header field value for ${JSON.stringify(name)}`
      values.push(it.value)
    }
    if (!HEADER_NAME.test(name)) headerFault = `invalid header field name ${JSON.stringify(name)}`
    headers.set(name, values)
  }
  return { headers: new EndpointHeaders(headers), headerFault }
}

/** net/http, Transport: httpguts.ValidHeaderFieldName and ValidHeaderFieldValue. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: what Go refuses
const HEADER_VALUE = /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/
