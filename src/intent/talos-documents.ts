import { PullpathError } from '../errors.ts'
import {
  type IntentFile,
  readYamlDocuments,
  type YamlList,
  type YamlMap,
  type YamlNode,
} from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { IntentNote } from './intent.ts'
import { applyJsonPatch, isJsonPatch, readJsonPatch } from './json-patch.ts'
import { scalarText } from './talos-fields.ts'
import { foreignFile, noteOfEmptyFile } from './talos-foreign-file.ts'
import { LEGACY_BYTES, mergeNodes } from './talos-merge.ts'
import { applyDelete, type PatchDelete, placeOfDelete, takeDeletes } from './talos-patch-delete.ts'

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
  const merging = new Merging(version)
  for (const file of files) merging.mergeFile(file)
  return merging.result()
}

class Merging {
  #legacy: YamlMap | null = null
  readonly #documents = new Map<string, TalosDocument>()
  readonly #pieces: TalosDocuments[] = []
  readonly #notes: IntentNote[] = []
  /** Whether Talos has not decoded yet what JSON patches made: it does so before the next merge, and at the end. */
  #isPatched = false
  /** Talos 1.14 merges the documents of a patch one by one (configpatcher/strategic.go, configloader WithNoValidation). */
  readonly #mergesWithinFile: boolean

  constructor(version: Version) {
    this.#mergesWithinFile = isAtLeast(version, '1.14.0-beta.0')
  }

  mergeFile(file: IntentFile): void {
    const roots = readYamlDocuments(file).map((document) => document.root)
    if (roots.length === 0) {
      this.#notes.push(noteOfEmptyFile(file))
      return
    }
    const patch = roots.find(isJsonPatch)
    if (patch !== undefined) {
      if (roots.length > 1) throw patchBesideDocuments(patch)
      this.#patch(patch)
      return
    }
    const [legacy, documents] = [roots.filter(isLegacy), roots.filter(isTalosDocument)]
    if (legacy.length + documents.length === 0) throw foreignFile(file, roots)
    this.#decode()
    this.#mergeLegacy(legacy)
    this.#mergeDocuments(documents)
  }

