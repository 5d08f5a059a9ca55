import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { commandInside } from './command-inside.ts'

/** A containerd that serves. */
export interface ContainerdProcess {
  pid: number
  /** Resolves when it ends by itself, or by `stop`. */
  ended: Promise<void>
  /** Resolves when the process has ended. */
  stop(): Promise<void>
}

export interface ContainerdStart {
  /** The program. */
  path: string
  /** Of the process in whose namespaces it runs. */
  pid: number
  args: readonly string[]
  env?: Readonly<Record<string, string>>
  /** The file that its words go to. */
  log: string
}

const START_MS = 30_000

/** A daemon that ends at its start, or leaves CRI out, because of its configuration. */
export class DaemonRefused extends Error {}

/**
 * Starts containerd; resolves when it serves, CRI included. Rejects with DaemonRefused and its last words, or with
 * another error where it is neither up nor down in time.
 */
export async function startContainerd({ path, pid, args, env, log }: ContainerdStart): Promise<ContainerdProcess> {
  const words = createWriteStream(log)
  const [program, ...rest] = commandInside(pid, path, args)
  const child = spawn(program, rest, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...env },
  })
  child.stderr.pipe(words)
  const ended = once(child, 'exit').then(() => {})
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    child.kill(signal)
    await ended
    await finished(words)
  }
  const start = await startOf(child)
  if (start !== 'serves') {
    await end('SIGKILL')
    const last = `${path}: ${readFileSync(log, 'utf8').trim().split('\n').at(-1)}`
    throw start === 'refused' ? new DaemonRefused(last) : new Error(`no start within ${START_MS / 1000} s: ${last}`)
  }
  return { pid: child.pid ?? 0, ended, stop: () => end('SIGTERM') }
}

/** `serves`: it came to the line that containerd writes when all its services listen, with CRI among them. */
async function startOf(child: ChildProcessByStdio<null, null, Readable>): Promise<'serves' | 'refused' | 'late'> {
  let isLate = false
  const deadline = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, START_MS)
  let hasCri = true
  try {
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('failed to load plugin') && line.includes('cri')) hasCri = false
      if (line.includes('containerd successfully booted')) return hasCri ? 'serves' : 'refused'
    }
    return isLate ? 'late' : 'refused'
  } finally {
    clearTimeout(deadline)
  }
}
