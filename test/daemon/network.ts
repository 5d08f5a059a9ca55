import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type KeyPairs, makeKeyPairs } from './key-pairs.ts'
import type { Recorded, RegistryCase } from './registry.ts'
import type { RegistryOrder, RegistryReply } from './registry-process.ts'
import { DEFAULT_DIRECTORIES, HARBOR, NAMES } from './site.ts'

/**
 * A network namespace with a loopback and nothing else, so that no packet can leave, and a mount namespace, so that
 * mounts end with it. Both are the recording registry's, and end with that process.
 */
export interface Network {
  /** Of the registry: what `nsenter --target` needs. */
  pid: number
  keyPairs: KeyPairs
  /** A directory in memory that only the namespace sees, for a daemon's state. */
  memory: string
  /** PEM: what a daemon of this network takes for the system's certificates. */
  systemCertificates: string
  begin(next: RegistryCase): Promise<void>
  /** What was asked since `begin`, in order. */
  end(): Promise<readonly Recorded[]>
  stop(): Promise<void>
}

const SET_UP = `
set -eu
ip link set lo up
ip address add ${HARBOR}/32 dev lo
mount --bind "$1/etc-hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount -t tmpfs -o mode=0700 tmpfs "$1/memory"
for directory in ${DEFAULT_DIRECTORIES.join(' ')}; do
  [ ! -d $directory ] || mount -t tmpfs tmpfs $directory
done
exec "$2" "$3" "$1/keys"
`

/** Starts the namespace and its registry, with files below `directory`. Needs root. */
export async function startNetwork(directory: string): Promise<Network> {
  for (const name of ['keys', 'memory']) mkdirSync(join(directory, name), { recursive: true })
  const keyPairs = makeKeyPairs(join(directory, 'keys'))
  const hosts = Object.entries(NAMES).map(([name, address]) => `${address} ${name}\n`)
  writeFileSync(join(directory, 'etc-hosts'), hosts.join(''))
  // Nobody answers there: a name that is not in the file above fails at once.
  writeFileSync(join(directory, 'resolv.conf'), 'nameserver 127.0.0.1\noptions attempts:1 timeout:1\n')
  const program = join(import.meta.dirname, 'registry-process.ts')
  const child = spawn(
    'unshare',
    ['--net', '--mount', 'sh', '-c', SET_UP, 'sh', directory, process.execPath, program],
    // The runner's loaders are not for the child.
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { PATH: process.env.PATH, NODE_OPTIONS: '' } },
  )
  const ended = once(child, 'exit')
  await replyOf(child, 'listening')
  return {
    pid: child.pid ?? 0,
    keyPairs,
    memory: join(directory, 'memory'),
    systemCertificates: join(directory, 'keys', 'known.crt'),
    async begin(next) {
      const begun = replyOf(child, 'begun')
      child.send({ order: 'begin', next } satisfies RegistryOrder)
      await begun
    },
    async end() {
      const reply = replyOf(child, 'ended')
      child.send({ order: 'end' } satisfies RegistryOrder)
      return (await reply).recorded
    },
    async stop() {
      child.disconnect()
      await ended
    },
  }
}

function replyOf<R extends RegistryReply['reply']>(
  child: ChildProcess,
  expected: R,
): Promise<RegistryReply & { reply: R }> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`the registry ended with ${code}`))
    child.once('exit', onExit)
    child.once('error', reject)
    child.once('message', (message) => {
      child.off('exit', onExit)
      child.off('error', reject)
      const reply = message as RegistryReply
      if (reply.reply === expected) resolve(reply as RegistryReply & { reply: R })
      else reject(new Error(`the registry replied ${reply.reply} where ${expected} was due`))
    })
  })
}
