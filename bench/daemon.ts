/**
 * What asking the daemon costs:
 *
 *   proof: how long a resolve proof takes, beside bare pulls of the same image by the same daemon. Needs root and what
 *     `.ci/tools` unpacks; where they are missing the rest is measured alone
 *   memory: what agents with containerd's socket take at rest, beside agents without it
 *   silence: how many calls wait at a daemon that answers nothing for a minute, while the agent goes on asking: an
 *     agent at rest, and one whose proof was under way
 *
 * For memory and silence it is a daemon in this process that answers, on a real socket.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startHarborDouble } from '../src/commands/demo/harbor-double.ts'
import { newImage, originImage } from '../test/containerd/client/images.ts'
import { MemoryDaemon } from '../test/containerd/client/memory-daemon.ts'
import { WireDouble } from '../test/containerd/client/wire-double.ts'
import { type NodeDirectory, writeHostsFile } from '../test/fixtures/node-directory.ts'
import { type AgentSite, end, makeSite, startAgentProcess } from './agent-process.ts'
import { measureProofs } from './measure-proofs.ts'
import { usageOf } from './process-usage.ts'
import { percentile, verdict } from './statistics.ts'

const AGENTS = 3
const REST_MS = 30_000
const RSS_GOAL_MIB = 12
const SILENCE_MS = 60_000
const CALLS_GOAL = 1
const POLL_MS = 20
const SOCKET = '/run/containerd/containerd.sock'
const PULL = 'runtime.v1.ImageService/PullImage'
const CANARY = { repository: 'library/pullpath-canary', tag: 'proof-0' }

interface Measured {
  site: AgentSite
  child: Awaited<ReturnType<typeof startAgentProcess>>['child']
  /** null: an agent without a socket. */
  double: WireDouble | null
}

await measureProofs()

const { repository, tag } = CANARY
const built = newImage(`${repository}:${tag}`, 'a canary')
const harbor = await startHarborDouble(new Map([[repository, new Map([[tag, built.image]])]]))
const registry = `127.0.0.1:${harbor.port}`
const measured: Measured[] = []
try {
  for (let count = 0; count < AGENTS; count++) {
    measured.push(await startAgent('without a socket'))
    measured.push(await startAgent('with a socket'))
  }
  await measureMemory()
  await measureSilence()
} finally {
  await Promise.all(measured.map(({ child }) => end(child)))
  for (const { double, site } of measured) {
    double?.stop()
    site.close()
  }
  await harbor.close()
}

async function startAgent(kind: 'with a socket' | 'without a socket'): Promise<Measured> {
  const isAsking = kind === 'with a socket'
  const canary = `canary: { image: '${registry}/${repository}', tags: 1, interval: 0 }\n`
  let double: WireDouble | null = null
  const site = await makeSite(isAsking ? `${canary}containerd: { socket: ${SOCKET} }\n` : canary, async (node) => {
    const mirror = `      '${registry}':\n        endpoints: ['${harbor.url}']\n`
    const patch = join(dirname(node.talosFile), 'canary.yaml')
    writeFileSync(patch, `machine:\n  registries:\n    mirrors:\n${mirror}`)
    if (isAsking) double = await startDouble(node)
  })
  const { child } = await startAgentProcess(site)
  return { site, child, double }
}

async function startDouble(node: NodeDirectory): Promise<WireDouble> {
  const daemon = new MemoryDaemon()
  daemon.origin.set(`${registry}/${repository}:${tag}`, originImage(built))
  const socket = join(node.directory, 'node', SOCKET)
  mkdirSync(dirname(socket), { recursive: true })
  const double = new WireDouble(daemon, socket)
  await double.start()
  return double
}

async function measureMemory(): Promise<void> {
  await delay(REST_MS)
  const memory = (isAsking: boolean) => {
    return measured.filter(({ double }) => (double !== null) === isAsking).map(({ child }) => usageOf(child.pid).rss)
  }
  const [without, asking] = [memory(false), memory(true)]
  for (const { double, site } of measured) if (double !== null) await requireProof(site)
  const added = percentile(asking, 50) - percentile(without, 50)
  console.log(`resident after ${REST_MS / 1000} s of rest, ${AGENTS} agents each`)
  console.log(memoryRow("without containerd's socket", without))
  console.log(memoryRow('with it, one proof made', asking))
  const isMet = added <= RSS_GOAL_MIB
  console.log(verdict(`the client adds ${added.toFixed(1)} MiB, goal at most ${RSS_GOAL_MIB} MiB`, isMet))
}

/** What is measured is an agent that has proven something, not one that could not. */
async function requireProof({ port }: AgentSite): Promise<void> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  if (!/^pullpath_containerd_resolve_success\{.*\} 1$/m.test(page)) throw new Error('an agent proved nothing')
}

function memoryRow(name: string, values: readonly number[]): string {
  const all = values.map((it) => it.toFixed(1)).join(', ')
  return `${name.padEnd(30)} ${percentile(values, 50).toFixed(1)} MiB (${all})`
}

async function measureSilence(): Promise<void> {
  const [resting, proving] = measured.flatMap(({ double, site }) => (double === null ? [] : [{ double, site }]))
  if (resting === undefined || proving === undefined) throw new Error('two agents with a socket are needed')
  // A changed path asks for a proof; its pull is the first call that finds the daemon silent.
  proving.double.hanging.add(PULL)
  writeHostsFile(proving.site.node, `127.0.0.1_${harbor.port}_/hosts.toml`, `server = '${harbor.url}'\n`)
  while (proving.double.pending.get(PULL) !== 1) await delay(POLL_MS)
  const doubles = [resting.double, proving.double]
  const before = doubles.map(({ calls }) => calls)
  for (const double of doubles) {
    double.manner = 'hang'
    double.mostPendingTogether = double.pending.get(PULL) ?? 0
    double.mostOpenSubscriptions = double.openSubscriptions
  }
  await delay(SILENCE_MS)
  for (const [index, what] of ['at rest', 'with a proof under way'].entries()) {
    const { calls, mostPendingTogether, mostOpenSubscriptions } = doubles[index] ?? resting.double
    const asked = calls - (before[index] ?? 0)
    if (asked === 0) throw new Error('nobody asked')
    const most = `${mostPendingTogether} of ${asked} calls waited at a time, ${mostOpenSubscriptions} subscription open`
    const isMet = mostPendingTogether <= CALLS_GOAL
    console.log(verdict(`silent for ${SILENCE_MS / 1000} s, ${what}: ${most}, goal at most ${CALLS_GOAL} call`, isMet))
  }
}
