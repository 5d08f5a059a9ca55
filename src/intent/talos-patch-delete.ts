import { PullpathError } from '../errors.ts'
import type { YamlEntry, YamlMap, YamlNode } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import { goUrlAsWritten } from './talos-endpoint-url.ts'
import { scalarText } from './talos-fields.ts'

/** What a `$patch: delete` takes away. */
export interface PatchDelete {
  /** Keys from the document's root; empty: the document itself. */
  path: readonly string[]
  /** null: the value at `path`; else the first item of the list at `path` whose `key` is `value`. */
  item: { key: string; value: string } | null
  at: SourcePosition
}

/** Talos compares an item's strings and URLs alone (selector.go): these are those of endpoints and `machine.files`. */
const SELECTING: ReadonlySet<string> = new Set(['url', 'path', 'op', 'content'])

/**
 * Takes the `$patch: delete` statements out of a patch document, and drops what they leave empty
 * (configloader/internal/decoder/delete.go). `rest` is null where nothing is left.
 * Throws PP_INTENT_INVALID for a statement inside a list's item, which Talos refuses, and for one below a key that
 * starts with `[`, which Talos takes for an item.
 */
export function takeDeletes(root: YamlMap): { rest: YamlMap | null; deletes: PatchDelete[] } {
  const deletes: PatchDelete[] = []

  function takeFromMap(map: YamlMap, path: readonly string[], insideItem: boolean): YamlMap | null {
    if (isDelete(map)) {
      const at = placeOfDelete(map)
      if (insideItem) throw insideItemError(at)
      const bracket = path.find((step) => step.startsWith('['))
      if (bracket !== undefined) throw bracketError(bracket, at)
      deletes.push({ path, item: null, at })
      return null
    }
    const entries = new Map<string, YamlEntry>()
    for (const [name, entry] of map.entries) {
      const value = takeFrom(entry.value, [...path, name], insideItem)
      if (value !== null) entries.set(name, { ...entry, value })
    }
    return entries.size === 0 && map.entries.size > 0 ? null : { ...map, entries }
  }

  function takeFrom(node: YamlNode, path: readonly string[], insideItem: boolean): YamlNode | null {
    if (node.kind === 'map') return takeFromMap(node, path, insideItem)
    if (node.kind !== 'list') return node
    const items: YamlNode[] = []
    for (const item of node.items) {
      const selector = item.kind === 'map' && isDelete(item) ? firstScalar(item) : null
      if (selector !== null && item.kind === 'map') deletes.push({ path, item: selector, at: placeOfDelete(item) })
      else {
        const value = takeFrom(item, path, true)
        if (value !== null) items.push(value)
      }
    }
    return items.length === 0 && node.items.length > 0 ? null : { ...node, items }
  }

  return { rest: takeFromMap(root, [], false), deletes }
}

/** Carries out one statement on a document. The same document comes back where nothing is there to delete. */
export function applyDelete(root: YamlMap, statement: PatchDelete): YamlMap {
  const [name, ...below] = statement.path
  const entry = name === undefined ? undefined : root.entries.get(name)
  if (name === undefined || entry === undefined) return root
  const entries = new Map(root.entries)
  const { value } = entry
  if (below.length > 0) {
    const left = value.kind === 'map' ? applyDelete(value, { ...statement, path: below }) : value
    if (left === value) return root
    entries.set(name, { ...entry, value: left })
  } else if (statement.item === null) entries.delete(name)
  else {
    const { item } = statement
    const index = value.kind === 'list' ? value.items.findIndex((it) => isSelected(it, item)) : -1
    if (value.kind !== 'list' || index === -1) return root
    entries.set(name, { ...entry, value: { ...value, items: value.items.toSpliced(index, 1) } })
  }
  return { ...root, entries }
}

/** Where `$patch: delete` stands in this map. */
export function placeOfDelete(map: YamlMap): SourcePosition {
  return map.entries.get('$patch')?.keyAt ?? map.at
}

function isDelete(map: YamlMap): boolean {
  return scalarText(map, '$patch') === 'delete'
}

function firstScalar(map: YamlMap): { key: string; value: string } | null {
  for (const [key, { value }] of map.entries) {
    if (key !== '$patch') return value.kind === 'scalar' ? { key, value: value.text } : null
  }
  return null
}

function isSelected(item: YamlNode, { key, value }: { key: string; value: string }): boolean {
  if (item.kind !== 'map' || !SELECTING.has(key)) return false
  const text = scalarText(item, key)
  return (key === 'url' ? goUrlAsWritten(text) : text) === value
}

function insideItemError(position: SourcePosition): PullpathError {
  return new PullpathError('PP_INTENT_INVALID', 'Talos refuses $patch: delete below an item of a list', {
    position,
    advice: 'delete the whole item: its first key and value, and $patch: delete beside them',
  })
}

function bracketError(step: string, position: SourcePosition): PullpathError {
  return new PullpathError(
    'PP_INTENT_INVALID',
    `Talos takes ${step} for an item of a list and refuses $patch: delete there`,
    { position, advice: 'delete the map that holds it and declare the rest anew, or remove it by a JSON patch' },
  )
}
