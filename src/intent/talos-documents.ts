import { PullpathError } from '../errors.ts'
import { type IntentFile, readYamlDocuments, type YamlMap, type YamlNode } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import type { IntentNote } from './intent.ts'
import { applyJsonPatch, isJsonPatch, readJsonPatch } from './json-patch.ts'
import { mergeNodes } from './talos-merge.ts'
import { applyDelete, takeDeletes } from './talos-patch-delete.ts'

/** A Talos document of a kind of its own, as against the legacy one with `machine` and `cluster`. */
export interface TalosDocument {
  apiVersion: string
  kind: string
  /** Empty for kinds that have none. */
  name: string
  /** Where `name` stands, else the document. */
  at: SourcePosition
  root: YamlMap
}

/** Everything that the files make of the machine configuration, as Talos merges patches in the order given. */
export interface TalosDocuments {
  /** null: no file has a legacy document, nor a patch of it. */
  legacy: YamlMap | null
  documents: readonly TalosDocument[]
  notes: readonly IntentNote[]
}

const LEGACY_KEYS = ['machine', 'cluster', 'debug', 'persist']
/** The kinds that pulls depend on: known by name whatever their apiVersion says. */
const PULL_KINDS = [
  'RegistryMirrorConfig',
  'RegistryTLSConfig',
  'RegistryAuthConfig',
  'CRICustomizationConfig',
  'ImageCacheConfig',
] as const

/**
 * Reads and merges machine configuration and patches of it: whole files, strategic merge patches, JSON patches.
 * Documents that are not Talos' are passed over. Throws PP_YAML_INVALID, PP_INTENT_INVALID for a patch that Talos
 * refuses, and PP_INTENT_UNKNOWN for a file in which nothing is Talos'.
 */
export function mergeTalosFiles(files: readonly IntentFile[]): TalosDocuments {
  const merged = new Merging()
  for (const file of files) {
    const roots = readYamlDocuments(file).map((document) => document.root)
    if (roots.length === 0) {
      merged.notes.push(noteOfEmptyFile(file))
      continue
    }
    const seen = new Set<string>()
    const before = new Set(merged.documents.keys())
    const foreign: string[] = []
    for (const root of roots) {
      if (isJsonPatch(root)) merged.patch(root)
      else if (isLegacy(root)) merged.mergeLegacy(root, seen)
      else if (isTalosDocument(root)) merged.mergeDocument(root, seen, before)
      else foreign.push(describeForeign(root))
    }
    if (foreign.length === roots.length) throw unknownFile(file, roots[0], foreign)
  }
  return { legacy: merged.legacy, documents: [...merged.documents.values()], notes: merged.notes }
}

class Merging {
  legacy: YamlMap | null = null
  readonly documents = new Map<string, TalosDocument>()
  readonly notes: IntentNote[] = []

  mergeLegacy(root: YamlMap, seen: Set<string>): void {
    refuseSecond('machine configuration', root.at, seen)
    if (root.entries.has('$patch')) {
      throw new PullpathError('PP_INTENT_INVALID', 'Talos refuses to delete the machine configuration itself', {
        position: root.entries.get('$patch')?.keyAt ?? root.at,
        advice: 'put $patch: delete under the key that shall go',
      })
    }
    const { rest, deletes } = takeDeletes(root)
    for (const statement of deletes) if (this.legacy !== null) this.legacy = applyDelete(this.legacy, statement)
    if (rest !== null) this.#setLegacy(mergeNodes(this.legacy ?? undefined, rest))
  }

  /** `before`: the documents that were there before this file: only these can it delete (configpatcher/strategic.go). */
  mergeDocument(root: YamlMap, seen: Set<string>, before: Set<string>): void {
    const [apiVersion, kind, name] = [
      scalarText(root, 'apiVersion'),
      scalarText(root, 'kind'),
      scalarText(root, 'name'),
    ]
    const id = [apiVersion, kind, name].join('/')
    const { rest, deletes } = takeDeletes(root)
    if (rest === null) {
      if (before.delete(id)) this.documents.delete(id)
      return
    }
    refuseSecond(`${kind}${name === '' ? '' : ` ${name}`}`, root.at, seen)
    const known = this.documents.get(id)
    let left = known?.root
    for (const statement of deletes) if (left !== undefined) left = applyDelete(left, statement)
    const merged = mergeNodes(left, rest)
    const at = known?.at ?? root.entries.get('name')?.value.at ?? root.at
    if (merged.kind === 'map') this.documents.set(id, { apiVersion, kind, name, at, root: merged })
  }

