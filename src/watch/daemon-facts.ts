import type { Config } from '../config/config.ts'
import { behaviourOf } from '../containerd/behaviour.ts'
import { type DaemonConfig, readDaemonConfig } from '../containerd/daemon-config.ts'
import type { ConfigRefusal } from '../containerd/daemon-config-files.ts'
import type { PullMode } from '../containerd/pull-path.ts'
import type { DaemonFacts } from '../drift/facts.ts'
import { PullpathError } from '../errors.ts'
import type { InputFailure } from '../input-failure.ts'
import { formatPosition } from '../source-position.ts'
import { isAtLeast, parseVersion, type Version } from '../version.ts'
import { HostFiles } from './host-files.ts'

/** The containerd of the newest stable Talos, 1.13.9. */
const ASSUMED_CONTAINERD = '2.2.7'

/** What is known about the daemon now. */
export interface DaemonReading {
  facts: DaemonFacts
  failure: InputFailure | null
}

/**
 * Reads the daemon's configuration again and again; while nothing of it changes the reading stays the same object.
 * A configuration that cannot be read any more leaves the last facts in force, and is down.
 */
export class DaemonReader {
  readonly #config: Config
  readonly #version: Version
  #files: HostFiles | null = null
  #reading: DaemonReading | null = null

  /** Throws PP_VERSION_INVALID and PP_VERSION_UNSUPPORTED. */
  constructor(config: Config) {
    this.#config = config
    this.#version = requiredVersion(config.containerd.version ?? ASSUMED_CONTAINERD)
    // Refused at once, not at every evaluation.
    behaviourOf(this.#version)
  }

  /** Whatever is wrong with the files is told in the reading. */
  read(): { value: DaemonReading; directories: readonly string[] } {
    if (this.#reading === null || this.#files?.isCurrent() === false) this.#reading = this.#readNow()
    return { value: this.#reading, directories: this.#files?.directories ?? [] }
  }

  #readNow(): DaemonReading {
    const { host, containerd } = this.#config
    if (containerd.configFile === null) return this.#reading ?? { facts: this.#assumedFacts(), failure: null }
    const files = new HostFiles(host.root)
    this.#files = files
    const reading = readDaemonConfig(containerd.configFile, files, this.#version)
    if (reading.ok) return { facts: this.#factsOf(reading.config), failure: null }
    // A configuration that containerd refuses is not in force: the last one is, until containerd is started again.
    return { facts: this.#reading?.facts ?? this.#assumedFacts(), failure: failureOf(reading.refusal, files) }
  }

  #factsOf(config: DaemonConfig): DaemonFacts {
    const { configPath, discardUnpackedLayers, legacyMirrors, files, ignored } = config
    return {
      version: this.#version,
      pullMode: this.#config.containerd.pullMode ?? config.pullMode,
      configPath: configPath.value,
      legacyMirrors,
      hostsDir: this.#config.containerd.hostsDir,
      configPathKnown: true,
      discardUnpackedLayers: discardUnpackedLayers.value,
      configSource: configPath.source?.file ?? files[0] ?? '',
      assumed: this.#assumedVersion(),
      notes: ignored.map(({ message, source }) => `${message} (${formatPosition(source)})`),
    }
  }

  /** What holds without the daemon's configuration. */
  #assumedFacts(): DaemonFacts {
    const { hostsDir, pullMode } = this.#config.containerd
    const assumed = this.#assumedVersion()
    assumed.push(`config_path is ${hostsDir} (containerd.configFile)`)
    const mode = pullMode ?? this.#usualPullMode()
    if (pullMode === null) assumed.push(`${mode} pull mode (containerd.configFile or containerd.pullMode)`)
    return {
      version: this.#version,
      pullMode: mode,
      configPath: hostsDir,
      legacyMirrors: new Map(),
      hostsDir,
      configPathKnown: false,
      discardUnpackedLayers: null,
      configSource: '',
      assumed,
      notes: [],
    }
  }

  #assumedVersion(): string[] {
    if (this.#config.containerd.version !== null) return []
    return [`containerd ${ASSUMED_CONTAINERD}, as the newest Talos release has it (containerd.version)`]
  }

  /** Talos sets use_local_image_pull; elsewhere containerd 2.1 and later pull through the transfer service. */
  #usualPullMode(): PullMode {
    const isTalos = this.#config.containerd.hostsDir.startsWith('/etc/cri/')
    return !isTalos && isAtLeast(this.#version, '2.1.0') ? 'transfer' : 'local'
  }
}

function failureOf({ reason, message, source }: ConfigRefusal, files: HostFiles): InputFailure {
  if (reason === 'unreadable') return { reason, message: files.failures.join('; ') || message }
  return { reason, message: source === null ? message : `${formatPosition(source)}: ${message}` }
}

function requiredVersion(text: string): Version {
  const version = parseVersion(text)
  if (version !== null) return version
  throw new PullpathError('PP_VERSION_INVALID', `${JSON.stringify(text)} is no version`, {
    advice: 'write it as 2.1.9',
  })
}
