import { PullpathError } from '../errors.ts'
import type { IntentFile, YamlNode } from '../format/yaml-documents.ts'
import type { IntentNote } from './intent.ts'
import { scalarText } from './talos-fields.ts'

/** The refusal of a file in which nothing is Talos', by what it holds. `foreign`: its documents, at least one. */
export function foreignFile(file: IntentFile, foreign: readonly YamlNode[]): PullpathError {
  const [first] = foreign
  const position = first?.at ?? { file: file.path, line: 1, column: 1 }
  const found = [...new Set(foreign.map(describe))].slice(0, 5).join('; ')
  const known = foreign.map(adviceFor).find((it) => it !== null)
  const advice =
    known ?? 'a machine configuration or a patch of it starts with machine:, a newer document with apiVersion and kind'
  return new PullpathError('PP_INTENT_UNKNOWN', `nothing in this file is Talos configuration: it holds ${found}`, {
    position,
    advice,
  })
}

/**
 * The note of a file without documents: one that somebody commented out is no mistake.
 * Throws PP_INTENT_UNKNOWN for one of 0 bytes, which may be one that is being written.
 */
export function noteOfEmptyFile(file: IntentFile): IntentNote {
  const source = { file: file.path, line: 1, column: 1 }
  if (file.text.trim() === '') throw new PullpathError('PP_INTENT_UNKNOWN', 'this file is empty', { position: source })
  return { code: 'DOCUMENT_IGNORED', message: 'this file holds comments only', source }
}

function describe(root: YamlNode): string {
  if (root.kind === 'list') return 'a list that is no JSON patch'
  if (root.kind === 'scalar') return 'a single value'
  const kind = scalarText(root, 'kind')
  if (kind !== '') return `${kind} (${scalarText(root, 'apiVersion') || 'without apiVersion'})`
  return `a document with the keys ${[...root.entries.keys()].slice(0, 5).join(', ')}`
}

/** What to do about a document that stands near Talos in a repository; null where nothing is known about it. */
function adviceFor(root: YamlNode): string | null {
  if (root.kind !== 'map') return null
  const keys = root.entries
  const kind = scalarText(root, 'kind')
  if (keys.has('clusterName') && keys.has('nodes')) {
    return "this is talhelper's own configuration: give its patch files, or the rendered clusterconfig/*.yaml"
  }
  if (keys.has('talosVersion')) return "this is talhelper's talenv.yaml: give its talosVersion as --talos-version"
  if (kind === '' && ['registries', 'mirrors', 'files'].some((key) => keys.has(key))) {
    return 'this is the inside of a machine configuration: put it below machine: (mirrors: below machine.registries:)'
  }
  if (['HelmRelease', 'OCIRepository', 'HelmRepository', 'DaemonSet'].includes(kind)) {
    return "if this is Spegel's, give it as --spegel"
  }
  return null
}
