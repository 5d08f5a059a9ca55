import { posix } from 'node:path'
import { type DaemonConfigReading, readDaemonConfig } from '../../src/containerd/daemon-config.ts'
import type { Version } from '../../src/version.ts'

/**
 * How a daemon under test is configured to pull: with what Talos writes, with that and the customization that keeps
 * layers for peers, or with the release's own default.
 */
export type PullProfile = 'talos' | 'talos-keeping-layers' | 'default'

/** What of CRI's registry section a case sets. */
export interface RegistrySettings {
  /** As it is written; `$ROOTS` stands for the directory with the hosts trees. */
  configPath: string
  mirrors?: Readonly<Record<string, readonly string[]>>
}

export interface DaemonConfiguration {
  /** Texts by absolute path; the first is the one that containerd is started with. */
  files: ReadonlyMap<string, string>
  /** What Pullpath reads from them. */
  reading: DaemonConfigReading
}

const IMAGES_PLUGIN = { 2: 'io.containerd.grpc.v1.cri', 3: 'io.containerd.cri.v1.images' }

/**
 * containerd's configuration for a daemon with its files below `directory`, in the form that the release knows
 * (version 2 for 1.x, 3 for 2.x), split over `containerd.toml` and the imported `cri.toml` as on Talos.
 */
export function daemonConfiguration(
  directory: string,
  { version, profile, settings }: { version: Version; profile: PullProfile; settings: RegistrySettings },
): DaemonConfiguration {
  const form = version.major === 1 ? 2 : 3
  const plugin = `plugins.'${IMAGES_PLUGIN[form]}'`
  const main = posix.join(directory, 'containerd.toml')
  const part = posix.join(directory, 'conf.d', 'cri.toml')
  const mirrors = Object.entries(settings.mirrors ?? {})
  const files = new Map([
    [
      main,
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
path = "${posix.join(directory, 'opt')}"
`,
    ],
    [
      part,
      `${profile === 'default' ? '' : talosBase(plugin, form, { discards: profile === 'talos' })}
[${plugin}.registry]
config_path = ${JSON.stringify(settings.configPath.replaceAll('$ROOTS', rootsOf(directory)))}
${mirrors
  .map(([host, list]) => `[${plugin}.registry.mirrors.${JSON.stringify(host)}]\nendpoint = ${JSON.stringify(list)}\n`)
  .join('')}`,
    ],
  ])
  const known = { read: (path: string) => files.get(path) ?? null, glob: () => [] }
  return { files, reading: readDaemonConfig(main, known, version) }
}

/** Where the hosts trees of such a daemon are. */
export function rootsOf(directory: string): string {
  return posix.join(directory, 'roots')
}

/** Talos' `00-base.part` (1.11 and later), as far as images are concerned; `discards`: whether nothing overrides it. */
function talosBase(plugin: string, form: 2 | 3, { discards }: { discards: boolean }): string {
  if (form === 2) return `[${plugin}.containerd]\ndiscard_unpacked_layers = ${discards}\n`
  return `[${plugin}]\ndiscard_unpacked_layers = ${discards}\nuse_local_image_pull = true\n`
}
