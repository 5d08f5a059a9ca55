import { posix } from 'node:path'
import { cleanPath } from '../format/clean-path.ts'
import { EMPTY_TABLE, parseToml, type TomlEntry, type TomlTable, type TomlValue } from '../format/toml-document.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Behaviour } from './behaviour.ts'
import { MigrationPanic, migrateFirstNames, migrateImages, migratePluginName } from './cri-plugin-migration.ts'
import { BRACKET_IN_HEADER, fieldOf, headerWithBracket } from './toml-field.ts'

/** The node's files as containerd sees them. */
export interface ConfigFiles {
  /** null: missing, or not to be read. */
  read(path: string): string | null
  /** As Go's filepath.Glob: the paths that match, sorted. */
  glob(pattern: string): readonly string[]
}

/** Why containerd would not start, or not load CRI, with a configuration. */
export interface ConfigRefusal {
  reason: 'unreadable' | 'invalid'
  message: string
  source: SourcePosition | null
}

/** What is left of a configuration and its imports after they are merged, in the newest form of this release. */
export interface MergedConfig {
  plugins: TomlTable
  /** 0: none is declared. */
  version: number
  disabled: readonly string[]
  /** In the order in which they are merged; the first is the one that was asked for. */
  files: readonly string[]
}

/** No node has more; containerd itself knows no bound. */
const MOST_FILES = 500
const MOST_CHARACTERS = 16 * 1024 * 1024

export class RefusedConfig extends Error {
  readonly refusal: ConfigRefusal

  constructor(reason: ConfigRefusal['reason'], message: string, source: SourcePosition | null) {
    super(message)
    this.refusal = { reason, message, source }
  }
}

/**
 * Reads a configuration with what it imports, breadth first, and merges and migrates it as one release does
 * (server/config: LoadConfig). Throws RefusedConfig.
 */
export function loadConfigFiles(path: string, files: ConfigFiles, behaviour: Behaviour): MergedConfig {
  const merged = new ConfigMerge(behaviour)
  const pending = [path]
  const loaded = new Set<string>()
  let characters = 0
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    if (loaded.has(next)) continue
    if (loaded.size === MOST_FILES)
      throw new RefusedConfig('invalid', `${path} imports more than ${MOST_FILES} files`, null)
    const text = files.read(next)
    if (text === null) throw new RefusedConfig('unreadable', `${next} cannot be read`, null)
    characters += text.length
    if (characters > MOST_CHARACTERS) throw new RefusedConfig('invalid', `${path} and its imports are too large`, null)
    const file = readConfigFile(text, next, behaviour)
    merged.add(file)
    loaded.add(next)
    for (const it of file.imports) pending.push(...resolveImport(it, next, files))
  }
  return { ...merged.result(path), files: [...loaded] }
}

interface ConfigFile {
  path: string
  version: { value: number; source: SourcePosition | null }
  imports: readonly string[]
  disabled: readonly Named[]
  required: readonly Named[]
  plugins: TomlTable
}

interface Named {
  name: string
  source: SourcePosition
}

function readConfigFile(text: string, path: string, behaviour: Behaviour): ConfigFile {
  const parsed = parseToml(behaviour.dialect === 'go-toml-1' ? text.replace(/^\uFEFF/, '') : text, path)
  if (!parsed.ok) throw new RefusedConfig('invalid', parsed.error.message, parsed.error.position)
  const { root } = parsed.document
  const bracket = behaviour.dialect === 'go-toml-1' ? headerWithBracket(parsed.document) : undefined
  if (bracket !== undefined) throw new RefusedConfig('invalid', BRACKET_IN_HEADER, bracket.position)
  const version = fieldOf(root, 'version', behaviour.dialect)
  if (version !== undefined && version.kind !== 'integer') {
    throw new RefusedConfig('invalid', 'version must be a number', version.position)
  }
  const plugins = fieldOf(root, 'plugins', behaviour.dialect)
  if (plugins !== undefined && plugins.kind !== 'table') {
    throw new RefusedConfig('invalid', 'plugins must be a table', plugins.position)
  }
  const list = (key: string): Named[] => names(fieldOf(root, key, behaviour.dialect), key)
  return {
    path,
    version: { value: Number(version?.value ?? 0), source: version?.position ?? null },
    imports: list('imports').map((it) => it.name),
    disabled: list('disabled_plugins'),
    required: list('required_plugins'),
    plugins: plugins ?? EMPTY_TABLE,
  }
}

function names(value: TomlValue | undefined, key: string): Named[] {
  if (value === undefined) return []
  if (value.kind !== 'array') throw new RefusedConfig('invalid', `${key} must be a list of strings`, value.position)
  return value.items.map((it) => {
    if (it.kind !== 'string') throw new RefusedConfig('invalid', `${key} must be a list of strings`, it.position)
    return { name: it.value, source: it.position }
  })
}

