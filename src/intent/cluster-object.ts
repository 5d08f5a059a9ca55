import { PullpathError } from '../errors.ts'
import { type IntentFile, readYamlDocuments, type YamlNode } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import { readSpegelIntent, type SpegelReading } from './spegel-intent.ts'

/** An object as the API server gives it, under the name that a person knows it by: `daemonset kube-system/spegel`. */
export interface ClusterObject {
  name: string
  object: Readonly<Record<string, unknown>>
}

/**
 * Reads Spegel's settings from objects of the cluster by the same rules as from files. Places are paths in the objects.
 * Throws what `readSpegelIntent` throws.
 */
export function readSpegelObjects(
  objects: readonly ClusterObject[],
  options: { version: Version | null },
): SpegelReading {
  const files = objects.map(({ name, object }): IntentFile => ({ path: name, text: JSON.stringify(object) }))
  try {
    return relocated(readSpegelIntent(files, options), files)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    const { code, message, advice, position } = error
    throw new PullpathError(code, message, { advice, position: relocated(position, files), cause: error })
  }
}

/** The same value with every place in the JSON texts replaced by the path in the object. */
function relocated<T>(value: T, files: readonly IntentFile[]): T {
  const places = new Map<string, Map<number, string>>()
  const pathAt = ({ file, column }: SourcePosition): string | undefined => {
    const text = files.find((it) => it.path === file)?.text
    if (text === undefined) return undefined
    if (!places.has(file)) places.set(file, pathsByColumn({ path: file, text }))
    return places.get(file)?.get(column)
  }
  const walk = (it: unknown): unknown => {
    if (Array.isArray(it)) return it.map(walk)
    if (typeof it !== 'object' || it === null) return it
    if (!isPosition(it)) return Object.fromEntries(Object.entries(it).map(([key, child]) => [key, walk(child)]))
    const path = pathAt(it)
    return { file: path === undefined || path === '' ? it.file : `${it.file} ${path}`, line: 0, column: 0 }
  }
  return walk(value) as T
}

function isPosition(value: object): value is SourcePosition {
  return 'file' in value && 'line' in value && 'column' in value
}

/** JSON on one line: the column alone tells the place. */
function pathsByColumn(file: IntentFile): Map<number, string> {
  const paths = new Map<number, string>()
  const walk = (node: YamlNode, path: string): void => {
    paths.set(node.at.column, path)
    if (node.kind === 'scalar') paths.set(node.textAt.column, path)
    if (node.kind === 'list') for (const [index, item] of node.items.entries()) walk(item, `${path}[${index}]`)
    if (node.kind === 'map') {
      for (const [key, { keyAt, value }] of node.entries) {
        const below = /^[A-Za-z_][\w-]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
        paths.set(keyAt.column, below)
        walk(value, below)
      }
    }
  }
  for (const { root } of readYamlDocuments(file)) walk(root, '')
  return paths
}
