import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { NodeReport } from '../../src/drift/report.ts'
import { sampleOf } from '../metrics/exposition.ts'
import { Told } from '../watch/watched-node.ts'
import type { Network } from './network.ts'

/** One line of the agent's log. */
export interface AgentLine {
  msg: string
  [key: string]: unknown
}

/** An agent that runs in the network of the daemon, as it does on a node. */
export interface AgentProcess {
  /** The first line that fits, whether it came already or comes yet; what came before it is forgotten. */
  said(msg: string, fields?: Readonly<Record<string, unknown>>): Promise<AgentLine>
  report(): NodeReport
  sample(name: string, labels?: Readonly<Record<string, string>>): number | undefined
  text(path: string): string
  /** Resident memory, in bytes. */
  memory(): number
  stop(): Promise<void>
}

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** Starts the agent; resolves when it is ready. Its configuration must say port 9478 of the loopback. */
export async function startAgentProcess(network: Network, configFile: string): Promise<AgentProcess> {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(
    'nsenter',
    [
      `--target=${network.pid}`,
      '--net',
      '--mount',
      ...['setpriv', '--pdeathsig=KILL', process.execPath, MAIN, 'agent', '--config', configFile],
    ],
    // The runner's loaders are not for the child.
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, NODE_OPTIONS: '' } },
  )
  const ended = once(child, 'exit')
  const lines = new Told<AgentLine>()
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)))
  const text = (path: string) => {
    const url = `http://127.0.0.1:9478${path}`
    return execFileSync('nsenter', [`--target=${network.pid}`, '--net', 'curl', '-sS', url], { encoding: 'utf8' })
  }
  const said = (msg: string, fields: Readonly<Record<string, unknown>> = {}) => {
    return lines.next((line) => line.msg === msg && Object.entries(fields).every(([key, it]) => line[key] === it))
  }
  await Promise.race([said('ready'), ended.then(() => Promise.reject(new Error('the agent ended')))])
  return {
    said,
    text,
    report: () => JSON.parse(text('/api/v1/report')),
    sample: (name, labels = {}) => sampleOf(text('/metrics'), name, labels),
    memory: () => sampleOf(text('/metrics'), 'process_resident_memory_bytes') ?? 0,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