/** server/config: resolveImports. Relative to the file that imports; only an asterisk makes it a pattern. */
function resolveImport(path: string, parent: string, files: ConfigFiles): readonly string[] {
  const clean = cleanPath(path)
  const absolute = clean.startsWith('/') ? clean : posix.join(posix.dirname(parent), clean)
  return absolute.includes('*') ? files.glob(absolute) : [absolute]
}

class ConfigMerge {
  readonly #behaviour: Behaviour
  #plugins = EMPTY_TABLE
  #version: number
  #rootVersion = 0
  readonly #disabled: Named[] = []
  readonly #required: Named[] = []

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour
    // The configuration that files are merged into declares one itself; 1.x must take version 1 for the default.
    this.#version = behaviour.configVersion === 2 ? 1 : behaviour.configVersion
  }

  add(file: ConfigFile): void {
    const { configVersion, importsReplacePlugins } = this.#behaviour
    let { plugins, disabled, required } = file
    let version = file.version.value
    if (configVersion === 4) {
      // 2.3: each file is migrated before it is merged, and none may be newer than the first one.
      if (this.#rootVersion === 0) this.#rootVersion = version
      if (version > this.#rootVersion) {
        const message = `the imported file has version ${version}, which is newer than the ${this.#rootVersion} of the first one`
        throw new RefusedConfig('invalid', message, file.version.source)
      }
    }
    // 2.0 to 2.2 migrate version 1 here, and take the result for the newest version: no later step touches it again.
    if (configVersion > 2 && version < (configVersion === 4 ? this.#version : 2)) {
      if (this.#version > configVersion) throw tooNew(file.path, this.#version, configVersion)
      if (version < 2) {
        plugins = migrateFirstNames(plugins)
        disabled = disabled.map(renamed)
        required = required.map(renamed)
      }
      if (configVersion === 4) plugins = migrated(plugins, null)
      version = this.#version
    }
    if (version !== 0) this.#version = version
    this.#disabled.push(...disabled)
    this.#required.push(...required)
    this.#plugins = importsReplacePlugins
      ? { ...this.#plugins, entries: new Map([...this.#plugins.entries, ...plugins.entries]) }
      : mergeTables(this.#plugins, plugins)
  }

  result(path: string): Omit<MergedConfig, 'files'> {
    const { configVersion, defaultConfigPathCollides, defaultConfigPath } = this.#behaviour
    let plugins = this.#plugins
    if (this.#version > configVersion) throw tooNew(path, this.#version, configVersion)
    this.#checkNames(plugins)
    // 2.0 to 2.2: what is merged is migrated as a whole, by the version that the last file with one declares.
    if (configVersion === 3 && this.#version < 3) {
      plugins = migrated(plugins, defaultConfigPathCollides ? defaultConfigPath : null)
    }
    return { plugins, version: this.#version, disabled: this.#disabled.map((it) => it.name) }
  }

  /** server/config: ValidateV2, ValidateVersion. */
  #checkNames(plugins: TomlTable): void {
    const is1x = this.#behaviour.configVersion === 2
    if (is1x && this.#version < 2) return
    const isValid = (name: string) => (is1x ? /^io\.containerd\.[^.]*\./.test(name) : name.includes('.'))
    const named = [...this.#disabled, ...this.#required]
    if (is1x) for (const [name, { keyPosition }] of plugins.entries) named.push({ name, source: keyPosition })
    const wrong = named.find((it) => !isValid(it.name))
    if (wrong === undefined) return
    throw new RefusedConfig(
      'invalid',
      `${JSON.stringify(wrong.name)} is no name of a plugin since version 2`,
      wrong.source,
    )
  }
}

function tooNew(path: string, version: number, known: number): RefusedConfig {
  return new RefusedConfig('invalid', `${path}: version ${version} is newer than the ${known} of this containerd`, null)
}

function renamed(plugin: Named): Named {
  return { ...plugin, name: migratePluginName(plugin.name) }
}

function migrated(plugins: TomlTable, emptyPathBecomes: string | null): TomlTable {
  try {
    return migrateImages(plugins, emptyPathBecomes)
  } catch (error) {
    if (error instanceof MigrationPanic) throw new RefusedConfig('invalid', error.message, error.entry.value.position)
    throw error
  }
}

/** mergo with override: tables are merged deeply, anything else is replaced, an empty table replaces nothing. */
function mergeTables(to: TomlTable, from: TomlTable): TomlTable {
  const entries = new Map(to.entries)
  for (const [key, entry] of from.entries) {
    const earlier = to.entries.get(key)
    entries.set(key, earlier === undefined ? entry : mergeEntries(earlier, entry))
  }
  return { ...to, entries }
}

function mergeEntries(to: TomlEntry, from: TomlEntry): TomlEntry {
  if (to.value.kind !== 'table' || from.value.kind !== 'table') return from
  return { ...from, value: mergeTables(to.value, from.value) }
}
