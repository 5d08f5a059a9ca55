import type { YamlEntry, YamlNode } from '../format/yaml-documents.ts'

/**
 * Merges a patch into a document as Talos does (pkg/machinery/config/merge): maps key by key, lists appended, scalars
 * overridden. A null or empty value of the patch changes nothing, `false` does. Every value keeps its own place.
 */
export function mergeNodes(left: YamlNode | undefined, right: YamlNode): YamlNode {
  if (left === undefined || isZero(left)) return right
  if (isZero(right)) return left
  if (left.kind === 'list' && right.kind === 'list') return { ...left, items: [...left.items, ...right.items] }
  if (left.kind !== 'map' || right.kind !== 'map') return right
  const entries = new Map<string, YamlEntry>(left.entries)
  for (const [name, entry] of right.entries) {
    const known = entries.get(name)
    entries.set(name, known === undefined ? entry : { ...known, value: mergeNodes(known.value, entry.value) })
  }
  return { ...left, entries }
}

/** Go's zero value of a string or pointer. */
function isZero(node: YamlNode): boolean {
  return node.kind === 'scalar' && (node.value === null || node.value === '')
}
