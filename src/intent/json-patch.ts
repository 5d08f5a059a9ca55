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
    if (from === null && (op === 'move' || op === 'copy')) {
      throw refused(node, `the operation ${op} of a JSON patch needs from`, '')
    }
    const value = node.kind === 'map' ? node.entries.get('value')?.value : undefined
    return {
      op,
      path: pointer(node, path),
      from: from === null ? null : pointer(node, from),
      value: value ?? { kind: 'scalar', at: node.at, value: null, text: '', plain: true, textAt: node.at },
      node,
    }
  })
}

/**
 * Applies a JSON patch as Talos does (evanphx/json-patch: `-` and negative indices count from the end), but to a
 * configuration of which only a part may be known: missing parents are made, and what cannot be found is passed over.
 * `assumed`: what had to be there for an operation, and was not given. Throws PP_INTENT_INVALID where a `test` fails,
 * and for a step into a list that is no index.
 */
export function applyJsonPatch(
  root: YamlNode,
  operations: readonly JsonPatchOperation[],
): { root: YamlNode; assumed: { operation: JsonPatchOperation; missing: string }[] } {
  const assumed: { operation: JsonPatchOperation; missing: string }[] = []
  let result = root
  for (const operation of operations) {
    const { op, path, from, value } = operation
    for (const steps of from === null ? [path] : [from, path]) {
      refuseWrongIndex(result, steps, operation.node, steps === path && ['add', 'move', 'copy'].includes(op))
    }
    const needed = op === 'remove' ? path : (from ?? path.slice(0, -1))
    if (op !== 'test' && find(result, needed) === undefined) {
      assumed.push({ operation, missing: `/${needed.map(escaped).join('/')}` })
    }
    if (op === 'add') result = put(result, path, value, true)
    else if (op === 'replace') result = put(result, path, value, false)
    else if (op === 'remove') result = take(result, path)
    else if (op === 'test') {
      const found = find(result, path)
      if (found !== undefined && !isEqual(found, value)) {
        throw refused(operation.node, `the test of /${path.join('/')} fails, so Talos refuses the whole patch`, '')
      }
    } else {
      const found = find(result, from ?? [])
      if (found !== undefined) result = put(op === 'move' ? take(result, from ?? []) : result, path, found, true)
    }
  }
  return { root: result, assumed }
}

/** A list takes numbers, and `-` where something is put behind the last item: Talos refuses everything else. */
function refuseWrongIndex(root: YamlNode, path: readonly string[], at: YamlNode, puts: boolean): void {
  path.forEach((step, index) => {
    const isList = find(root, path.slice(0, index))?.kind === 'list' || LISTS.has(path[index - 1] ?? '')
    const isEnd = step === '-' && puts && index === path.length - 1
    if (!isList || isEnd || /^[+-]?\d+$/.test(step)) return
    const where = `/${path.slice(0, index).map(escaped).join('/')}`
    throw refused(at, `${step} is no index of the list ${where}`, 'write a number, or - to add an item at the end')
  })
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

function find(root: YamlNode, path: readonly string[]): YamlNode | undefined {
  let node: YamlNode | undefined = root
  for (const step of path) {
    if (node?.kind === 'map') node = node.entries.get(step)?.value
    else if (node?.kind === 'list') node = /^-?\d+$/.test(step) ? node.items.at(Number(step)) : undefined
    else return undefined
  }
  return node
}

function put(root: YamlNode | undefined, path: readonly string[], value: YamlNode, insert: boolean): YamlNode {
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
  const entry = map.entries.get(step) ?? null
  const next = below[0] !== undefined && LISTS.has(step) ? (entry?.value ?? emptyList(value)) : entry?.value
  const child = put(next?.kind === 'scalar' && below.length > 0 ? undefined : next, below, value, insert)
  const entries = new Map<string, YamlEntry>(map.entries)
  entries.set(step, { keyAt: entry?.keyAt ?? value.at, value: child })
  return { ...map, entries }
}

function emptyList(value: YamlNode): YamlList {
  return { kind: 'list', at: value.at, items: [] }
}

/** An index beyond what is known means the end: the part of the list before it may stand in another file. */
function listIndex(step: string, length: number, insert: boolean): number {
  if (step === '-') return length
  const index = Number.parseInt(step, 10)
  const counted = index < 0 ? index + length + (insert ? 1 : 0) : index
  return Math.min(Math.max(Number.isNaN(counted) ? length : counted, 0), length)
}

function take(root: YamlNode, path: readonly string[]): YamlNode {
  const [step, ...below] = path
  if (step === undefined) return root
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
