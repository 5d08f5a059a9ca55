import type { YamlMap, YamlNode } from './yaml-documents.ts'

/** The node at a path; undefined where nothing stands there. */
export function nodeAt(node: YamlNode | undefined, ...path: readonly (string | number)[]): YamlNode | undefined {
  let found = node
  for (const step of path) {
    if (found?.kind === 'map') found = found.entries.get(String(step))?.value
    else if (found?.kind === 'list') found = found.items[Number(step)]
    else return undefined
  }
  return found
}

/** The text of a scalar at a path, as it was written; null where there is none, or null stands there. */
export function textAt(node: YamlNode | undefined, ...path: readonly (string | number)[]): string | null {
  const found = nodeAt(node, ...path)
  return found?.kind === 'scalar' && found.value !== null ? found.text : null
}

export function mapAt(node: YamlNode | undefined, ...path: readonly (string | number)[]): YamlMap | null {
  const found = nodeAt(node, ...path)
  return found?.kind === 'map' ? found : null
}

/** The entries of the list at a path; none where there is no list. */
export function itemsAt(node: YamlNode | undefined, ...path: readonly (string | number)[]): readonly YamlNode[] {
  const found = nodeAt(node, ...path)
  return found?.kind === 'list' ? found.items : []
}
