import type { YamlEntry, YamlNode } from '../format/yaml-documents.ts'

/** Keys of the legacy document whose values are bytes to Talos: there an empty text overrides. */
export const LEGACY_BYTES: ReadonlySet<string> = new Set(['ca', 'crt', 'key'])

/**
 * Merges a patch into a document as Talos does (pkg/machinery/config/merge): maps key by key, lists appended, scalars
 * overridden. A null or empty value of the patch changes nothing, `false` does, and so does an empty value of a key
 * among `bytes`. Every value keeps its own place.
 */
export function mergeNodes(left: YamlNode | undefined, right: YamlNode, bytes?: ReadonlySet<string>): YamlNode {
  if (left === undefined || isZero(left)) return right
  if (isZero(right)) return left
  if (left.kind === 'list' && right.kind === 'list') return { ...left, items: [...left.items, ...right.items] }
  if (left.kind !== 'map' || right.kind !== 'map') return right
  const entries = new Map<string, YamlEntry>(left.entries)
  for (const [name, entry] of right.entries) {
    const known = entries.get(name)
    const isEmptied = bytes?.has(name) === true && entry.value.kind === 'scalar' && entry.value.value === ''
    entries.set(
      name,
      known === undefined || isEmptied ? entry : { ...known, value: mergeNodes(known.value, entry.value, bytes) },
    )
  }
  return { ...left, entries }
}

/** Go's zero value of a string or pointer. */
function isZero(node: YamlNode): boolean {
  return node.kind === 'scalar' && (node.value === null || node.value === '')
}
