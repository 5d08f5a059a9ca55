import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { CONTAINERD_ROOT, CONTAINERD_SOCKET, HOSTS_DIR } from './cluster.ts'

/** What a process started, as far as it must be gone in the end. */
export interface Started {
  pids: readonly number[]
  /** `net:[…]` and `mnt:[…]` that are not those of the process itself. */
  namespaces: readonly string[]
  /** When this was seen, in the clock ticks since the boot that proc_pid_stat(5) counts in. */
  at: number
}

/** USER_HZ, on every machine that Node runs on. */
const TICKS_A_SECOND = 100

/** All descendants of a process, and the namespaces that they are in. */
export function startedBy(pid: number): Started {
  const own = namespacesOf(pid)
  const pids = descendants(pid)
  const namespaces = new Set(pids.flatMap(namespacesOf).filter((it) => !own.includes(it)))
  const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split(' ')
  return { pids, namespaces: [...namespaces], at: Number(uptime) * TICKS_A_SECOND }
}

/** What is still there of it: processes of it, and any process of that time that is in one of its namespaces. */
export function remainsOf({ pids, namespaces, at }: Started): string[] {
  return allPids()
    .filter((pid) => pids.includes(pid) || namespacesOf(pid).some((it) => namespaces.includes(it)))
    .filter((pid) => {
      const status = statusOf(pid)
      // One that has ended stays listed until its parent takes note. The kernel gives the number of what is gone to the
      // next that comes, of a process and of a namespace: whatever began later is somebody else's.
      return status !== null && status.state !== 'Z' && status.startedAt <= at
    })
    .map((pid) => `${pid} ${readOrNothing(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
}

/** What of this machine's own files and mounts a lab would touch if it did not keep to itself. */
export function hostState(): object {
  const paths = ['/etc/cri', '/run/lab', '/run/registry', HOSTS_DIR, CONTAINERD_SOCKET, CONTAINERD_ROOT]
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return {
    files: paths.filter((it) => existsSync(it)),
    texts: ['/etc/hosts', '/etc/resolv.conf'].map(readOrNothing),
    mounts: mounts.filter((it) => /^\S+ \S+ \S+ \S+ \/(run|etc|var|var\/lib\/containerd) /.test(it)),
    links: readdirSync('/sys/class/net').filter((it) => /^(br0|port\d+|eth0)$/.test(it)),
  }
}

function descendants(pid: number): number[] {
  const parents = new Map(allPids().map((it) => [it, statusOf(it)?.parent]))
  const isBelow = (it: number): boolean => {
    const parent = parents.get(it)
    return parent !== undefined && (parent === pid || isBelow(parent))
  }
  return [...parents.keys()].filter(isBelow)
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((it) => /^\d+$/.test(it))
    .map(Number)
}

/** proc_pid_stat(5): the second field is a name in brackets that may hold anything. null: there is no such process. */
function statusOf(pid: number): { state: string; parent: number; startedAt: number } | null {
  const [, rest] = /^.*\) (.*)/s.exec(readOrNothing(`/proc/${pid}/stat`)) ?? []
  if (rest === undefined) return null
  const fields = rest.split(' ')
  return { state: fields[0] ?? '', parent: Number(fields[1]), startedAt: Number(fields[19]) }
}

function namespacesOf(pid: number): string[] {
  try {
    return ['net', 'mnt'].map((it) => readlinkSync(`/proc/${pid}/ns/${it}`))
  } catch {
    // It has ended.
    return []
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
