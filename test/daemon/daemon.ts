import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DaemonConfigReading } from '../../src/containerd/daemon-config.ts'
import { type ContainerdProcess, startContainerd } from './containerd-process.ts'
import { daemonConfiguration, type PullProfile, type RegistrySettings, rootsOf } from './daemon-configuration.ts'
import type { Network } from './network.ts'
import type { Containerd } from './tools.ts'

/** A running containerd with a root, state, socket and hosts directory of its own. */
export interface Daemon extends ContainerdProcess {
  containerd: Containerd
  socket: string
  /** What Pullpath reads from its configuration. */
  reading: DaemonConfigReading
  /** Where the hosts trees are: what `$ROOTS` in `config_path` stands for. */
  roots: string
  /** What it said. */
  log: string
}

export interface DaemonOptions {
  containerd: Containerd
  network: Network
  profile: PullProfile
  /** Default: one hosts directory, `$ROOTS/hosts`. */
  settings?: RegistrySettings
}

/**
 * Where such a daemon has its root and its state: in the memory of the namespace, since overlay mounts work there on every
 * machine, and nothing is synced.
 */
export function memoryOf(directory: string, { memory }: Pick<Network, 'memory'>): string {
  return join(memory, directory.replaceAll('/', '-'))
}

/** Starts a daemon with its files below `directory`; resolves and rejects as `startContainerd`. */
export async function startDaemon(directory: string, options: DaemonOptions): Promise<Daemon> {
  const { containerd, network, profile, settings = { configPath: '$ROOTS/hosts' } } = options
  const roots = rootsOf(directory)
  const socket = join(directory, 'run', 'containerd.sock')
  const log = join(directory, 'containerd.log')
  const memory = memoryOf(directory, network)
  for (const it of [roots, join(directory, 'run')]) mkdirSync(it, { recursive: true })
  const configuration = daemonConfiguration(directory, { version: containerd.version, profile, settings })
  for (const [path, text] of configuration.files) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const [file = ''] = configuration.files.keys()
  const started = await startContainerd({
    path: containerd.path,
    pid: network.pid,
    args: [`--config=${file}`, `--address=${socket}`, `--root=${memory}/root`, `--state=${memory}/state`],
    env: { SSL_CERT_FILE: network.systemCertificates, SSL_CERT_DIR: '/nowhere' },
    log,
  })
  return { ...started, containerd, socket, reading: configuration.reading, roots, log }
}
