import { parseToml, type TomlDocument, type TomlValue, tomlAt } from '../format/toml-document.ts'
import type { YamlScalar } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { DaemonPart, IntentNote, IntentProblem } from './intent.ts'
import type { TalosDocuments } from './talos-documents.ts'
import {
  listField,
  mapField,
  mapItem,
  textField,
  unknownKeys,
  unrenderedPart,
  unrenderedProblem,
} from './talos-fields.ts'

/** The only file of containerd's configuration that Talos takes from `machine.files`. */
const CUSTOMIZATION = '/etc/cri/conf.d/20-customization.part'
const OLD_PLUGIN = 'io.containerd.grpc.v1.cri'
const IMAGES_PLUGIN = 'io.containerd.cri.v1.images'
/** What the plugin of the old name still reads in containerd 2.x: its streaming server (internal/cri/config). */
const SERVER_KEYS = new Set([
  'disable_tcp_service',
  'stream_server_address',
  'stream_server_port',
  'stream_idle_timeout',
  'enable_tls_streaming',
  'x509_key_pair_streaming',
])

interface FoundParts {
  parts: DaemonPart[]
  problems: IntentProblem[]
  notes: IntentNote[]
}

/**
 * Parts of containerd's configuration from `machine.files` and CRICustomizationConfig documents, in the order in which
 * Talos merges them. Throws PP_INTENT_INVALID for shapes that Talos refuses.
 */
export function readDaemonParts(documents: TalosDocuments, version: Version): FoundParts {
  const found: FoundParts = { parts: [], problems: [], notes: [] }
  const ordered: { file: string; part: DaemonPart }[] = []
  const legacy = customizationFile(documents, version, found)
  if (legacy !== null)
    ordered.push({ file: '20-customization.part', part: readPart(found, CUSTOMIZATION, legacy, version) })
  for (const { kind, name, root } of documents.documents) {
    if (kind !== 'CRICustomizationConfig') continue
    found.problems.push(...unknownKeys(root, ['apiVersion', 'kind', 'name', 'content'], kind, null))
    const content = textField(root, 'content')
    if (content === null) continue
    ordered.push({ file: `20-${name}.part`, part: readPart(found, `CRICustomizationConfig/${name}`, content, version) })
  }
  // cri_config.go gives each document the file name 20-<name>.part and merges in the order of the names.
  ordered.sort((a, b) => Buffer.compare(Buffer.from(a.file), Buffer.from(b.file)))
  found.parts.push(...ordered.map((it) => it.part))
  if (found.parts.every((it) => it.discardUnpackedLayers === null)) {
    found.notes.push({
      code: 'LAYERS_NOT_DECLARED',
      message: "no file given sets discard_unpacked_layers: Talos' own value is true, and peers then get no layers",
      source: null,
    })
  }
  return found
}

/** The content that Talos takes from `machine.files`; problems for what it does not take. */
function customizationFile(documents: TalosDocuments, version: Version, found: FoundParts): YamlScalar | null {
  let taken: YamlScalar | null = null
  const machine = mapField(documents.legacy, 'machine')
  const files = listField(machine, 'files') ?? []
  const written = machine?.entries.get('files')?.value
  const items = written?.kind === 'list' ? written.items : []
  found.problems.push(...items.filter((it) => !files.includes(it)).map(({ at }) => nullFile(at)))
  for (const item of files) {
    const map = mapItem(item, 'machine.files', '')
    found.problems.push(...unknownKeys(map, ['content', 'permissions', 'path', 'op'], 'machine.files', null))
    const [path, op] = [textField(map, 'path'), textField(map, 'op')]
    if (path === null) continue
    // Without content Talos writes an empty file.
    const content = textField(map, 'content') ?? { ...path, text: '', textAt: path.at }
    if (path.text !== CUSTOMIZATION) {
      if (isForContainerd(path.text, content.text)) found.problems.push(pathProblem(path, op?.text))
    } else if (op?.text !== 'create' && !isAtLeast(version, '1.14.0-beta.0')) {
      // Talos 1.14 takes the content whatever the operation says (v1alpha1_cri_bridge.go).
      found.problems.push(operationProblem(op?.text ?? '', op?.at ?? path.at))
    } else if (taken === null) taken = content
    else found.problems.push(secondFile(path, taken.at))
  }
  return taken
}

/** Talos 1.14.1 refuses it (xyaml, CheckNullElements), 1.13 runs into a nil pointer. */
function nullFile(source: SourcePosition): IntentProblem {
  return {
    code: 'TALOS_KEY_UNKNOWN',
    registry: null,
    message: 'an item of machine.files has no value: Talos cannot read the configuration',
    remedy: [{ command: '# remove this -', why: 'or give it op, path, permissions and content' }],
    source,
  }
}

function isForContainerd(path: string, content: string): boolean {
  return (
    /\/cri\/conf\.d\/|\/containerd\/|\/containerd\.toml$/.test(path) || /io\.containerd\.(cri|grpc)\.v1/.test(content)
  )
}

function pathProblem(path: YamlScalar, op: string | undefined): IntentProblem {
  // sequencer_tasks.go: outside /var only an existing file may be overwritten, which does not reach the merge for sure.
  const effect = path.text.startsWith('/var/')
    ? 'containerd never sees this one'
    : op === 'create'
      ? 'Talos refuses to create this one and the boot stops there'
      : 'Talos does not promise that containerd sees this one'
  return {
    code: 'CONTAINERD_PART_PATH',
    registry: null,
    message: `Talos takes containerd's configuration from ${CUSTOMIZATION} alone: ${path.text} is another file, and ${effect}`,
    remedy: [
      { command: `path: ${CUSTOMIZATION}`, why: 'with op: create' },
      ...(path.text.includes('/hosts/')
        ? [{ command: 'machine: { registries: { mirrors: … } }', why: 'mirrors are declared there, not as files' }]
        : []),
    ],
    source: path.at,
  }
}

