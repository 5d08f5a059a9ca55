import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { commandInside } from '../daemon/command-inside.ts'
import type { Bridge, Link } from './bridge.ts'
import { holdNamespaces, orEnd, runInside } from './namespaces.ts'

/**
 * A machine of the lab. It sees this machine's programs, but has `/run`, and what it changes below `/etc` and `/var`,
 * in a memory of its own: paths are those of a real node, and nothing is left of them.
 */
export interface Machine {
  name: string
  address: string
  /** What `nsenter --target` needs. */
  pid: number
  link: Link
  /** Where a path of the machine is for this process. */
  outside(path: string): string
  /** Runs a program on the machine to its end; resolves with its standard output, rejects if it fails. */
  run(program: string, args: readonly string[]): Promise<string>
  /** Starts a program on the machine, which ends at the latest with it. */
  start(program: string, args: readonly string[], options?: StartOptions): Program
  /** Has something done before it stops, the last first. */
  beforeStop(end: () => Promise<void>): void
  stop(): Promise<void>
}

export interface StartOptions {
  env?: Readonly<Record<string, string>>
  /** A file descriptor that its output goes to; nowhere without one. */
  log?: number
  /** Opens Node's channel to it. */
  channel?: boolean
}

export interface Program {
  child: ReturnType<typeof spawn>
  ended: Promise<void>
  /** By SIGTERM, and by SIGKILL where that does not help; resolves when it has ended. */
  stop(): Promise<void>
}

const STOP_MS = 10_000

/**
 * What is handed over to the kernel counts as answered in every log. Of that no more than 256 KiB wait on either side to
 * be sent or read; the kernel's own bounds are 4 and 6 MiB, which are most of a second of the origin's link.
 */
const SET_UP = `
echo 4096 16384 262144 > /proc/sys/net/ipv4/tcp_wmem
echo 4096 131072 262144 > /proc/sys/net/ipv4/tcp_rmem
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/lab
for it in etc var; do
  mkdir "/run/lab/$it" "/run/lab/$it.work"
  mount -t overlay -o "lowerdir=/$it,upperdir=/run/lab/$it,workdir=/run/lab/$it.work" overlay "/$it"
done
rm -f /etc/hosts /etc/resolv.conf
printf '127.0.0.1 localhost\\n%s %s\\n' "$1" "$2" > /etc/hosts
# Nobody answers there: a name that is not in the file above fails at once.
printf 'nameserver 127.0.0.1\\noptions attempts:1 timeout:1\\n' > /etc/resolv.conf
ip link set lo up
`

/** Starts a machine and puts it on the bridge. `setUp`: more of the shell script that prepares its files. */
export async function startMachine(
  bridge: Bridge,
  { name, address, megabits, setUp = '' }: { name: string; address: string; megabits: number; setUp?: string },
): Promise<Machine> {
  const namespaces = await holdNamespaces(SET_UP + setUp, [address, name])
  const { pid } = namespaces
  const programs = new Set<Program>()
  const ends: (() => Promise<void>)[] = []
  return {
    name,
    address,
    pid,
    link: await orEnd(namespaces, () => bridge.connect({ pid, address }, megabits)),
    outside: (path) => `/proc/${pid}/root${path}`,
    run: (program, args) => runInside(namespaces, program, args),
    start(program, args, options = {}) {
      const started = startInside(pid, program, args, options)
      programs.add(started)
      started.ended.then(() => programs.delete(started))
      return started
    },
    beforeStop: (end) => {
      ends.unshift(end)
    },
    async stop() {
      await Promise.all([...programs].map((it) => it.stop()))
      for (const end of ends.splice(0)) await end()
      await namespaces.stop()
    },
  }
}

function startInside(pid: number, program: string, args: readonly string[], options: StartOptions): Program {
  const { env = {}, log = 'ignore', channel = false } = options
  const [nsenter, ...rest] = commandInside(pid, program, args)
  const child = spawn(nsenter, rest, {
    stdio: channel ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, NODE_OPTIONS: '', ...env },
  })
  const ended = once(child, 'exit').then(() => {})
  return {
    child,
    ended,
    async stop() {
      const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      child.kill('SIGTERM')
      await ended
      clearTimeout(impatience)
    },
  }
}
