import { PullpathError } from '../errors.ts'
import type { YamlEntry, YamlList, YamlMap, YamlNode } from '../format/yaml-documents.ts'

const OPERATIONS = ['add', 'replace', 'remove', 'test', 'move', 'copy'] as const

type OperationName = (typeof OPERATIONS)[number]

/** One operation of a JSON patch (RFC 6902), with the places of its parts. */
export interface JsonPatchOperation {
  op: OperationName
  path: readonly string[]
  /** null: the operation has none. */
  from: readonly string[] | null
  value: YamlNode
  node: YamlNode
}

/** What had to be there for an operation, and was not given. */
export interface AssumedPart {
  operation: JsonPatchOperation
  /** A JSON pointer. */
  missing: string
}

type Path = readonly string[]

/** Lists of the machine configuration that a patch may have to begin, because the file that has them was not given. */
const LISTS = new Set(['endpoints', 'files'])

/** Whether this document is a JSON patch: a list whose items are operations. */
export function isJsonPatch(root: YamlNode): root is YamlList {
  if (root.kind !== 'list' || root.items.length === 0) return false
  return root.items.every((item) => item.kind === 'map' && (item.entries.has('op') || item.entries.has('path')))
}

/** Reads a JSON patch, written as JSON or as a YAML list. Throws PP_INTENT_INVALID for what Talos refuses. */
export function readJsonPatch(list: YamlList): JsonPatchOperation[] {
  return list.items.map((node) => {
    const text = (key: string) => {
      const value = node.kind === 'map' ? node.entries.get(key)?.value : undefined
      return value?.kind === 'scalar' && value.value !== null ? value.text : null
    }
    const op = OPERATIONS.find((name) => name === text('op'))
    if (op === undefined) {
      throw refused(node, 'Talos refuses a JSON patch without a known op', `use one of ${OPERATIONS.join(', ')}`)
    }
    const path = text('path')
    if (path === null) throw refused(node, 'this operation of a JSON patch has no path', '')
    const from = text('from')
    const takes = op === 'move' || op === 'copy'
    if (takes && from === null) throw refused(node, `the operation ${op} of a JSON patch needs from`, '')
    // findObject asks for a parent; only replace and test know the whole document.
    if ((path === '' && op !== 'replace' && op !== 'test') || (takes && from === '')) {
      throw refused(node, `Talos refuses to ${op} the whole configuration`, 'name a key of it, such as /machine')
    }
    const value = node.kind === 'map' ? node.entries.get('value')?.value : undefined
    return {
      op,
      path: pointer(node, path),
      from: takes && from !== null ? pointer(node, from) : null,
      value: value ?? nothing(node),
      node,
    }
  })
}

/**
 * Applies a JSON patch as Talos does (evanphx/json-patch 5.9: `-` and negative indices count from the end, replace
 * makes a key that is not there), but to a configuration of which only a part may be known: missing parents are made,
 * and what cannot be found is passed over. `assumed` names what that was. Throws PP_INTENT_INVALID where a `test`
 * fails, for a step into a list that is no index, and where the result is no configuration.
 */
export function applyJsonPatch(
  root: YamlMap,
  operations: readonly JsonPatchOperation[],
): { root: YamlMap; assumed: AssumedPart[] } {
  const assumed: AssumedPart[] = []
  let result: YamlNode = root
  for (const operation of operations) {
    const { op, path, from, value, node } = operation
    const isThere = (at: Path, part: 'item' | 'place') => {
      refuseWrongIndex(result, at, node, part === 'place')
      const missing = missingPart(result, at, part)
      if (missing !== null) assumed.push({ operation, missing: `/${missing.map(escaped).join('/')}` })
      return missing === null
    }
    if (op === 'add') {
      isThere(path, 'place')
      result = put(result, path, value, true)
    } else if (op === 'replace') {
      isThere(path, isMap(result, path.slice(0, -1)) ? 'place' : 'item')
      result = put(result, path, value, false)
    } else if (op === 'remove') {
      if (isThere(path, 'item')) result = take(result, path)
    } else if (op === 'test') {
      if (isThere(path, 'item')) refuseDifference(find(result, path), value, operation)
    } else if (from !== null && (isThere(from, 'item') || (op === 'copy' && isMap(result, from.slice(0, -1))))) {
      // A key that is not there is null to copy.
      const found = find(result, from) ?? nothing(node)
      if (op === 'move') result = take(result, from)
      isThere(path, 'place')
      result = put(result, path, found, true)
    }
  }
  const [last] = operations.slice(-1)
  if (result.kind !== 'map') throw refused(last?.node ?? root, 'this JSON patch leaves no machine configuration', '')
  return { root: result, assumed }
}

/**
 * The part of this path that has to be there and is not; null: all is there. `item`: what the path names must exist.
 * `place`: something can be put there, beside a map's keys or before, between or behind a list's items.
 */
