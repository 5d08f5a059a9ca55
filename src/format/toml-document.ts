import { type AST, ParseError, parseTOML } from 'toml-eslint-parser'
import type { SourcePosition } from '../source-position.ts'

/** A TOML text as it is written: the values, where each stands, and the order and shape of the table expressions. */
export interface TomlDocument {
  /** All table expressions (`[a.b]`, `[[a]]`) in the order of the text. */
  headers: readonly TomlHeader[]
  root: TomlTable
}

export type TomlResult = { ok: true; document: TomlDocument } | { ok: false; error: TomlError }

export interface TomlError {
  message: string
  position: SourcePosition
}

export interface TomlHeader {
  parts: readonly string[]
  /** `[[a]]`. */
  array: boolean
  position: SourcePosition
}

export type TomlValue = TomlScalar | TomlArray | TomlTable

export type TomlScalar = { position: SourcePosition } & (
  | { kind: 'string'; value: string }
  | { kind: 'integer'; value: bigint }
  | { kind: 'float'; value: number }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'datetime'; value: string }
)

export interface TomlArray {
  kind: 'array'
  /** `headers`: made of `[[a]]` expressions. */
  form: 'headers' | 'inline'
  items: TomlValue[]
  position: SourcePosition
}

export interface TomlTable {
  kind: 'table'
  /**
   * How the table came to be: by its own `[a]`, as the parent of a header, by a dotted key, or as `{ … }`.
   * `implicit` becomes `header` when its own header follows.
   */
  form: 'root' | 'header' | 'implicit' | 'dotted' | 'inline'
  entries: Map<string, TomlEntry>
  /** Where it was first made. */
  position: SourcePosition
}

export interface TomlEntry {
  value: TomlValue
  keyPosition: SourcePosition
}

/** Stands for a table that is not there. */
export const EMPTY_TABLE: TomlTable = {
  kind: 'table',
  form: 'implicit',
  entries: new Map(),
  position: { file: '', line: 1, column: 1 },
}

/** Deeper nesting than this is refused: no configuration has it, and recursion over it must stay bounded. */
const MAX_DEPTH = 200

/**
 * Reads a TOML 1.0 text. Never throws: whatever is wrong with the text is in the result, with line and column.
 * `file` is only used in positions.
 */
export function parseToml(text: string, file: string): TomlResult {
  const carriageReturn = /\r(?!\n)/.exec(text)
  if (carriageReturn !== null) {
    const before = text.slice(0, carriageReturn.index).split('\n')
    const position = { file, line: before.length, column: (before.at(-1) ?? '').length + 1 }
    return { ok: false, error: { message: 'A carriage return without a newline', position } }
  }
  try {
    return { ok: true, document: buildDocument(parseTOML(text, { tomlVersion: '1.0.0' }), file) }
  } catch (error) {
    if (error instanceof ParseError) {
      const position = { file, line: error.lineNumber, column: error.column + 1 }
      return { ok: false, error: { message: error.message, position } }
    }
    if (error instanceof TooDeep) return { ok: false, error: { message: error.message, position: error.position } }
    // The parser recurses with the nesting and spreads long strings: what overflows its stack is far beyond any use.
    if (error instanceof RangeError) {
      return {
        ok: false,
        error: { message: 'nested too deeply, or a value too long', position: { file, line: 1, column: 1 } },
      }
    }
    throw error
  }
}

/** The value at a path of keys and array indices; undefined where there is none. */
export function tomlAt(table: TomlValue, path: readonly (string | number)[]): TomlValue | undefined {
  let value: TomlValue | undefined = table
  for (const step of path) {
    if (value?.kind === 'table' && typeof step === 'string') value = value.entries.get(step)?.value
    else if (value?.kind === 'array' && typeof step === 'number') value = value.items[step]
    else return undefined
  }
  return value
}

/** A value without positions: tables as null-prototype objects, integers as bigint where a number would lose digits. */
export function plainToml(value: TomlValue): unknown {
  if (value.kind === 'table') {
    const plain: Record<string, unknown> = Object.create(null)
    for (const [key, entry] of value.entries) plain[key] = plainToml(entry.value)
    return plain
  }
  if (value.kind === 'array') return value.items.map(plainToml)
  if (value.kind === 'integer') {
    const number = Number(value.value)
    return Number.isSafeInteger(number) ? number : value.value
  }
  return value.value
}

