import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Version } from '../../src/version.ts'

/** How a daemon under test pulls: with what Talos writes, with the release's own default, or as 1.7 does. */
export type PullProfile = 'talos' | 'default'

/** What of CRI's registry section a case may set. */
export interface RegistrySettings {
  /** As it is written; `$ROOTS` stands for the directory with the hosts trees. */
  configPath: string
  mirrors?: Readonly<Record<string, readonly string[]>>
}

const IMAGES_PLUGIN = { 2: 'io.containerd.grpc.v1.cri', 3: 'io.containerd.cri.v1.images' }

/**
 * Writes containerd's configuration below `directory`, in the form that the release knows (version 2 for 1.x, 3 for
 * 2.x), split over `containerd.toml` and the imported `cri.toml` as on Talos. Returns the path of the first.
 */
export function writeDaemonConfiguration(
  directory: string,
  { version, profile, settings }: { version: Version; profile: PullProfile; settings: RegistrySettings },
): string {
  const form = version.major === 1 ? 2 : 3
  const plugin = `plugins.'${IMAGES_PLUGIN[form]}'`
  mkdirSync(join(directory, 'conf.d'), { recursive: true })
  const part = join(directory, 'conf.d', 'cri.toml')
  writeFileSync(
    join(directory, 'containerd.toml'),
    `version = ${form}
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.tracing",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.tracing.processor.v1.otlp",
]
imports = ["${part}"]
[debug]
level = "info"
format = "json"
[plugins.'io.containerd.internal.v1.opt']
path = "${join(directory, 'opt')}"
`,
  )
  writeFileSync(
    part,
    `${profile === 'talos' ? talosBase(plugin, form) : ''}
[${plugin}.registry]
config_path = '${settings.configPath}'
${Object.entries(settings.mirrors ?? {})
  .map(([host, endpoints]) => `[${plugin}.registry.mirrors.'${host}']\nendpoint = ${JSON.stringify(endpoints)}\n`)
  .join('')}`,
  )
  return join(directory, 'containerd.toml')
}

/** Talos' `00-base.part` (1.11 and later), as far as images are concerned. */
function talosBase(plugin: string, form: 2 | 3): string {
  if (form === 2) return `[${plugin}.containerd]\ndiscard_unpacked_layers = true\n`
  return `[${plugin}]\ndiscard_unpacked_layers = true\nuse_local_image_pull = true\n`
}
