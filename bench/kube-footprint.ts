/**
 * What asking Kubernetes costs an idle process: resident memory with five collections followed, against the same bundle
 * with Kubernetes off, and against one TLS connection and nothing else.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import { ApiServer } from '../test/kube/api-server.ts'
import { EVERYTHING } from '../test/kube/rbac.ts'
import { serviceAccountOf } from '../test/kube/service-account.ts'
import { end } from './agent-process.ts'
import { usageOf } from './process-usage.ts'
import { verdict } from './statistics.ts'

const ROOT = join(import.meta.dirname, '..')
const REST_MS = 5000
const GOAL_MIB = 25
const NODE_FLAGS = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'))
const TLS_ALONE = `require('node:tls').connect({ port: process.env.KUBERNETES_SERVICE_PORT, rejectUnauthorized: false },
  () => process.send('idle')).on('error', () => {})`

const directory = mkdtempSync(join(tmpdir(), 'pullpath-bench-'))
const server = await ApiServer.start({ users: { 'token-1': { name: 'bench', rules: EVERYTHING } } })
const account = serviceAccountOf(server, 'token-1')
const bundle = join(directory, 'kube.cjs')
try {
  execFileSync(process.execPath, ['bundle.mjs', '--entry=bench/kube-inside.ts', `--outfile=${bundle}`], { cwd: ROOT })
  // The first run makes the compile cache, as the image has one.
  await measure([bundle, 'on', account.root])
  const off = await measure([bundle, 'off', account.root])
  const tls = await measure(['-e', TLS_ALONE])
  const on = await measure([bundle, 'on', account.root])
  console.log(`bundle ${(statSync(bundle).size / 1024).toFixed(0)} KiB`)
  console.log(
    `off ${off.toFixed(1)} MiB, one TLS connection alone ${tls.toFixed(1)} MiB, five follows ${on.toFixed(1)} MiB`,
  )
  console.log(verdict(`${(on - off).toFixed(1)} MiB more than off, goal at most ${GOAL_MIB}`, on - off <= GOAL_MIB))
} finally {
  await server.stop()
  account.remove()
  rmSync(directory, { recursive: true, force: true })
}

/** MiB of a process that has come to rest. */
async function measure(args: readonly string[]): Promise<number> {
  const env = { ...process.env, ...account.env, NODE_COMPILE_CACHE: join(directory, 'compile-cache') }
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
  const child: ChildProcess = spawn(process.execPath, [...NODE_FLAGS, ...args], { stdio: [...stdio], env })
  try {
    await once(child, 'message')
    await delay(REST_MS)
    return usageOf(child.pid).rss
  } finally {
    await end(child)
  }
}
