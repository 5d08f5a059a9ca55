import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  visit,
} from 'yaml'
import { PullpathError } from '../errors.ts'
import type { SourcePosition } from '../source-position.ts'
import { starAdvice, syntaxError } from './yaml-syntax-error.ts'

/** A file of intent, as it stands in Git. */
export interface IntentFile {
  path: string
  text: string
}

/** A value of a YAML document together with where it stands. */
export type YamlNode = YamlMap | YamlList | YamlScalar

export interface YamlMap {
  kind: 'map'
  at: SourcePosition
  entries: ReadonlyMap<string, YamlEntry>
  /** Where a merge key `<<` stands, whose entries are among `entries`; absent where there is none. */
  mergeKeyAt?: SourcePosition
}

export interface YamlEntry {
  keyAt: SourcePosition
  value: YamlNode
}

export interface YamlList {
  kind: 'list'
  at: SourcePosition
  items: readonly YamlNode[]
}

export interface YamlScalar {
  kind: 'scalar'
  at: SourcePosition
  value: string | number | boolean | null
  /** As it was written, so that `1.10` stays `1.10`; for quoted and block scalars the text that they stand for. */
  text: string
  /** Whether it stands without quotes: only then is `yes` a boolean to Go's YAML readers. */
  plain: boolean
  /** Where the text's first line starts: inside a block scalar that is below and right of `at`. */
  textAt: SourcePosition
}

/** One document of a file that may hold several, separated by `---`. */
export interface YamlDocument {
  file: string
  /** Plain objects, arrays and scalars. */
  value: unknown
  root: YamlNode
  /** Where the value at this path stands; null where there is none. An empty path is the document. */
  positionOf(path: readonly (string | number)[]): SourcePosition | null
  /** Where the key that holds the value at this path stands; null where there is none. */
  keyPositionOf(path: readonly (string | number)[]): SourcePosition | null
}

/** Far above any machine configuration or chart values; the parser needs about a hundred times the text's size. */
const MAX_CHARACTERS = 4 * 1024 * 1024
/** As often may aliases repeat what they stand for, before it counts as an attack on memory. */
const MAX_ALIAS_COUNT = 1000
/** The parser compares every alias with every other one. */
const MAX_ALIASES = 5000

/**
 * Reads all documents of a file; empty and null documents are left out.
 * Throws PP_YAML_INVALID with line and column for what is no YAML, for a key that stands twice in one map
 * (Go's readers refuse it too), for alias bombs, and for files that are too large or no text.
 */
export function readYamlDocuments(file: IntentFile): YamlDocument[] {
  refuseWhatIsNoText(file)
  const lines = new LineCounter()
  const place = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset)
    return { file: file.path, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const parsed = guardDepth(file, () =>
    parseAllDocuments(file.text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: 'error' }),
  )
  const documents: YamlDocument[] = []
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const [error] = document.errors
    if (error !== undefined) throw syntaxError(file.text, error, place(error.pos[0]))
    const { contents } = document
    if (contents === null || (isScalar(contents) && contents.value === null)) continue
    documents.push(guardDepth(file, () => readDocument(file, document, contents, place)))
  }
  return documents
}

function refuseWhatIsNoText(file: IntentFile): void {
  const position = { file: file.path, line: 1, column: 1 }
  if (file.text.length > MAX_CHARACTERS) {
    const size = `${Math.round(file.text.length / 1024 / 1024)} MiB`
    throw new PullpathError('PP_YAML_INVALID', `this file of ${size} is too large to be a configuration`, {
      position,
      advice: `the limit is ${MAX_CHARACTERS / 1024 / 1024} MiB`,
    })
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what tells a binary file
  const binary = /[\u0000-\u0008\u000e-\u001a\ufffd]/.exec(file.text)
  if (binary === null) return
  const before = file.text.slice(0, binary.index).split('\n')
  throw new PullpathError('PP_YAML_INVALID', 'this is a binary file, or not encoded as UTF-8: it cannot be YAML', {
    position: { file: file.path, line: before.length, column: (before.at(-1) ?? '').length + 1 },
  })
}

/** Nesting without end overflows the parser's stack, and aliases of aliases multiply: both are the file's fault. */
function guardDepth<T>(file: IntentFile, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PullpathError) throw error
    const position = { file: file.path, line: 1, column: 1 }
    const isAliasBomb = error instanceof ReferenceError
    const message = isAliasBomb ? 'the aliases of this file repeat too much' : 'this file is nested too deeply'
    throw new PullpathError('PP_YAML_INVALID', message, { position })
  }
}

function readDocument(
  file: IntentFile,
  document: Document.Parsed,
  contents: ParsedNode,
  place: (offset: number) => SourcePosition,
): YamlDocument {
  const targets = aliasTargets(file, document, place)
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT })
  const root = nodeReader(file.text, targets, place)(contents)
  return {
    file: file.path,
    value,
    root,
    positionOf: (path) => nodeAt(root, path)?.at ?? null,
    keyPositionOf(path) {
      const parent = nodeAt(root, path.slice(0, -1))
      return (parent?.kind === 'map' ? parent.entries.get(String(path.at(-1)))?.keyAt : undefined) ?? null
    },
  }
}

