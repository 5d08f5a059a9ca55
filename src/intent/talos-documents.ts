import { PullpathError } from '../errors.ts'
import { type IntentFile, readYamlDocuments, type YamlMap, type YamlNode } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { IntentNote } from './intent.ts'
import { applyJsonPatch, isJsonPatch, readJsonPatch } from './json-patch.ts'
import { LEGACY_BYTES, mergeNodes } from './talos-merge.ts'
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
}

/** The merged configuration, and what it was made of: Talos decodes, and may refuse, each piece by itself. */
export interface MergedTalosFiles extends TalosDocuments {
  pieces: readonly TalosDocuments[]
  notes: readonly IntentNote[]
}

const LEGACY_KEYS = ['machine', 'cluster', 'debug', 'persist']
/** The kinds that pulls depend on: known by name whatever their apiVersion says. */
export const PULL_KINDS = [
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
export function mergeTalosFiles(files: readonly IntentFile[], version: Version): MergedTalosFiles {
  const merged = new Merging(version)
  for (const file of files) {
    const roots = readYamlDocuments(file).map((document) => document.root)
    if (roots.length === 0) {
      merged.notes.push(noteOfEmptyFile(file))
      continue
    }
    const seen = new Set<string>()
    const before = new Set(merged.documents.keys())
    const foreign: YamlNode[] = []
    for (const root of roots) {
      if (isJsonPatch(root)) merged.patch(root)
      else if (isLegacy(root)) merged.mergeLegacy(root, seen)
      else if (isTalosDocument(root)) merged.mergeDocument(root, seen, before)
      else foreign.push(root)
    }
    if (foreign.length === roots.length) throw unknownFile(file, foreign)
  }
  const { legacy, pieces, notes } = merged
  return { legacy, documents: [...merged.documents.values()], pieces, notes }
}

class Merging {
  legacy: YamlMap | null = null
  readonly documents = new Map<string, TalosDocument>()
  readonly pieces: TalosDocuments[] = []
  readonly notes: IntentNote[] = []
  /** Talos 1.14 merges the documents of a patch one by one (configpatcher/strategic.go, configloader WithNoValidation). */
  readonly #mergesWithinFile: boolean

  constructor(version: Version) {
    this.#mergesWithinFile = isAtLeast(version, '1.14.0-beta.0')
  }

  mergeLegacy(root: YamlMap, seen: Set<string>): void {
    if (root.entries.has('$patch')) {
      throw new PullpathError('PP_INTENT_INVALID', 'Talos refuses to delete the machine configuration itself', {
        position: root.entries.get('$patch')?.keyAt ?? root.at,
        advice: 'put $patch: delete under the key that shall go',
      })
    }
    const { rest, deletes } = takeDeletes(root)
    for (const statement of deletes) if (this.legacy !== null) this.legacy = applyDelete(this.legacy, statement)
    if (rest === null) return
    this.#refuseSecond('machine configuration', root.at, seen)
    this.pieces.push({ legacy: rest, documents: [] })
    this.#setLegacy(mergeNodes(this.legacy ?? undefined, rest, LEGACY_BYTES))
  }

  /** `before`: the documents that were there before this file: before 1.14 it can delete only these. */
  mergeDocument(root: YamlMap, seen: Set<string>, before: Set<string>): void {
    const [apiVersion, kind, name] = [
      scalarText(root, 'apiVersion'),
      scalarText(root, 'kind'),
      scalarText(root, 'name'),
    ]
    const id = [apiVersion, kind, name].join('/')
    const { rest, deletes } = takeDeletes(root)
    if (rest === null) {
      if (before.delete(id) || this.#mergesWithinFile) this.documents.delete(id)
      return
    }
    this.#refuseSecond(`${kind}${name === '' ? '' : ` ${name}`}`, root.at, seen)
    const known = this.documents.get(id)
    let left = known?.root
    for (const statement of deletes) if (left !== undefined) left = applyDelete(left, statement)
    const merged = mergeNodes(left, rest)
    const at = known?.at ?? root.entries.get('name')?.value.at ?? root.at
    this.pieces.push({ legacy: null, documents: [{ apiVersion, kind, name, at, root: rest }] })
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
    const { root, assumed } = applyJsonPatch(start, readJsonPatch(list))
    for (const { operation, missing } of assumed) {
      const { op, node } = operation
      const takes = op === 'add' || op === 'replace' ? '' : '; it is passed over here'
      this.notes.push({
        code: 'PARTIAL_PATCH',
        message: `no file before has ${missing}: Talos refuses this ${op} if the whole configuration has none${takes}`,
        source: node.at,
      })
    }
    this.#setLegacy(root)
    if (this.legacy !== null) this.pieces.push({ legacy: this.legacy, documents: [] })
  }

  #setLegacy(root: YamlNode): void {
    if (root.kind === 'map') this.legacy = root
  }

  #refuseSecond(what: string, position: SourcePosition, seen: Set<string>): void {
    // decoder.go: `duplicate document … is not allowed`; older releases refuse it while they build the configuration.
    if (seen.has(what) && !this.#mergesWithinFile) {
      throw new PullpathError('PP_INTENT_INVALID', `Talos refuses a file that holds the same document twice: ${what}`, {
        position,
        advice: 'merge the two into one document, or put them into two files',
      })
    }
    seen.add(what)
  }
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

function unknownFile(file: IntentFile, foreign: readonly YamlNode[]): PullpathError {
  const [first] = foreign
  const position = first?.at ?? { file: file.path, line: 1, column: 1 }
  const found = [...new Set(foreign.map(describeForeign))].slice(0, 5).join('; ')
  const known = foreign.map(adviceFor).find((it) => it !== null)
  const advice =
    known ?? 'a machine configuration or a patch of it starts with machine:, a newer document with apiVersion and kind'
  return new PullpathError('PP_INTENT_UNKNOWN', `nothing in this file is Talos configuration: it holds ${found}`, {
    position,
    advice,
  })
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

/** A file that somebody commented out is no mistake; one of 0 bytes may be one that is being written. */
function noteOfEmptyFile(file: IntentFile): IntentNote {
  const source = { file: file.path, line: 1, column: 1 }
  if (file.text.trim() === '') throw new PullpathError('PP_INTENT_UNKNOWN', 'this file is empty', { position: source })
  return { code: 'DOCUMENT_IGNORED', message: 'this file holds comments only', source }
}