function secondFile(path: YamlScalar, first: SourcePosition): IntentProblem {
  return {
    code: 'CONTAINERD_PART_PATH',
    registry: null,
    message: `${CUSTOMIZATION} is declared a second time: Talos takes the one at ${first.file}:${first.line} only`,
    remedy: [
      { command: '# put both contents into one entry', why: 'Talos appends the lists of patches to each other' },
    ],
    source: path.at,
  }
}

/** sequencer_tasks.go asks that the file exists for append and overwrite, and on a fresh boot it does not. */
function operationProblem(op: string, source: SourcePosition): IntentProblem {
  const message =
    op === 'append' || op === 'overwrite'
      ? `op: ${op} needs a file that is there already, and at boot ${CUSTOMIZATION} is not`
      : `Talos writes ${CUSTOMIZATION} with op: create alone, and here ${op === '' ? 'is no op' : `stands ${op}`}`
  return {
    code: 'CONTAINERD_PART_PATH',
    registry: null,
    message,
    remedy: [{ command: 'op: create', why: 'the file is made anew at each boot' }],
    source,
  }
}

function readPart(found: FoundParts, name: string, content: YamlScalar, version: Version): DaemonPart {
  const part = { name, source: content.textAt }
  const placeholder = unrenderedPart(content.text)
  if (placeholder !== null) {
    const before = content.text.slice(0, content.text.indexOf(placeholder)).split('\n')
    const position = { file: name, line: before.length, column: (before.at(-1) ?? '').length + 1 }
    found.problems.push(unrenderedProblem(placeholder, name, null, placeInside(content, position)))
  }
  const parsed = parseToml(content.text, name)
  if (!parsed.ok) {
    found.problems.push({
      code: 'CONTAINERD_PART_INVALID',
      registry: null,
      message: `${name} is no valid TOML: ${parsed.error.message}. Talos cannot merge containerd's configuration with it`,
      remedy: [
        { command: `[plugins."${IMAGES_PLUGIN}"]\n  discard_unpacked_layers = false`, why: 'the form of a part' },
      ],
      source: placeInside(content, parsed.error.position),
    })
    return { ...part, discardUnpackedLayers: null }
  }
  const { document } = parsed
  found.problems.push(...oldPluginProblems(document, name, content, version))
  return { ...part, discardUnpackedLayers: discardOf(document, version) }
}

function discardOf({ root }: TomlDocument, version: Version): boolean | null {
  const value = booleanAt(root, ['plugins', IMAGES_PLUGIN, 'discard_unpacked_layers'])
  const old = booleanAt(root, ['plugins', OLD_PLUGIN, 'containerd', 'discard_unpacked_layers'])
  // Talos 1.7 has version 2 of containerd's configuration, where only the old name exists.
  if (!isAtLeast(version, '1.8.0-alpha.0')) return old
  // containerd 2.3 (Talos 1.14) moves the old names of version 3 too, over the new ones (plugins/cri/images, migrateConfig).
  return isAtLeast(version, '1.14.0-alpha.0') ? (old ?? value) : value
}

function booleanAt(root: TomlValue, path: readonly string[]): boolean | null {
  const value = tomlAt(root, path)
  return value?.kind === 'boolean' ? value.value : null
}

/** containerd 2.0 to 2.2 warn of unknown keys of the old plugin in a version 3 configuration, and go on without them. */
function oldPluginProblems(
  { root }: TomlDocument,
  name: string,
  content: YamlScalar,
  version: Version,
): IntentProblem[] {
  const isIgnored = isAtLeast(version, '1.8.0-alpha.0') && !isAtLeast(version, '1.14.0-alpha.0')
  const plugins = tomlAt(root, ['plugins'])
  const old = plugins?.kind === 'table' ? plugins.entries.get(OLD_PLUGIN) : undefined
  if (!isIgnored || old?.value.kind !== 'table') return []
  const ignored = [...old.value.entries.keys()].filter((key) => !SERVER_KEYS.has(key))
  if (ignored.length === 0) return []
  return [
    {
      code: 'CONTAINERD_OLD_PLUGIN_ID',
      registry: null,
      message:
        `${name} sets ${ignored.join(', ')} below the plugin ${OLD_PLUGIN}: ` +
        `the containerd of Talos ${version.text} reads a version 3 configuration and ignores it there`,
      remedy: [
        { command: `[plugins."${IMAGES_PLUGIN}"]`, why: 'images, registry and discard_unpacked_layers stand here now' },
        { command: '[plugins."io.containerd.cri.v1.runtime"]', why: 'containers and runtimes stand here now' },
      ],
      source: placeInside(content, old.keyPosition),
    },
  ]
}

/** A place of the TOML text as a place of the YAML file that holds it. */
function placeInside({ at, textAt }: YamlScalar, inside: SourcePosition): SourcePosition {
  // In a quoted string the lines of the text are not lines of the file.
  if (textAt.line === at.line) return at
  return {
    file: textAt.file,
    line: textAt.line + inside.line - 1,
    column: textAt.column + inside.column - 1,
  }
}