function missingPart(root: YamlNode, path: Path, part: 'item' | 'place'): Path | null {
  const [step] = path.slice(-1)
  const parent = find(root, path.slice(0, -1))
  if (step === undefined) return null
  if (parent?.kind === 'map') return part === 'place' || parent.entries.has(step) ? null : path
  if (parent?.kind !== 'list') return path.slice(0, -1)
  const { length } = parent.items
  const [index, last] = [Number(step), part === 'place' ? length : length - 1]
  return step === '-' || (index <= last && index >= -last - 1) ? null : path
}

/** A list takes numbers, and `-` where something is put behind the last item: Talos refuses everything else. */
function refuseWrongIndex(root: YamlNode, path: Path, at: YamlNode, puts: boolean): void {
  path.forEach((step, index) => {
    const isList = find(root, path.slice(0, index))?.kind === 'list' || LISTS.has(path[index - 1] ?? '')
    const isEnd = step === '-' && puts && index === path.length - 1
    if (!isList || isEnd || /^[+-]?\d+$/.test(step)) return
    const where = `/${path.slice(0, index).map(escaped).join('/')}`
    throw refused(at, `${step} is no index of the list ${where}`, 'write a number, or - to add an item at the end')
  })
}

function refuseDifference(found: YamlNode | undefined, value: YamlNode, { node, path }: JsonPatchOperation): void {
  if (found !== undefined && isEqual(found, value)) return
  throw refused(node, `the test of /${path.map(escaped).join('/')} fails, so Talos refuses the whole patch`, '')
}

function isMap(root: YamlNode, path: Path): boolean {
  return find(root, path)?.kind === 'map'
}

function nothing({ at }: YamlNode): YamlNode {
  return { kind: 'scalar', at, value: null, text: '', plain: true, textAt: at }
}

function escaped(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1')
}

function refused(node: YamlNode, message: string, advice: string): PullpathError {
  return new PullpathError('PP_INTENT_INVALID', message, { position: node.at, advice })
}

function pointer(node: YamlNode, text: string): string[] {
  if (text === '') return []
  if (!text.startsWith('/')) throw refused(node, 'the path of a JSON patch starts with /', `write /${text}`)
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function find(root: YamlNode, path: Path): YamlNode | undefined {
  let node: YamlNode | undefined = root
  for (const step of path) {
    if (node?.kind === 'map') node = node.entries.get(step)?.value
    else if (node?.kind === 'list') node = node.items.at(Number(step))
    else return undefined
  }
  return node
}

function put(root: YamlNode | undefined, path: Path, value: YamlNode, insert: boolean): YamlNode {
  const [step, ...below] = path
  if (step === undefined) return value
  if (root?.kind === 'list') {
    const items = [...root.items]
    const isLast = below.length === 0
    const index = listIndex(step, items.length, insert && isLast)
    if (!isLast) items[index] = put(items[index], below, value, insert)
    else items.splice(index, insert ? 0 : 1, value)
    return { ...root, items }
  }
  const map: YamlMap = root?.kind === 'map' ? root : { kind: 'map', at: value.at, entries: new Map() }
  const entry = map.entries.get(step)
  const isBegun = entry?.value.kind === 'map' || entry?.value.kind === 'list'
  const emptyList: YamlList = { kind: 'list', at: value.at, items: [] }
  const next = isBegun ? entry.value : LISTS.has(step) ? emptyList : undefined
  const entries = new Map<string, YamlEntry>(map.entries)
  entries.set(step, { keyAt: entry?.keyAt ?? value.at, value: put(next, below, value, insert) })
  return { ...map, entries }
}

/** An index beyond what is known means the end: the part of the list before it may stand in another file. */
function listIndex(step: string, length: number, insert: boolean): number {
  if (step === '-') return length
  const index = Number(step)
  const counted = index < 0 ? index + length + (insert ? 1 : 0) : index
  return Math.min(Math.max(counted, 0), length)
}

/** Takes away what `missingPart` has found to be there. */
function take(root: YamlNode, path: Path): YamlNode {
  const [step = '', ...below] = path
  if (root.kind === 'list') {
    const index = listIndex(step, root.items.length, false)
    const found = root.items[index]
    if (found === undefined) return root
    const items = below.length === 0 ? root.items.toSpliced(index, 1) : root.items.with(index, take(found, below))
    return { ...root, items }
  }
  const entry = root.kind === 'map' ? root.entries.get(step) : undefined
  if (root.kind !== 'map' || entry === undefined) return root
  const entries = new Map(root.entries)
  if (below.length === 0) entries.delete(step)
  else entries.set(step, { ...entry, value: take(entry.value, below) })
  return { ...root, entries }
}

function isEqual(a: YamlNode, b: YamlNode): boolean {
  if (a.kind === 'scalar' && b.kind === 'scalar') return a.value === b.value
  if (a.kind === 'list' && b.kind === 'list') {
    return (
      a.items.length === b.items.length &&
      a.items.every((item, index) => {
        const other = b.items[index]
        return other !== undefined && isEqual(item, other)
      })
    )
  }
  if (a.kind !== 'map' || b.kind !== 'map' || a.entries.size !== b.entries.size) return false
  return [...a.entries].every(([name, entry]) => {
    const other = b.entries.get(name)
    return other !== undefined && isEqual(entry.value, other.value)
  })
}
