import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startContainerd } from '../test/daemon/containerd-process.ts'
import { unpackedContainerd } from '../test/daemon/tools.ts'

/** A containerd that keeps content in memory, and nothing else: no images of CRI, nothing unpacked. */
export interface PlainContainerd {
  version: string
  /** Where its content is. */
  store: 'memory' | 'disk'
  /** Has it fetch what an artefact is made of, and nothing is left of it from before. `image`: over plain HTTP. */
  fetch(by: Fetching, image: string): void
  /** Removes what was fetched. */
  remove(image: string): void
  stop(): Promise<void>
}

/** `daemon`: by the daemon itself (the transfer service); `client`: by ctr, which hands the bytes to the daemon. */
export type Fetching = 'daemon' | 'client'

const MEMORY = '/dev/shm'
/** statfs(2) */
const TMPFS_MAGIC = 0x01021994
const COMMANDS: Readonly<Record<Fetching, readonly string[]>> = {
  daemon: ['images', 'pull', '--plain-http'],
  client: ['content', 'fetch', '--plain-http'],
}
/** What is not needed here, or would leave something outside its directory. */
const WITHOUT = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.cri.v1.images',
  'io.containerd.cri.v1.runtime',
  'io.containerd.nri.v1.nri',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
]

/** Starts the containerd 2.x that `.ci/tools` unpacked, in this process's own network. Needs root. */
export async function startPlainContainerd(): Promise<PlainContainerd> {
  const { path, version } = unpackedContainerd(2)
  const hasMemory = existsSync(MEMORY) && statfsSync(MEMORY).type === TMPFS_MAGIC
  const directory = mkdtempSync(join(hasMemory ? MEMORY : tmpdir(), 'pullpath-bench-'))
  const [config, socket] = [join(directory, 'config.toml'), join(directory, 'socket')]
  writeFileSync(
    config,
    `version = 3
disabled_plugins = ${JSON.stringify(WITHOUT)}
[plugins.'io.containerd.internal.v1.opt']
path = "${join(directory, 'opt')}"
`,
  )
  const below = ['root', 'state'].map((it) => `--${it}=${join(directory, it)}`)
  const daemon = await startContainerd({
    path,
    pid: process.pid,
    args: [`--config=${config}`, `--address=${socket}`, ...below],
    log: join(directory, 'log'),
  })
  const ctr = (args: readonly string[]) => {
    execFileSync(join(dirname(path), 'ctr'), ['--address', socket, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  return {
    version: version.text,
    store: hasMemory ? 'memory' : 'disk',
    fetch: (by, image) => ctr([...COMMANDS[by], image]),
    remove: (image) => ctr(['images', 'remove', '--sync', image]),
    async stop() {
      await daemon.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
