import { PullpathError } from '../errors.ts'
import type { YamlEntry, YamlMap, YamlNode } from '../format/yaml-documents.ts'

/** What a `$patch: delete` takes away. */
export interface PatchDelete {
  /** Keys from the document's root; empty: the document itself. */
  path: readonly string[]
  /** null: the value at `path`; else the first item of the list at `path` whose `key` is `value`. */
  item: { key: string; value: string } | null
}

/**
 * Takes the `$patch: delete` statements out of a patch document: Talos carries them out before it merges the rest
 * (configloader/internal/decoder/delete.go), and drops what they leave empty. `rest` is null where nothing is left.
 * Throws PP_INTENT_INVALID for a statement inside a list's item, which Talos refuses.
 */
export function takeDeletes(root: YamlMap): { rest: YamlMap | null; deletes: PatchDelete[] } {
  const deletes: PatchDelete[] = []

  function takeFromMap(map: YamlMap, path: readonly string[], insideItem: boolean): YamlMap | null {
    if (isDelete(map)) {
      if (insideItem) {
        throw new PullpathError('PP_INTENT_INVALID', 'Talos refuses $patch: delete below an item of a list', {
          position: map.entries.get('$patch')?.keyAt ?? map.at,
          advice: 'delete the whole item: its first key and value, and $patch: delete beside them',
        })
      }
      deletes.push({ path, item: null })
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
      if (selector !== null) deletes.push({ path, item: selector })
      else {
        const value = takeFrom(item, path, true)
        if (value !== null) items.push(value)
      }
    }
    return items.length === 0 && node.items.length > 0 ? null : { ...node, items }
  }

  return { rest: takeFromMap(root, [], false), deletes }
}

/** Carries out one statement. What is not there stays away: the base configuration may not have been given. */
export function applyDelete(root: YamlMap, statement: PatchDelete): YamlMap {
  const [name, ...below] = statement.path
  const entry = name === undefined ? undefined : root.entries.get(name)
  if (name === undefined || entry === undefined) return root
  const entries = new Map(root.entries)
  if (below.length > 0) {
    if (entry.value.kind === 'map') {
      entries.set(name, { ...entry, value: applyDelete(entry.value, { ...statement, path: below }) })
    }
  } else if (statement.item === null) entries.delete(name)
  else if (entry.value.kind === 'list') {
    const { key, value } = statement.item
    const index = entry.value.items.findIndex((item) => textOfKey(item, key) === value)
    const items = entry.value.items.filter((_, position) => position !== index)
    entries.set(name, { ...entry, value: { ...entry.value, items } })
  }
  return { ...root, entries }
}

function isDelete(map: YamlMap): boolean {
  const patch = map.entries.get('$patch')?.value
  return patch?.kind === 'scalar' && patch.text === 'delete'
}

function firstScalar(map: YamlMap): { key: string; value: string } | null {
  for (const [key, { value }] of map.entries) {
    if (key !== '$patch') return value.kind === 'scalar' ? { key, value: value.text } : null
  }
  return null
}

function textOfKey(item: YamlNode, key: string): string | null {
  const value = item.kind === 'map' ? item.entries.get(key)?.value : undefined
  return value?.kind === 'scalar' ? value.text : null
}
