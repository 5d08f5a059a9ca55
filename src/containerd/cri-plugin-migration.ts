import type { TomlEntry, TomlTable } from '../format/toml-document.ts'

export const CRI_PLUGIN = 'io.containerd.grpc.v1.cri'
export const IMAGES_PLUGIN = 'io.containerd.cri.v1.images'

/** What moved from the plugin to the images plugin, and decides where images are pulled from. */
const MOVED = [
  'registry',
  'image_decryption',
  'max_concurrent_downloads',
  'image_pull_progress_timeout',
  'image_pull_with_sync_fs',
  'stats_collect_period',
]
const MOVED_FROM_CONTAINERD = ['snapshotter', 'disable_snapshot_annotations', 'discard_unpacked_layers']

/** A section that has another shape than the migration takes for granted: containerd panics. */
export class MigrationPanic extends Error {
  readonly entry: TomlEntry

  constructor(name: string, entry: TomlEntry) {
    super(`${name} is no table, on which containerd's migration of the configuration panics`)
    this.entry = entry
  }
}

/** A plugin's name as of version 2 (server/config: v1MigratePluginName). Kinds other than CRI's do not matter here. */
export function migratePluginName(name: string): string {
  return name.includes('.') ? name : `io.containerd.grpc.v1.${name}`
}

/** Version 1 to 2: names become URIs. */
export function migrateFirstNames(plugins: TomlTable): TomlTable {
  const entries = [...plugins.entries].map(([name, entry]) => [migratePluginName(name), entry] as const)
  return { ...plugins, entries: new Map(entries) }
}

/**
 * Version 2 to 3: what concerns images moves from the CRI plugin to a plugin of its own, over what stands there
 * (plugins/cri/images: migrateConfig). What is left below the old name is read by nobody. Throws MigrationPanic.
 */
export function migrateImages(plugins: TomlTable, emptyPathBecomes: string | null): TomlTable {
  const source = plugins.entries.get(CRI_PLUGIN)
  if (source === undefined) return plugins
  const from = tableOf(CRI_PLUGIN, source)
  const target = plugins.entries.get(IMAGES_PLUGIN)
  const images = new Map(target === undefined ? [] : tableOf(IMAGES_PLUGIN, target).entries)
  const rest = new Map(from.entries)
  move(MOVED, rest, images)
  if (emptyPathBecomes !== null) fillConfigPath(images, emptyPathBecomes)
  const containerd = from.entries.get('containerd')
  // The migration returns early where no runtime is named, and leaves the rest of the section behind.
  if (containerd !== undefined) {
    const section = tableOf('containerd', containerd)
    const runtimes = section.entries.get('runtimes')
    if (runtimes !== undefined) {
      for (const [name, runtime] of tableOf('runtimes', runtimes).entries) tableOf(name, runtime)
      const left = new Map(section.entries)
      move(MOVED_FROM_CONTAINERD, left, images)
      rest.set('containerd', { ...containerd, value: { ...section, entries: left } })
    }
  }
  const position = target?.value.position ?? source.value.position
  const value: TomlTable = { kind: 'table', form: 'header', entries: images, position }
  const entries = new Map(plugins.entries)
  entries.set(CRI_PLUGIN, { ...source, value: { ...from, entries: rest } })
  entries.set(IMAGES_PLUGIN, { value, keyPosition: position })
  return { ...plugins, entries }
}

function move(keys: readonly string[], from: Map<string, TomlEntry>, to: Map<string, TomlEntry>): void {
  for (const key of keys) {
    const entry = from.get(key)
    if (entry === undefined) continue
    to.set(key, entry)
    from.delete(key)
  }
}

/** containerd 2.2.0 and 2.2.1 write their default into an empty config_path while they migrate. */
function fillConfigPath(images: Map<string, TomlEntry>, path: string): void {
  const registry = images.get('registry')
  if (registry === undefined) return
  const table = tableOf('registry', registry)
  const declared = table.entries.get('config_path')
  if (declared?.value.kind !== 'string' || declared.value.value !== '') return
  const value = { ...declared.value, value: path }
  const entries = new Map([...table.entries, ['config_path', { ...declared, value }] as const])
  images.set('registry', { ...registry, value: { ...table, entries } })
}

function tableOf(name: string, entry: TomlEntry): TomlTable {
  if (entry.value.kind !== 'table') throw new MigrationPanic(name, entry)
  return entry.value
}
