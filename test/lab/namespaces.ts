import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { commandInside } from '../daemon/command-inside.ts'
import { run } from '../package/image/program.ts'

/**
 * A network and a mount namespace. They are held by a process that ends with this one, however that ends: its
 * standard input is a pipe from here. Whatever was mounted or set up in them ends with them.
 */
export interface Namespaces {
  /** Of the holding process. */
  pid: number
  stop(): Promise<void>
}

/** Makes them and runs a shell script in them, with `args` as its arguments. Needs root. */
export async function holdNamespaces(setUp: string, args: readonly string[] = []): Promise<Namespaces> {
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-euc', `${setUp}\necho ready\nexec cat`, 'sh', ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'exit')
  // What it says first is that it is ready; it says nothing if the script fails.
  const [ready] = await Promise.race([once(holder.stdout, 'data'), ended.then(() => [null])])
  if (ready === null) throw new Error(`a namespace could not be set up:\n${setUp}`)
  return {
    pid: holder.pid ?? 0,
    async stop() {
      holder.stdin.end()
      await ended
    },
  }
}

/** Runs a program in both namespaces to its end; resolves with its standard output, rejects if it fails. */
export function runInside(namespaces: Pick<Namespaces, 'pid'>, program: string, args: readonly string[]) {
  const [nsenter, ...rest] = commandInside(namespaces.pid, program, args)
  return run(nsenter, rest, { env: { NODE_OPTIONS: '' } })
}

/** Goes on with a start; if that fails, what was begun is ended first. */
export async function orEnd<T>(begun: { stop(): Promise<void> }, start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    await begun.stop()
    throw error
  }
}
