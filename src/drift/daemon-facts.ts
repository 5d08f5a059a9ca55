import type { DaemonConfig, Setting } from '../containerd/daemon-config.ts'
import type { PullMode } from '../containerd/pull-path.ts'
import type { DaemonFact, Known, RunningDaemon } from '../containerd/running-daemon.ts'
import { formatPosition } from '../source-position.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { DaemonFacts } from './facts.ts'

/** The containerd of the newest stable Talos, 1.13.9. */
export const ASSUMED_CONTAINERD = '2.2.7'

/** Everything that says something about the daemon. null: it was not asked, not read, or not given. */
export interface DaemonSources {
  hostsDir: string
  /** What the agent's own configuration says. */
  configured: { pullMode: PullMode | null }
  /** By whose rules everything else was read. */
  version: Known<Version>
  running: RunningDaemon | null
  /** The configuration that the daemon was started with, as far as its files tell. */
  file: { config: DaemonConfig; at: string } | null
  stale: DaemonFacts['stale']
}

/**
 * Puts together what is known about the daemon. What it says itself counts more than what its files say, since it reads
 * them only when it starts; what is configured counts most.
 */
export function daemonFactsOf({ hostsDir, configured, version, running, file, stale }: DaemonSources): DaemonFacts {
  const { config, at } = file ?? { config: null, at: '' }
  const setting = <T>({ value, source }: Setting<T>): Known<T> => ({
    value,
    origin: 'file',
    source: source === null ? `${config?.files[0]}: containerd's default` : formatPosition(source),
    at,
  })
  const pullMode: Known<PullMode> =
    (configured.pullMode === null ? null : given(configured.pullMode, 'containerd.pullMode')) ??
    running?.pullMode ??
    (config === null ? assumed(usualPullMode(hostsDir, version.value)) : pullModeOf(config, at))
  const configPath = running?.configPath ?? (config === null ? assumed(hostsDir) : setting(config.configPath))
  const discard = running?.discardUnpackedLayers ?? (config === null ? null : setting(config.discardUnpackedLayers))
  return {
    version: version.value,
    pullMode: pullMode.value,
    configPath: configPath.value,
    legacyMirrors: running?.legacyMirrors?.value ?? config?.legacyMirrors ?? new Map(),
    hostsDir,
    configPathKnown: configPath.origin !== 'assumed',
    discardUnpackedLayers: discard?.value ?? null,
    configFile: config?.configPath.source?.file ?? config?.files[0] ?? null,
    facts: [
      factOf('version', { ...version, value: version.value.text }),
      ...(running === null ? [] : [factOf('started', running.startedAt)]),
      factOf('pull mode', pullMode),
      factOf('config_path', configPath),
      ...(discard === null ? [] : [factOf('discard_unpacked_layers', { ...discard, value: String(discard.value) })]),
    ],
    stale,
    assumed: [
      ...(version.origin === 'assumed'
        ? [
            `containerd ${version.value.text}, as the newest Talos release has it (containerd.socket or .version, or the Kubernetes API)`,
          ]
        : []),
      ...(configPath.origin === 'assumed'
        ? [`config_path is ${hostsDir} (containerd.${running === null ? 'socket or .configFile' : 'configFile'})`]
        : []),
      ...(pullMode.origin === 'assumed'
        ? [`${pullMode.value} pull mode (containerd.configFile or containerd.pullMode)`]
        : []),
    ],
    notes: (config?.ignored ?? []).map(({ message, source }) => `${message} (${formatPosition(source)})`),
  }
}

/** A fact that the agent's own configuration gives, in this field. */
export function given<T>(value: T, field: string): Known<T> {
  return { value, origin: 'configured', source: field, at: '' }
}

export function assumed<T>(value: T): Known<T> {
  return { value, origin: 'assumed', source: '', at: '' }
}

function pullModeOf({ pullMode, forcesLocalPull, files }: DaemonConfig, at: string): Known<PullMode> {
  const [forcing] = forcesLocalPull
  const place = forcing === undefined || forcing.source === null ? files[0] : formatPosition(forcing.source)
  const source = forcing === undefined ? `${place}: nothing else is set` : `${place}: ${forcing.key}`
  return { value: pullMode, origin: 'file', source, at }
}

/** Talos sets use_local_image_pull; elsewhere containerd 2.1 and later pull through the transfer service. */
function usualPullMode(hostsDir: string, version: Version): PullMode {
  return !hostsDir.startsWith('/etc/cri/') && isAtLeast(version, '2.1.0') ? 'transfer' : 'local'
}

function factOf(name: DaemonFact['name'], { value, origin, source, at }: Known<string>): DaemonFact {
  return { name, value, origin, source, at }
}
