import { readYamlDocuments, type YamlNode, type YamlScalar } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'

/**
 * Reads the YAML that stands as text inside another document; null where it is empty.
 * Places are those in the outer file, if the text is a block scalar that starts with `|`.
 * Throws PP_YAML_INVALID like `readYamlDocuments`.
 */
export function readEmbeddedYaml(outer: YamlScalar): YamlNode | null {
  // Blank lines and columns before it put every place where it stands in the outer file.
  const { line, column } = outer.textAt
  const margin = ' '.repeat(column - 1)
  const indented = outer.text.split('\n').map((it) => (it === '' ? it : margin + it))
  const isInline = outer.at.line === outer.textAt.line
  const text = isInline ? outer.text : '\n'.repeat(line - 1) + indented.join('\n')
  const [document] = readYamlDocuments({ path: outer.at.file, text })
  if (document === undefined) return null
  return isInline ? placedAt(document.root, outer.textAt) : document.root
}

/** Text in quotes has no lines of its own: everything in it stands where it begins. */
function placedAt(node: YamlNode, at: SourcePosition): YamlNode {
  if (node.kind === 'scalar') return { ...node, at, textAt: at }
  if (node.kind === 'list') return { ...node, at, items: node.items.map((it) => placedAt(it, at)) }
  const entries = [...node.entries].map(
    ([key, entry]) => [key, { keyAt: at, value: placedAt(entry.value, at) }] as const,
  )
  return { kind: 'map', at, entries: new Map(entries) }
}