  patch(list: YamlNode & { kind: 'list' }): void {
    // configpatcher/json6902.go counts the documents first.
    if (this.documents.size > 0) {
      this.notes.push({
        code: 'PARTIAL_PATCH',
        message:
          'Talos refuses a JSON patch once the machine configuration has several documents; ' +
          'it is read here as if it came before them. A strategic merge patch works in both cases',
        source: list.at,
      })
    }
    const start = this.legacy ?? { kind: 'map', at: list.at, entries: new Map() }
    const { root, unresolved } = applyJsonPatch(start, readJsonPatch(list))
    for (const operation of unresolved) {
      this.notes.push({
        code: 'PARTIAL_PATCH',
        message: `this ${operation.op} takes a value from a configuration that was not given, so it is passed over`,
        source: operation.node.at,
      })
    }
    this.#setLegacy(root)
  }

  #setLegacy(root: YamlNode): void {
    if (root.kind === 'map') this.legacy = root
  }
}

function refuseSecond(what: string, position: SourcePosition, seen: Set<string>): void {
  // decoder.go: `duplicate document … is not allowed`; older releases refuse it while they build the configuration.
  if (seen.has(what)) {
    throw new PullpathError('PP_INTENT_INVALID', `Talos refuses a file that holds the same document twice: ${what}`, {
      position,
      advice: 'merge the two into one document, or put them into two files',
    })
  }
  seen.add(what)
}

function isLegacy(root: YamlNode): root is YamlMap {
  return root.kind === 'map' && !root.entries.has('kind') && LEGACY_KEYS.some((key) => root.entries.has(key))
}

function isTalosDocument(root: YamlNode): root is YamlMap {
  if (root.kind !== 'map') return false
  const kind = scalarText(root, 'kind')
  const isPullKind = PULL_KINDS.some((name) => name === kind) && !root.entries.has('metadata')
  return isPullKind || (kind !== '' && scalarText(root, 'apiVersion') === 'v1alpha1')
}

/** The text of a scalar under this key; empty where there is none. */
function scalarText(map: YamlMap, key: string): string {
  const value = map.entries.get(key)?.value
  return value?.kind === 'scalar' ? value.text : ''
}

function describeForeign(root: YamlNode): string {
  if (root.kind === 'list') return 'a list that is no JSON patch'
  if (root.kind === 'scalar') return 'a single value'
  const kind = scalarText(root, 'kind')
  if (kind !== '') return `${kind} (${scalarText(root, 'apiVersion') || 'without apiVersion'})`
  return `a document with the keys ${[...root.entries.keys()].slice(0, 5).join(', ')}`
}

function unknownFile(file: IntentFile, first: YamlNode | undefined, foreign: readonly string[]): PullpathError {
  const position = first?.at ?? { file: file.path, line: 1, column: 1 }
  const found = [...new Set(foreign)].slice(0, 5).join('; ')
  const keys = first?.kind === 'map' ? first.entries : new Map<string, never>()
  let advice =
    'a machine configuration or a patch of it starts with machine:, a newer document with apiVersion and kind'
  if (keys.has('clusterName') && keys.has('nodes')) {
    advice = "this is talhelper's own configuration: give its patch files, or the rendered clusterconfig/*.yaml"
  } else if (keys.has('registries') || keys.has('mirrors') || keys.has('files')) {
    advice = 'this is the inside of a machine configuration: put it below machine: (mirrors: below machine.registries:)'
  }
  return new PullpathError('PP_INTENT_UNKNOWN', `nothing in this file is Talos configuration: it holds ${found}`, {
    position,
    advice,
  })
}

/** A file that somebody commented out is no mistake; one of 0 bytes may be one that is being written. */
function noteOfEmptyFile(file: IntentFile): IntentNote {
  const source = { file: file.path, line: 1, column: 1 }
  if (file.text.trim() === '') throw new PullpathError('PP_INTENT_UNKNOWN', 'this file is empty', { position: source })
  return { code: 'DOCUMENT_IGNORED', message: 'this file holds comments only', source }
}
