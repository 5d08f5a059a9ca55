import type { Config } from '../config/config.ts'
import { behaviourOf } from '../containerd/behaviour.ts'
import { readDaemonConfig } from '../containerd/daemon-config.ts'
import type { ConfigRefusal } from '../containerd/daemon-config-files.ts'
import type { Known, RunningDaemon } from '../containerd/running-daemon.ts'
import { ASSUMED_CONTAINERD, assumed, type DaemonSources, daemonFactsOf, given } from '../drift/daemon-facts.ts'
import type { DaemonFacts } from '../drift/facts.ts'
import { PullpathError } from '../errors.ts'
import type { InputFailure } from '../input-failure.ts'
import { formatPosition } from '../source-position.ts'
import { parseVersion, type Version } from '../version.ts'
import type { DaemonAnswer } from './daemon-monitor.ts'
import { HostFiles } from './host-files.ts'

/** What is known about the daemon now. */
export interface DaemonReading {
  facts: DaemonFacts
  failure: InputFailure | null
}

/** The configuration that one start of the daemon has read, as far as its files tell. */
interface InForce {
  /** ISO 8601; null: the daemon was not asked. */
  startedAt: string | null
  file: NonNullable<DaemonSources['file']>
  /** Of the texts of all files. */
  digest: string
  /** Whether they were older than the start when they were read. */
  isCertain: boolean
}

/**
 * Reads the daemon's configuration again and again, and joins it with what the daemon says of itself; while nothing of
 * either changes the reading stays the same object. A configuration that cannot be read any more leaves the last facts
 * in force, and is down; so does a daemon that does not answer any more.
 */
export class DaemonReader {
  readonly #config: Config
  readonly #given: Version | null
  #answer: DaemonAnswer
  /** What the Node's object says; null: nothing, or it is not asked. */
  #ofNode: Known<Version> | null = null
  #files: HostFiles | null = null
  #inForce: InForce | null = null
  #reading: DaemonReading | null = null

  /** Throws PP_VERSION_INVALID and PP_VERSION_UNSUPPORTED. */
  constructor(config: Config) {
    this.#config = config
    this.#answer = unanswered(config.containerd.socket)
    const { version } = config.containerd
    this.#given = version === null ? null : requiredVersion(version)
    // Refused at once, not at every evaluation.
    if (this.#given !== null) behaviourOf(this.#given)
  }

  /** Takes what the daemon said last. It is told by what changed: the same object changes nothing. */
  hear(answer: DaemonAnswer): void {
    if (answer === this.#answer) return
    this.#answer = answer
    this.#reading = null
  }

  /** Takes what this Node's object says of the runtime: it counts where the daemon itself has not said it. */
  hearNode(version: Known<Version> | null): void {
    if (version?.value.text === this.#ofNode?.value.text) return
    this.#ofNode = version
    this.#reading = null
  }

  /** Whatever is wrong with the files is told in the reading. */
  read(): { value: DaemonReading; directories: readonly string[] } {
    if (this.#reading === null || this.#files?.isCurrent() === false) this.#reading = this.#readNow()
    return { value: this.#reading, directories: this.#files?.directories ?? [] }
  }

  #readNow(): DaemonReading {
    const { running, failure } = this.#answer
    const version = this.#version(running)
    const { configFile, hostsDir, pullMode } = this.#config.containerd
    const sources = { hostsDir, configured: { pullMode }, version, running }
    if (configFile === null) {
      return { facts: daemonFactsOf({ ...sources, file: null, stale: null }), failure }
    }
    const files = new HostFiles(this.#config.host.root)
    this.#files = files
    const reading = readDaemonConfig(configFile, files, version.value)
    const startedAt = running?.startedAt.value ?? null
    const newer = startedAt === null ? null : newerThan(startedAt, files)
    if (!reading.ok) {
      // A configuration that containerd refuses is not in force: the last one is, until containerd is started again.
      const facts = daemonFactsOf({ ...sources, file: this.#inForce?.file ?? null, stale: newer })
      return { facts, failure: joined(failureOf(reading.refusal, files), failure) }
    }
    const file = { config: reading.config, at: new Date().toISOString() }
    const read: InForce = { startedAt, file, digest: files.digest, isCertain: newer === null }
    const known = this.#inForce?.startedAt === startedAt && this.#inForce.isCertain ? this.#inForce : null
    this.#inForce = newer === null || known === null ? read : known
    // A file that was written again with the same text changes nothing.
    const stale = known?.digest === read.digest ? null : newer
    return { facts: daemonFactsOf({ ...sources, file: this.#inForce.file, stale }), failure }
  }

  #version(running: RunningDaemon | null): Known<Version> {
    if (this.#given !== null) return given(this.#given, 'containerd.version')
    return running?.version ?? this.#ofNode ?? assumed(requiredVersion(ASSUMED_CONTAINERD))
  }
}

/** A daemon that is to be asked is not known until it has answered. */
function unanswered(socket: string | null): DaemonAnswer {
  const failure = socket === null ? null : ({ reason: 'silent', message: `${socket}: no answer yet` } as const)
  return { running: null, failure }
}

function newerThan(startedAt: string, files: HostFiles): DaemonFacts['stale'] {
  const newest = files.newest
  if (newest === null || newest.modifiedAt <= Date.parse(startedAt)) return null
  return { file: newest.path, changedAt: new Date(newest.modifiedAt).toISOString(), startedAt }
}

function failureOf({ reason, message, source }: ConfigRefusal, files: HostFiles): InputFailure {
  if (reason === 'unreadable') return { reason, message: files.failures.join('; ') || message }
  return { reason, message: source === null ? message : `${formatPosition(source)}: ${message}` }
}

/** The files' failure first: it is the one that lasts. */
function joined(files: InputFailure, daemon: InputFailure | null): InputFailure {
  return daemon === null ? files : { reason: files.reason, message: `${files.message}; ${daemon.message}` }
}

function requiredVersion(text: string): Version {
  const version = parseVersion(text)
  if (version !== null) return version
  throw new PullpathError('PP_VERSION_INVALID', `${JSON.stringify(text)} is no version`, {
    advice: 'write it as 2.1.9',
  })
}