class TooDeep extends Error {
  readonly position: SourcePosition

  constructor(position: SourcePosition) {
    super(`nested deeper than ${MAX_DEPTH} levels`)
    this.position = position
  }
}

function buildDocument(program: AST.TOMLProgram, file: string): TomlDocument {
  const at = (node: AST.TOMLNode): SourcePosition => ({
    file,
    line: node.loc.start.line,
    column: node.loc.start.column + 1,
  })

  function readValue(node: AST.TOMLContentNode, depth: number): TomlValue {
    const position = at(node)
    if (depth > MAX_DEPTH) throw new TooDeep(position)
    if (node.type === 'TOMLArray') {
      return { kind: 'array', form: 'inline', items: node.elements.map((it) => readValue(it, depth + 1)), position }
    }
    if (node.type === 'TOMLInlineTable') {
      const table: TomlTable = { kind: 'table', form: 'inline', entries: new Map(), position }
      for (const pair of node.body) assign(table, pair, depth + 1)
      return table
    }
    switch (node.kind) {
      case 'string':
        return { kind: 'string', value: node.value, position }
      case 'integer':
        return { kind: 'integer', value: node.bigint, position }
      case 'float':
        return { kind: 'float', value: node.value, position }
      case 'boolean':
        return { kind: 'boolean', value: node.value, position }
      default:
        return { kind: 'datetime', value: node.datetime, position }
    }
  }

  function assign(table: TomlTable, pair: AST.TOMLKeyValue, depth: number): void {
    const keys = pair.key.keys
    const last = keys.at(-1)
    if (last === undefined) return
    if (depth + keys.length > MAX_DEPTH) throw new TooDeep(at(pair))
    let target = table
    for (const key of keys.slice(0, -1)) target = childTable(target, key, 'dotted', at(key))
    target.entries.set(nameOf(last), { value: readValue(pair.value, depth + keys.length), keyPosition: at(last) })
  }

  function childTable(
    parent: TomlTable,
    key: AST.TOMLBare | AST.TOMLQuoted,
    form: 'dotted' | 'implicit',
    position: SourcePosition,
  ): TomlTable {
    const name = nameOf(key)
    const existing = parent.entries.get(name)?.value
    if (existing?.kind === 'table') return existing
    if (existing?.kind === 'array') {
      const last = existing.items.at(-1)
      if (last?.kind === 'table') return last
    }
    const table: TomlTable = { kind: 'table', form, entries: new Map(), position }
    parent.entries.set(name, { value: table, keyPosition: at(key) })
    return table
  }

  function openTable(root: TomlTable, node: AST.TOMLTable): TomlTable {
    const keys = node.key.keys
    const last = keys.at(-1)
    if (last === undefined) return root
    const position = at(node)
    if (keys.length > MAX_DEPTH) throw new TooDeep(position)
    let parent = root
    for (const key of keys.slice(0, -1)) parent = childTable(parent, key, 'implicit', position)
    if (node.kind === 'standard') {
      const table = childTable(parent, last, 'implicit', position)
      table.form = 'header'
      return table
    }
    const table: TomlTable = { kind: 'table', form: 'header', entries: new Map(), position }
    const existing = parent.entries.get(nameOf(last))?.value
    if (existing?.kind === 'array') existing.items.push(table)
    else {
      const array: TomlArray = { kind: 'array', form: 'headers', items: [table], position }
      parent.entries.set(nameOf(last), { value: array, keyPosition: at(last) })
    }
    return table
  }

  const root: TomlTable = { kind: 'table', form: 'root', entries: new Map(), position: { file, line: 1, column: 1 } }
  const headers: TomlHeader[] = []
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') {
      assign(root, node, 0)
      continue
    }
    headers.push({ parts: node.key.keys.map(nameOf), array: node.kind === 'array', position: at(node) })
    const table = openTable(root, node)
    for (const pair of node.body) assign(table, pair, node.key.keys.length)
  }
  return { headers, root }
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value
}