/** What each alias stands for, in one pass: to look each one up by itself costs the whole document every time. */
function aliasTargets(
  file: IntentFile,
  document: Document.Parsed,
  place: (offset: number) => SourcePosition,
): ReadonlyMap<unknown, unknown> {
  const anchors = new Map<string, unknown>()
  const targets = new Map<unknown, unknown>()
  visit(document, {
    Alias(_, alias, path) {
      const position = place(alias.range?.[0] ?? 0)
      const target = anchors.get(alias.source)
      if (target === undefined) {
        const advice = starAdvice(file.text, position)
        throw new PullpathError('PP_YAML_INVALID', 'not valid YAML: nothing has the anchor that this alias names', {
          position,
          advice,
        })
      }
      if (path.some((parent) => parent === target)) {
        throw new PullpathError('PP_YAML_INVALID', 'this alias stands inside what it repeats', { position })
      }
      if (targets.size === MAX_ALIASES) throw new ReferenceError('more aliases than any configuration has')
      targets.set(alias, target)
    },
    Value(_, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  return targets
}

function nodeAt(root: YamlNode, path: readonly (string | number)[]): YamlNode | undefined {
  let node: YamlNode | undefined = root
  for (const step of path) {
    if (node?.kind === 'map') node = node.entries.get(String(step))?.value
    else if (node?.kind === 'list') node = node.items[Number(step)]
    else return undefined
  }
  return node
}

/** Turns the parser's nodes into ours. What an anchor names is turned once, however often it is repeated. */
function nodeReader(text: string, targets: ReadonlyMap<unknown, unknown>, place: (offset: number) => SourcePosition) {
  const known = new Map<unknown, YamlNode>()
  const nothing = (offset: number): YamlScalar => {
    const at = place(offset)
    return { kind: 'scalar', at, value: null, text: '', plain: true, textAt: at }
  }

  function read(node: unknown, offset: number): YamlNode {
    if (isAlias(node)) return read(targets.get(node), node.range?.[0] ?? offset)
    const found = known.get(node)
    if (found !== undefined) return found
    const start = isMap(node) || isSeq(node) || isScalar(node) ? (node.range?.[0] ?? offset) : offset
    const made = make(node, start)
    known.set(node, made)
    return made
  }

  function make(node: unknown, start: number): YamlNode {
    if (isMap(node)) {
      const own = new Map<string, YamlEntry>()
      const merged = new Map<string, YamlEntry>()
      let mergeKeyAt: SourcePosition | null = null
      for (const { key, value } of node.items) {
        const name = keyText(isAlias(key) ? targets.get(key) : key)
        const keyStart = isScalar(key) || isAlias(key) ? (key.range?.[0] ?? start) : start
        const child = read(value, keyStart)
        if (name === '<<' && isScalar(key) && key.type === 'PLAIN') {
          mergeInto(merged, child)
          mergeKeyAt = place(keyStart)
        } else own.set(name, { keyAt: place(keyStart), value: child })
      }
      for (const [name, entry] of merged) if (!own.has(name)) own.set(name, entry)
      const map: YamlMap = { kind: 'map', at: place(start), entries: own }
      return mergeKeyAt === null ? map : { ...map, mergeKeyAt }
    }
    if (isSeq(node)) return { kind: 'list', at: place(start), items: node.items.map((item) => read(item, start)) }
    return isScalar(node) ? readScalar(node, start) : nothing(start)
  }

  function readScalar(node: Scalar, start: number): YamlScalar {
    const value = node.value
    const isPlain = node.type === 'PLAIN'
    const isKnown = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    const written = isPlain && node.source !== undefined ? node.source : String(value ?? '')
    return {
      kind: 'scalar',
      at: place(start),
      value: isKnown ? value : value === null || value === undefined ? null : String(value),
      text: written,
      plain: isPlain,
      textAt: textStart(node, start),
    }
  }

  /** A block scalar's text starts on the line after its header, at its indentation. */
  function textStart(node: Scalar, start: number): SourcePosition {
    const at = place(start)
    if (node.type === 'PLAIN') return at
    if (node.type !== 'BLOCK_LITERAL' && node.type !== 'BLOCK_FOLDED') return { ...at, column: at.column + 1 }
    const header = text.indexOf('\n', start)
    const end = node.range?.[1] ?? text.length
    if (header === -1 || header + 1 >= end) return at
    // The node's source has lost the indentation: what its first line has less than the written one.
    const written = firstLineIndent(text.slice(header + 1, end))
    const indent = written - firstLineIndent(String(node.source ?? ''))
    return { file: at.file, line: at.line + 1, column: Math.max(indent, 0) + 1 }
  }

  return (contents: ParsedNode) => read(contents, contents.range[0])
}

/** Spaces before the first line that has more than spaces; 0 where there is none. */
function firstLineIndent(lines: string): number {
  return /^(?:[^\S\n]*\n)*( *)\S/.exec(lines)?.[1]?.length ?? 0
}

function keyText(key: unknown): string {
  if (!isScalar(key)) return key === null ? '' : String(key)
  return key.type === 'PLAIN' && key.source !== undefined ? key.source : String(key.value ?? '')
}

function mergeInto(target: Map<string, YamlEntry>, source: YamlNode): void {
  const maps = source.kind === 'list' ? source.items : [source]
  for (const map of maps) {
    if (map.kind !== 'map') continue
    for (const [name, entry] of map.entries) if (!target.has(name)) target.set(name, entry)
  }
}
