import { parseGoDuration } from '../format/go-duration.ts'
import { parseGoUrl } from '../format/go-url.ts'
import { EMPTY_TABLE, type TomlTable, type TomlValue, tomlAt } from '../format/toml-document.ts'
import { formatPosition, type SourcePosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import { type Behaviour, behaviourOf } from './behaviour.ts'
import { CRI_PLUGIN, IMAGES_PLUGIN } from './cri-plugin-migration.ts'
import {
  type ConfigFiles,
  type ConfigRefusal,
  loadConfigFiles,
  type MergedConfig,
  RefusedConfig,
} from './daemon-config-files.ts'
import type { PullMode } from './pull-path.ts'
import { fieldOf } from './toml-field.ts'

/** A setting that is in force, and where it is set; null: it is containerd's own default. */
export interface Setting<T> {
  value: T
  source: SourcePosition | null
}

/** What a configuration says about where images are pulled from, and whether their layers are kept. */
export interface DaemonConfig {
  /** A `:`-list included; empty: no hosts directory is used. */
  configPath: Setting<string>
  pullMode: PullMode
  /** The settings that make containerd pull without the transfer service, where it would otherwise use that. */
  forcesLocalPull: readonly { key: string; source: SourcePosition | null }[]
  discardUnpackedLayers: Setting<boolean>
  legacyMirrors: ReadonlyMap<string, readonly string[]>
  /** What was read, in the order in which it is merged. */
  files: readonly string[]
  /** What containerd passes over with no more than a line in its log. */
  ignored: readonly { message: string; source: SourcePosition }[]
}

export type DaemonConfigReading = { ok: true; config: DaemonConfig } | { ok: false; refusal: ConfigRefusal }

/**
 * Reads what a containerd of this version makes of the configuration at `path` and of what it imports. A refusal is
 * a configuration with which it would not start, or not pull for CRI. Nothing of credentials is kept.
 * Throws PP_VERSION_UNSUPPORTED.
 */
export function readDaemonConfig(path: string, files: ConfigFiles, version: Version): DaemonConfigReading {
  const behaviour = behaviourOf(version)
  try {
    const merged = loadConfigFiles(path, files, behaviour)
    checkEnabled(merged, behaviour)
    const config = behaviour.dialect === 'go-toml-1' ? readCriPlugin(merged, behaviour) : readImages(merged, behaviour)
    return { ok: true, config }
  } catch (error) {
    if (error instanceof RefusedConfig) return { ok: false, refusal: error.refusal }
    throw error
  }
}

function checkEnabled({ disabled, version, files }: MergedConfig, { dialect }: Behaviour): void {
  const names = dialect === 'go-toml-1' ? [version < 2 ? 'cri' : CRI_PLUGIN] : [CRI_PLUGIN, IMAGES_PLUGIN]
  const found = names.find((it) => disabled.includes(it))
  if (found === undefined) return
  throw new RefusedConfig('invalid', `${files[0]}: disabled_plugins turns CRI off (${found})`, null)
}

/** 1.x: one plugin for all of CRI; its name depends on the version that the files declare. */
function readCriPlugin(merged: MergedConfig, behaviour: Behaviour): DaemonConfig {
  const plugin = new Section(sectionOf(merged.plugins, merged.version < 2 ? 'cri' : CRI_PLUGIN), behaviour)
  const registry = readRegistry(plugin, behaviour)
  return {
    ...registry,
    pullMode: 'local',
    forcesLocalPull: [],
    discardUnpackedLayers: plugin.section('containerd').boolean('discard_unpacked_layers', false),
    files: merged.files,
    ignored: [],
  }
}

function readImages(merged: MergedConfig, behaviour: Behaviour): DaemonConfig {
  const plugin = new Section(sectionOf(merged.plugins, IMAGES_PLUGIN), behaviour)
  const registry = readRegistry(plugin, behaviour)
  const forcing = localPullSettings(plugin, behaviour.transferService)
  return {
    ...registry,
    pullMode: behaviour.transferService && forcing.length === 0 ? 'transfer' : 'local',
    forcesLocalPull: behaviour.transferService ? forcing : [],
    discardUnpackedLayers: plugin.boolean('discard_unpacked_layers', false),
    files: merged.files,
    ignored: leftBehind(merged.plugins),
  }
}

/** internal/cri/config: CheckLocalImagePullConfigs. */
function localPullSettings(plugin: Section, knowsTransfer: boolean): { key: string; source: SourcePosition | null }[] {
  const registry = plugin.section('registry')
  const settings: { key: string; isForcing: boolean; source: SourcePosition | null }[] = []
  const flag = (key: string, otherwise: boolean) => {
    const { value, source } = plugin.boolean(key, otherwise)
    settings.push({ key, isForcing: value !== otherwise, source })
  }
  if (knowsTransfer) flag('use_local_image_pull', false)
  flag('disable_snapshot_annotations', true)
  flag('discard_unpacked_layers', false)
  for (const key of ['mirrors', 'configs', 'auths']) {
    const table = registry.table(key)
    settings.push({ key: `registry.${key}`, isForcing: table.entries.size > 0, source: table.position })
  }
  const downloads = plugin.integer('max_concurrent_downloads', 3)
  settings.push({ key: 'max_concurrent_downloads', isForcing: downloads.value !== 3, source: downloads.source })
  flag('image_pull_with_sync_fs', false)
  return settings.filter((it) => it.isForcing).map(({ key, source }) => ({ key, source }))
}

/** The registry section with containerd's checks (ValidateImageConfig; 1.x: ValidatePluginConfig). */
function readRegistry(plugin: Section, behaviour: Behaviour): Pick<DaemonConfig, 'configPath' | 'legacyMirrors'> {
  const registry = plugin.section('registry')
  const mirrors = registry.table('mirrors')
  const legacyMirrors = new Map(
    [...mirrors.entries].map(([name, { value }]) => [name, registry.child(name, value).strings('endpoint')] as const),
  )
  const usesDefault = behaviour.defaultConfigPathCollides || legacyMirrors.size === 0
  let configPath = registry.string(
    'config_path',
    behaviour.defaultConfigPathCollides ? behaviour.defaultConfigPath : '',
  )
  // 2.2.2: plugins/cri/images sets it at its start, also where it is declared to be empty.
  if (configPath.value === '' && usesDefault && !behaviour.defaultConfigPathCollides) {
    configPath = { value: behaviour.defaultConfigPath, source: null }
  }
  if (legacyMirrors.size > 0 && configPath.value !== '') {
    const where = configPath.source === null ? 'which is the default' : `set at ${formatPosition(configPath.source)}`
    refuse(`registry.mirrors cannot be set beside config_path (${where}): CRI does not load`, mirrors.position)
  }
  checkTls(registry, configPath.value, behaviour)
  for (const [endpoint, { keyPosition }] of registry.table('auths').entries) {
    if (typeof parseGoUrl(endpoint) === 'string')
      refuse('a key of registry.auths is no URL: CRI does not load', keyPosition)
  }
  const timeout = plugin.string('image_pull_progress_timeout', '')
  if (timeout.value !== '' && parseGoDuration(timeout.value) === null) {
    refuse(`image_pull_progress_timeout: invalid duration ${JSON.stringify(timeout.value)}`, timeout.source)
  }
  return { configPath, legacyMirrors }
}

/** 1.x still has `configs."host".tls`, and refuses it beside config_path. */
function checkTls(registry: Section, configPath: string, { dialect }: Behaviour): void {
  for (const [name, { value }] of registry.table('configs').entries) {
    const config = registry.child(name, value)
    if (dialect === 'go-toml-2' || configPath === '' || !config.has('tls')) continue
    refuse('registry.configs.*.tls cannot be set beside config_path: CRI does not load', value.position)
  }
}

/** What is still below the old name after the migration, if there was one: containerd warns of it at most. */
function leftBehind(plugins: TomlTable): { message: string; source: SourcePosition }[] {
  return [['registry'], ['containerd', 'discard_unpacked_layers']].flatMap((path) => {
    const value = tomlAt(plugins, [CRI_PLUGIN, ...path])
    if (value === undefined) return []
    const message = `${path.join('.')} below the plugin ${CRI_PLUGIN} is ignored: it belongs to ${IMAGES_PLUGIN}`
    return [{ message, source: value.position }]
  })
}

function sectionOf(plugins: TomlTable, name: string): TomlValue | undefined {
  return plugins.entries.get(name)?.value
}

function refuse(message: string, source: SourcePosition | null): never {
  throw new RefusedConfig('invalid', message, source)
}

/** One section of the configuration, decoded as containerd's structs are: a wrong type keeps the plugin from loading. */
class Section {
  readonly #table: TomlTable
  readonly #dialect: Behaviour['dialect']

  constructor(value: TomlValue | undefined, { dialect }: Pick<Behaviour, 'dialect'>) {
    if (value !== undefined && value.kind !== 'table') refuse('this must be a table: CRI does not load', value.position)
    this.#table = dialect === 'go-toml-2' && value !== undefined ? sorted(value) : (value ?? EMPTY_TABLE)
    this.#dialect = dialect
  }

  has(key: string): boolean {
    return this.#field(key) !== undefined
  }

  section(key: string): Section {
    return this.child(key, this.#field(key))
  }

  child(key: string, value: TomlValue | undefined): Section {
    if (value !== undefined && value.kind !== 'table') return this.#wrong(key, 'a table', value)
    return new Section(value, { dialect: this.#dialect })
  }

  table(key: string): TomlTable {
    const value = this.#field(key)
    if (value !== undefined && value.kind !== 'table') return this.#wrong(key, 'a table', value)
    return value ?? EMPTY_TABLE
  }

  string(key: string, otherwise: string): Setting<string> {
    const value = this.#field(key)
    if (value === undefined) return { value: otherwise, source: null }
    return value.kind === 'string' ? settingOf(value) : this.#wrong(key, 'a string', value)
  }

  boolean(key: string, otherwise: boolean): Setting<boolean> {
    const value = this.#field(key)
    if (value === undefined) return { value: otherwise, source: null }
    return value.kind === 'boolean' ? settingOf(value) : this.#wrong(key, 'true or false', value)
  }

  integer(key: string, otherwise: number): Setting<number> {
    const value = this.#field(key)
    if (value === undefined) return { value: otherwise, source: null }
    if (value.kind !== 'integer') return this.#wrong(key, 'a number', value)
    return { value: Number(value.value), source: value.position }
  }

  strings(key: string): string[] {
    const value = this.#field(key)
    if (value === undefined) return []
    if (value.kind !== 'array') return this.#wrong(key, 'a list of strings', value)
    return value.items.map((it) => (it.kind === 'string' ? it.value : this.#wrong(key, 'a list of strings', it)))
  }

  #field(key: string): TomlValue | undefined {
    return fieldOf(this.#table, key, this.#dialect)
  }

  #wrong(key: string, expected: string, value: TomlValue): never {
    return refuse(`${key} must be ${expected}: CRI does not load`, value.position)
  }
}

/** 2.x writes a plugin's section as TOML again before it decodes it, with its keys in order. */
function sorted(table: TomlTable): TomlTable {
  return { ...table, entries: new Map([...table.entries].sort(([a], [b]) => (a < b ? -1 : 1))) }
}

function settingOf<T>(value: { value: T; position: SourcePosition }): Setting<T> {
  return { value: value.value, source: value.position }
}
