import type { TomlDocument, TomlTable, TomlValue } from '../format/toml-document.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Behaviour } from './behaviour.ts'
import type { PathNote } from './pull-path.ts'
import { BRACKET_IN_HEADER, headerWithBracket } from './toml-field.ts'

/** The hosts of a hosts.toml in the order in which one release asks them. */
export type HostOrder =
  | { kind: 'order'; hosts: readonly OrderedHost[]; notes: readonly PathNote[] }
  | { kind: 'ignored'; reason: string; position: SourcePosition | null }
  | { kind: 'panic'; reason: string; position: SourcePosition | null }

export interface OrderedHost {
  name: string
  position: SourcePosition
}

export function orderOfHosts(document: TomlDocument, behaviour: Behaviour): HostOrder {
  return behaviour.dialect === 'go-toml-2' ? orderOfHeaders(document) : orderOfLines(document, behaviour)
}

/**
 * containerd 2.x: hosts.go, getSortedHosts. It walks the `[…]` expressions and takes the second part of every
 * `host.X…`, unless it equals the one before: inline and dotted tables are not seen, and a sub-table that
 * stands behind another host brings its host in once more.
 */
function orderOfHeaders(document: TomlDocument): HostOrder {
  const hosts: OrderedHost[] = []
  const seen = new Set<string>()
  // An empty name equals the start value, so that a first `[host.""]` is skipped.
  let previous = ''
  for (const header of document.headers) {
    const [first, name] = header.parts
    if (header.array || first !== 'host' || name === undefined || name === previous) continue
    previous = name
    seen.add(name)
    hosts.push({ name, position: header.position })
  }
  const notes: PathNote[] = []
  const tree = document.root.entries.get('host')?.value
  for (const [name, entry] of tree?.kind === 'table' ? tree.entries : []) {
    if (seen.has(name) || entry.value.kind !== 'table') continue
    const message = `containerd 2.x does not see ${JSON.stringify(name)}: it is no [host."…"] table`
    notes.push({ code: 'HOSTS_NOT_SEEN', message, source: entry.keyPosition })
  }
  return { kind: 'order', hosts, notes }
}

/** containerd 1.x: hosts.go, getSortedHosts sorts the keys of the tree by the line where each was first made. */
function orderOfLines(document: TomlDocument, behaviour: Behaviour): HostOrder {
  const bracket = headerWithBracket(document)
  if (bracket !== undefined) return { kind: 'ignored', reason: BRACKET_IN_HEADER, position: bracket.position }
  const tree = document.root.entries.get('host')?.value
  if (tree?.kind !== 'table') {
    if (!behaviour.refusesFileWithoutHosts) return { kind: 'order', hosts: [], notes: [] }
    return {
      kind: 'ignored',
      reason: 'invalid `host` tree: there is no [host] table',
      position: tree?.position ?? null,
    }
  }
  const entries = [...tree.entries]
  const wrong = entries.find(([, { value }]) => value.kind !== 'table')
  // The comparison asserts that both are tables; with one entry nothing is compared.
  if (wrong !== undefined && entries.length > 1) {
    const [name, { keyPosition }] = wrong
    return { kind: 'panic', reason: `host.${JSON.stringify(name)} is not a table`, position: keyPosition }
  }
  const hosts = entries
    .map(([name, { value, keyPosition }]) => ({ name, position: keyPosition, line: lineOf(value) }))
    .sort((a, b) => a.line - b.line)
  return { kind: 'order', hosts, notes: [] }
}

/** go-toml v1 gives no position to an inline table: it sorts before all others. */
function lineOf(value: TomlValue): number {
  return isInline(value) ? 0 : value.position.line
}

function isInline(value: TomlValue): value is TomlTable {
  return value.kind === 'table' && value.form === 'inline'
}
