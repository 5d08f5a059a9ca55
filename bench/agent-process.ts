/** The built bundle as a process of its own, on a throw-away node of 20 registries. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { type NodeDirectory, writeNodeDirectory } from '../test/fixtures/node-directory.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const BUNDLE = new URL('../dist/pullpath.cjs', import.meta.url).pathname
/** Those of the start script, which are those of the image. */
const NODE_FLAGS = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'))
const READY_WITHIN_MS = 20_000
const POLL_MS = 2

/** Names of registries that nothing resolves. */
export const REGISTRIES = Array.from({ length: 20 }, (_, index) => `registry-${index}.example`)

/** A node and a port for an agent on it. */
export interface AgentSite {
  node: NodeDirectory
  port: number
  /** The compile cache of the bundle, made by an agent that ran before, as the image has one. */
  compileCache: string
  close(): void
}

/** `more`: lines of YAML that are added to the agent's configuration; `prepare` does what must be there for any agent. */
export async function makeSite(more = '', prepare = async (_node: NodeDirectory) => {}): Promise<AgentSite> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-bench-'))
  const node = writeNodeDirectory(directory, REGISTRIES, { port, more: `log: { level: error }\n${more}` })
  const compileCache = join(directory, 'compile-cache')
  const site = { node, port, compileCache, close: () => rmSync(directory, { recursive: true, force: true }) }
  await prepare(node)
  await end((await startAgentProcess(site)).child)
  return site
}

/** Starts node as the package does; its output other than errors is thrown away. */
export function spawnNode(args: readonly string[], compileCache = ''): ChildProcess {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache }
  return spawn(process.execPath, [...NODE_FLAGS, ...args], { stdio: ['ignore', 'ignore', 'inherit'], env })
}

/** Starts the agent; resolves with milliseconds from its start until `/readyz` answers 200. */
export async function startAgentProcess(site: AgentSite): Promise<{ child: ChildProcess; readyAfter: number }> {
  if (!existsSync(BUNDLE)) throw new Error('there is no dist/pullpath.cjs: run `npm run build` first')
  const start = performance.now()
  const child = spawnNode([BUNDLE, 'agent', '--config', site.node.configFile], site.compileCache)
  const client = new KeepAliveClient(site.port)
  try {
    while (!(await isReady(client))) {
      if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}`)
      if (performance.now() - start > READY_WITHIN_MS) throw new Error('the agent does not get ready')
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    return { child, readyAfter: performance.now() - start }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    client.close()
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

async function isReady(client: KeepAliveClient): Promise<boolean> {
  try {
    return (await client.get('/readyz')).status === 200
  } catch {
    return false // it does not listen yet
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
