import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type DaemonConfig, readDaemonConfig } from '../../src/containerd/daemon-config.ts'
import { type PullProfile, type RegistrySettings, writeDaemonConfiguration } from './daemon-configuration.ts'
import type { Network } from './network.ts'
import type { Containerd } from './tools.ts'

/** A running containerd with a root, state, socket and hosts directory of its own. */
export interface Daemon {
  containerd: Containerd
  pid: number
  socket: string
  /** What Pullpath reads from its configuration. */
  config: DaemonConfig
  /** Where the hosts trees are: what `$ROOTS` in `config_path` stands for. */
  roots: string
  /** What it said. */
  log: string
  /** Resolves when the process has ended. */
  stop(): Promise<void>
}

export interface DaemonOptions {
  containerd: Containerd
  network: Network
  profile: PullProfile
  /** Default: one hosts directory, `$ROOTS/hosts`. */
  settings?: RegistrySettings
}

const START_MS = 30_000

/** Starts a daemon with its files below `directory`; resolves when it serves. Rejects with its last words. */
export async function startDaemon(directory: string, options: DaemonOptions): Promise<Daemon> {
  const { containerd, network, profile, settings = { configPath: '$ROOTS/hosts' } } = options
  const roots = join(directory, 'roots')
  const socket = join(directory, 'run', 'containerd.sock')
  const log = join(directory, 'containerd.log')
  // The state is in the memory of the namespace: overlay mounts work there on every machine, and nothing is synced.
  const memory = join(network.memory, directory.replaceAll('/', '-'))
  for (const it of [roots, join(directory, 'run')]) mkdirSync(it, { recursive: true })
  const configPath = settings.configPath.replaceAll('$ROOTS', roots)
  const given = { version: containerd.version, profile, settings: { ...settings, configPath } }
  const file = writeDaemonConfiguration(directory, given)
  const reading = readDaemonConfig(file, { read: readText, glob: (it) => globSync(it).sort() }, containerd.version)
  if (!reading.ok) throw new Error(`the configuration is refused: ${reading.refusal.message}`)
  const words = createWriteStream(log)
  const child = spawn(
    'nsenter',
    [
      `--target=${network.pid}`,
      '--net',
      '--mount',
      // It must not outlive this process.
      ...['setpriv', '--pdeathsig=KILL', containerd.path],
      ...[`--config=${file}`, `--address=${socket}`, `--root=${memory}/root`, `--state=${memory}/state`],
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
        SSL_CERT_FILE: network.systemCertificates,
        SSL_CERT_DIR: '/nowhere',
      },
    },
  )
  child.stderr.pipe(words)
  const ended = once(child, 'exit')
  const serves = await becomesReady(log, ended)
  if (!serves) {
    child.kill('SIGKILL')
    await ended
    throw new Error(`${containerd.path} does not serve:\n${readText(log)?.split('\n').slice(-5).join('\n')}`)
  }
  return {
    containerd,
    pid: child.pid ?? 0,
    socket,
    config: reading.config,
    roots,
    log,
    async stop() {
      child.kill('SIGTERM')
      await ended
      await finished(words)
    },
  }
}

/** Waits for the line that containerd writes when all its services listen. */
async function becomesReady(log: string, ended: Promise<unknown>): Promise<boolean> {
  let over = false
  ended.then(() => {
    over = true
  })
  for (const until = Date.now() + START_MS; Date.now() < until && !over; ) {
    if (readText(log)?.includes('containerd successfully booted') === true) return true
    await delay(20)
  }
  return false
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