  result(): MergedTalosFiles {
    this.#decode()
    const [legacy, pieces, notes] = [this.#legacy, this.#pieces, this.#notes]
    return { legacy, documents: [...this.#documents.values()], pieces, notes }
  }

  /** Carries out the deletes of all these documents before it merges the first of them (container.go, Documents). */
  #mergeLegacy(roots: readonly YamlMap[]): void {
    const taken = roots.map((root) => {
      if (root.entries.has('$patch')) throw wholeLegacyDeleted(root)
      return takeDeletes(root)
    })
    for (const statement of taken.flatMap((it) => it.deletes)) {
      const left = this.#legacy === null ? null : applyDelete(this.#legacy, statement)
      if (lacksPullPart(this.#legacy, left, statement))
        this.#noteMissing(nameOfDeleted(statement), 'delete', statement.at)
      this.#legacy = left
    }
    const seen = new Set<string>()
    for (const { rest } of taken) {
      if (rest === null) continue
      this.#refuseSecond('machine configuration', rest.at, seen)
      this.#pieces.push({ legacy: rest, documents: [] })
      const merged = mergeNodes(this.#legacy ?? undefined, rest, LEGACY_BYTES)
      if (merged.kind === 'map') this.#legacy = merged
    }
  }

  #mergeDocuments(roots: readonly YamlMap[]): void {
    const seen = new Set<string>()
    // Before 1.14 a file can delete only what was there before it.
    const before = new Set(this.#documents.keys())
    for (const root of roots) {
      const [apiVersion, kind, name] = [
        scalarText(root, 'apiVersion'),
        scalarText(root, 'kind'),
        scalarText(root, 'name'),
      ]
      const id = [apiVersion, kind, name].join('/')
      const title = `${kind}${name === '' ? '' : ` ${name}`}`
      const { rest, deletes } = takeDeletes(root)
      const [first] = deletes
      if (first !== undefined && apiVersion === '') throw deleteWithoutVersion(kind, root, first)
      const known = this.#documents.get(id)
      // Talos 1.14 passes over what deletes from a document that is not there; older ones break off.
      if (first !== undefined && !before.has(id) && isPullKind(kind) && !this.#mergesWithinFile) {
        this.#noteMissing(`the ${title}`, 'delete', first.at)
      }
      if (rest === null) {
        if (before.delete(id) || this.#mergesWithinFile) this.#documents.delete(id)
        continue
      }
      this.#refuseSecond(title, root.at, seen)
      let left = known?.root
      for (const statement of deletes) {
        if (left === undefined) break
        const without = applyDelete(left, statement)
        if (statement.item !== null && without === left && isPullKind(kind)) {
          this.#noteMissing(`${statement.item.value} in the ${title}`, 'delete', statement.at)
        }
        left = without
      }
      const merged = mergeNodes(left, rest)
      const at = known?.at ?? root.entries.get('name')?.value.at ?? root.at
      this.#pieces.push({ legacy: null, documents: [{ apiVersion, kind, name, at, root: rest }] })
      if (merged.kind === 'map') this.#documents.set(id, { apiVersion, kind, name, at, root: merged })
    }
  }

  #patch(list: YamlList): void {
    // configpatcher/json6902.go counts the documents first.
    if (this.#documents.size > 0) {
      this.#notes.push({
        code: 'PARTIAL_PATCH',
        message:
          'Talos refuses a JSON patch once the machine configuration has several documents; ' +
          'it is read here as if it came before them. A strategic merge patch works in both cases',
        source: list.at,
      })
    }
    const start = this.#legacy ?? { kind: 'map', at: list.at, entries: new Map() }
    const { root, assumed } = applyJsonPatch(start, readJsonPatch(list))
    for (const { operation, missing } of assumed) {
      const { op, node } = operation
      this.#noteMissing(missing, op, node.at)
    }
    this.#legacy = root
    this.#isPatched = true
  }

  #decode(): void {
    if (this.#isPatched) this.#pieces.push({ legacy: this.#legacy, documents: [] })
    this.#isPatched = false
  }

  #noteMissing(what: string, operation: string, source: SourcePosition): void {
    const message = `no file before has ${what}: Talos refuses this ${operation} if the whole configuration has none`
    this.#notes.push({ code: 'PARTIAL_PATCH', message, source })
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
  return (
    (isPullKind(kind) && !root.entries.has('metadata')) ||
    (kind !== '' && scalarText(root, 'apiVersion') === 'v1alpha1')
  )
}

function isPullKind(kind: string): boolean {
  return PULL_KINDS.some((name) => name === kind)
}

/**
 * Whether Talos finds nothing to delete in what pulls depend on: an entry of a map or an item of a list. The fields of
 * a structure may be empty (selector.go, deleteForPath).
 */
function lacksPullPart(before: YamlMap | null, after: YamlMap | null, { path, item }: PatchDelete): boolean {
  const [top, area, , entry] = path
  if (top !== 'machine' || before !== after) return false
  if (item !== null) return area === 'files'
  return (
    area === 'registries' &&
    entry !== undefined &&
    !holds(before, path.length > 5 ? path.slice(0, 5) : path.slice(0, 4))
  )
}

function holds(root: YamlNode | null, path: readonly string[]): boolean {
  let node = root ?? undefined
  for (const step of path) node = node?.kind === 'map' ? node.entries.get(step)?.value : undefined
  return node !== undefined
}

function nameOfDeleted({ path, item }: PatchDelete): string {
  const where = path.join('.')
  return item === null ? where : `an item of ${where} with ${item.key}: ${item.value}`
}

/** configpatcher/load.go reads the first document of such a file and drops the others without a word. */
function patchBesideDocuments({ at }: YamlList): PullpathError {
  return new PullpathError(
    'PP_INTENT_INVALID',
    'beside this JSON patch stands another document: Talos takes only one',
    {
      position: at,
      advice: 'put the JSON patch into a file of its own',
    },
  )
}

function wholeLegacyDeleted(root: YamlMap): PullpathError {
  return new PullpathError('PP_INTENT_INVALID', 'Talos refuses to delete the machine configuration itself', {
    position: placeOfDelete(root),
    advice: 'put $patch: delete under the key that shall go',
  })
}

function deleteWithoutVersion(kind: string, root: YamlMap, { at }: PatchDelete): PullpathError {
  return new PullpathError('PP_INTENT_INVALID', `this ${kind} deletes without an apiVersion: Talos refuses it`, {
    position: root.entries.get('kind')?.keyAt ?? at,
    advice: 'write apiVersion: v1alpha1 above kind',
  })
}
