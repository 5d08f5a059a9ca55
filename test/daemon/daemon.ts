import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { DaemonConfigReading } from '../../src/containerd/daemon-config.ts'
import { daemonConfiguration, type PullProfile, type RegistrySettings, rootsOf } from './daemon-configuration.ts'
import type { Network } from './network.ts'
import type { Containerd } from './tools.ts'

/** A running containerd with a root, state, socket and hosts directory of its own. */
export interface Daemon {
  containerd: Containerd
  pid: number
  socket: string
  /** What Pullpath reads from its configuration. */
  reading: DaemonConfigReading
  /** Where the hosts trees are: what `$ROOTS` in `config_path` stands for. */
  roots: string
  /** What it said. */
  log: string
  /** Resolves when it ends by itself, or by `stop`. */
  ended: Promise<void>
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

/** A daemon that ends at its start, or leaves CRI out, because of its configuration. */
export class DaemonRefused extends Error {}

/** Starts a daemon with its files below `directory`; resolves when it serves. Rejects with DaemonRefused and its last words. */
export async function startDaemon(directory: string, options: DaemonOptions): Promise<Daemon> {
  const { containerd, network, profile, settings = { configPath: '$ROOTS/hosts' } } = options
  const roots = rootsOf(directory)
  const socket = join(directory, 'run', 'containerd.sock')
  const log = join(directory, 'containerd.log')
  // The state is in the memory of the namespace: overlay mounts work there on every machine, and nothing is synced.
  const memory = join(network.memory, directory.replaceAll('/', '-'))
  for (const it of [roots, join(directory, 'run')]) mkdirSync(it, { recursive: true })
  const configuration = daemonConfiguration(directory, { version: containerd.version, profile, settings })
  for (const [path, text] of configuration.files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const [file = ''] = configuration.files.keys()
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
  const ended = once(child, 'exit').then(() => {})
  if (!(await serves(child))) {
    child.kill('SIGKILL')
    await ended
    await finished(words)
    throw new DaemonRefused(`${containerd.path}: ${readFileSync(log, 'utf8').trim().split('\n').at(-1)}`)
  }
  return {
    containerd,
    pid: child.pid ?? 0,
    socket,
    reading: configuration.reading,
    roots,
    log,
    ended,
    async stop() {
      child.kill('SIGTERM')
      await ended
      await finished(words)
    },
  }
}

/** Whether it comes to the line that containerd writes when all its services listen, with CRI among them. */
async function serves(child: ChildProcessByStdio<null, null, Readable>): Promise<boolean> {
  const deadline = setTimeout(() => child.kill('SIGKILL'), START_MS)
  let hasCri = true
  try {
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('failed to load plugin') && line.includes('cri')) hasCri = false
      if (line.includes('containerd successfully booted')) return hasCri
    }
    return false
  } finally {
    clearTimeout(deadline)
  }
}
