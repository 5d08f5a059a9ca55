import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DaemonRefused } from './containerd-process.ts'
import { type CriConnection, connectCri } from './cri-pull.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { daemonConfiguration, type PullProfile, type RegistrySettings, rootsOf } from './daemon-configuration.ts'
import { writeHostsFiles } from './hosts-files.ts'
import { makeImage, type TestImage } from './image.ts'
import type { Network } from './network.ts'
import { type PathOfCase, pathOfCase, predict } from './predict.ts'
import { lineOf, type PullCase, referenceOf, type Seen } from './pull-case.ts'
import type { Recorded } from './registry.ts'
import type { Containerd } from './tools.ts'

/** What was predicted of a case, and what the daemon did. */
export interface Comparison {
  predicted: Seen
  seen: Seen
  /** null where the daemon refuses its configuration. */
  read: PathOfCase | null
  /** The daemon's own words for the end of the pull. */
  message: string
}

interface Running {
  directory: string
  daemon: Daemon
  cri: CriConnection
}

/** gRPC's code. */
const NOT_FOUND = 5
/** A daemon that panics has written its last words by then. */
const CRASH_MS = 5_000
/** Daemons with settings of their own that are kept beside the one that most cases need. */
const MOST_OTHERS = 3

/**
 * One release in one profile, which runs cases one after the other. A daemon is started only for settings that none
 * has yet; images and repositories are new each time, so that nothing is there before.
 */
export class DaemonUnderTest {
  readonly #directory: string
  readonly #options: { containerd: Containerd; network: Network; profile: PullProfile }
  readonly #running = new Map<string, Running>()
  #images = 0
  #started = 0

  /** Keeps its files below `directory`. */
  constructor(directory: string, options: { containerd: Containerd; network: Network; profile: PullProfile }) {
    this.#directory = directory
    this.#options = options
  }

  /** Runs a case on the daemon. Rejects only where the suite itself fails. */
  async compare(pull: PullCase): Promise<Comparison> {
    const { network, containerd, profile } = this.#options
    this.#images += 1
    const image = makeImage(`library/case-${this.#images}`, pull)
    const { directory, ...result } = await this.#observe(pull, image)
    const given = { version: containerd.version, profile, settings: pull.settings }
    const { reading } = daemonConfiguration(directory, given)
    const daemon = { version: containerd.version, reading, roots: rootsOf(directory) }
    const read = pathOfCase(pull, image, daemon, network.keyPairs)
    return { predicted: predict(pull, image, daemon, network.keyPairs), read, ...result }
  }

  async stop(): Promise<void> {
    for (const settings of [...this.#running.keys()]) await this.#end(settings)
  }

  async #observe(
    pull: PullCase,
    image: TestImage,
  ): Promise<Pick<Comparison, 'seen' | 'message'> & { directory: string }> {
    const { network } = this.#options
    const running = await this.#daemonWith(pull.settings)
    const { directory } = running
    if ('refusal' in running) {
      return { directory, seen: { requests: [], outcome: 'refused' }, message: running.refusal }
    }
    writeHostsFiles(running.daemon.roots, pull.files, network.keyPairs)
    await network.begin({ plan: pull.plan, image })
    const { outcome, message } = await this.#pull(pull, image, running)
    const requests = (await network.end()).map((it) => recordedLine(it, image))
    return { directory, seen: { requests, outcome }, message }
  }

  async #pull(
    pull: PullCase,
    image: TestImage,
    { daemon, cri }: Running,
  ): Promise<{ outcome: Seen['outcome']; message: string }> {
    try {
      const { code, message } = await cri.pull(referenceOf(pull, image), pull.credentials)
      return { outcome: code === 0 ? 'pulled' : code === NOT_FOUND ? 'not-found' : 'failed', message }
    } catch (error) {
      // A connection that ends without an answer is a daemon that panicked, or a fault of the suite.
      const isOver = await Promise.race([daemon.ended.then(() => true), delay(CRASH_MS, false)])
      if (!isOver) throw error
      await this.#end(JSON.stringify(pull.settings))
      const words = readFileSync(daemon.log, 'utf8')
      const panic = /^panic: .*$/m.exec(words)?.[0]
      if (panic !== undefined) return { outcome: 'crashed', message: panic }
      throw new Error(`containerd ended without a panic: ${words.trim().split('\n').at(-1)}`)
    }
  }

  async #daemonWith(settings: RegistrySettings): Promise<Running | { directory: string; refusal: string }> {
    const key = JSON.stringify(settings)
    const known = this.#running.get(key)
    if (known !== undefined) return known
    // The first one, of most cases, stays.
    const [, oldest, ...others] = this.#running.keys()
    if (oldest !== undefined && others.length + 1 === MOST_OTHERS) await this.#end(oldest)
    this.#started += 1
    const directory = join(this.#directory, `${this.#started}`)
    try {
      const daemon = await startDaemon(directory, { ...this.#options, settings })
      const running = { directory, daemon, cri: connectCri(daemon.socket) }
      this.#running.set(key, running)
      return running
    } catch (error) {
      if (error instanceof DaemonRefused) return { directory, refusal: error.message }
      throw error
    }
  }

  async #end(settings: string): Promise<void> {
    const running = this.#running.get(settings)
    this.#running.delete(settings)
    running?.cri.close()
    await running?.daemon.stop()
  }
}

function recordedLine(recorded: Recorded, image: TestImage): string {
  if (recorded.kind === 'handshake') return `TLS ${recorded.listener}`
  const { tls, host, target, ...marks } = recorded
  return lineOf({ ...marks, url: `${tls ? 'https' : 'http'}://${host}${target}` }, image)
}
