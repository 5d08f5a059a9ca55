import type { YamlEntry, YamlMap, YamlNode } from '../format/yaml-documents.ts'

/**
 * Merges values as Helm does: maps deeply, everything else is replaced, the later one wins.
 * A null stays: it takes the chart's own default away (see `lookUp`).
 */
export function mergeHelmValues(earlier: YamlNode, later: YamlNode): YamlNode {
  if (earlier.kind !== 'map' || later.kind !== 'map') return later
  const entries = new Map<string, YamlEntry>(earlier.entries)
  for (const [key, entry] of later.entries) {
    const before = entries.get(key)
    entries.set(key, before === undefined ? entry : { ...entry, value: mergeHelmValues(before.value, entry.value) })
  }
  return { kind: 'map', at: later.at, entries }
}

/** What is found at a path of the values: what was written, `default` where nothing was, `gone` where a null removed it. */
export type Found = { kind: 'written'; node: YamlNode } | { kind: 'default' } | { kind: 'gone'; node: YamlNode }

/** The value at a path of the user's values, on top of a chart that has defaults for all of it. */
export function lookUp(values: YamlMap, path: readonly string[]): Found {
  let node: YamlNode = values
  for (const step of path) {
    if (node.kind !== 'map') return { kind: 'gone', node }
    const entry = node.entries.get(step)
    if (entry === undefined) return { kind: 'default' }
    node = entry.value
  }
  return isNull(node) ? { kind: 'gone', node } : { kind: 'written', node }
}

export function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null
}

/** What a template's `if` and `with` make of a value: empty text, empty lists and maps, 0, false and null are false. */
export function isTrue(node: YamlNode): boolean {
  if (node.kind === 'map') return node.entries.size > 0
  if (node.kind === 'list') return node.items.length > 0
  const boolean = asBoolean(node)
  return boolean ?? (node.value !== '' && node.value !== 0 && node.value !== null)
}

/** What a template prints for a scalar; nothing for null. */
export function printed(node: YamlNode): string | null {
  if (node.kind !== 'scalar') return null
  const boolean = asBoolean(node)
  if (boolean !== null) return String(boolean)
  return node.value === null ? '' : String(node.value)
}

/** Helm's YAML reader follows YAML 1.1, to which `yes` and `off` without quotes are booleans. */
function asBoolean(node: YamlNode): boolean | null {
  if (node.kind !== 'scalar') return null
  if (typeof node.value === 'boolean') return node.value
  if (!node.plain || typeof node.value !== 'string') return null
  if (/^(y|Y|yes|Yes|YES|on|On|ON)$/.test(node.value)) return true
  return /^(n|N|no|No|NO|off|Off|OFF)$/.test(node.value) ? false : null
}
