import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** What may be said of a run. */
export interface RunOptions {
  cwd?: string
  env?: Readonly<Record<string, string | undefined>>
  /** What it reads on standard input. */
  input?: string
}

/** Runs a program to its end; resolves with its standard output, rejects with all that it wrote if it fails. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { cwd, input = '' } = options
  const env = { ...process.env, ...options.env }
  const child = spawn(program, args, { stdio: 'pipe', env, ...(cwd === undefined ? {} : { cwd }) })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  child.stdin.on('error', () => {}) // it ended without reading; its exit code says why
  child.stdin.end(input)
  const [code, signal] = await once(child, 'close')
  if (code === 0) return output
  throw new Error(`${program} ${args.join(' ')}: ended with ${code ?? signal}\n${output}${errors}`)
}

/** A program that runs until it is stopped. */
export interface Daemon {
  /** Resolves once it writes a line that holds this text; rejects with what it wrote if it ends before. */
  said(text: string): Promise<void>
  /** What it wrote so far. */
  output(): string
  /** By SIGTERM; resolves when it has ended. */
  stop(): Promise<void>
}

export function startDaemon(program: string, args: readonly string[], options: RunOptions = {}): Daemon {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } })
  const ended = endOf(child)
  let output = ''
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      for (const check of waiting) check()
    })
  }
  return {
    said(text) {
      return new Promise((resolve, reject) => {
        const check = () => {
          if (!output.includes(text)) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
        ended.then((how) => reject(new Error(`${program} ended with ${how} before it said "${text}":\n${output}`)))
      })
    },
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Never rejects: a program that could not be started has ended too. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('exit', (code, signal) => resolve(String(code ?? signal)))
  })
}
