/**
 * What the idle agent costs on a node of 20 registries: resident memory and processor time. Beside it in the same run:
 * the same node binary with one timer and nothing else. Both rest first, so that neither pays for its start.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { end, makeSite, spawnNode, startAgentProcess } from './agent-process.ts'
import { coreShare, type Usage, usageOf } from './process-usage.ts'
import { verdict } from './statistics.ts'

const SECONDS = Number(process.argv[2] ?? 60)
const REST_MS = 5000
const RSS_GOAL = 1.7
const CPU_GOAL = 0.2

const site = await makeSite()
const bare = spawnNode(['-e', 'setInterval(() => {}, 1e6)'])
const { child } = await startAgentProcess(site)
try {
  await delay(REST_MS)
  const before = { bare: usageOf(bare.pid), agent: usageOf(child.pid) }
  await delay(SECONDS * 1000)
  const after = { bare: usageOf(bare.pid), agent: usageOf(child.pid) }
  const ratio = after.agent.rss / after.bare.rss
  const cpu = coreShare(before.agent, after.agent, SECONDS)
  console.log(`idle for ${SECONDS} s      RSS        of one core`)
  console.log(row('bare node', after.bare, coreShare(before.bare, after.bare, SECONDS)))
  console.log(row('pullpath agent', after.agent, cpu))
  console.log(verdict(`RSS ratio ${ratio.toFixed(2)}, goal at most ${RSS_GOAL}`, ratio <= RSS_GOAL))
  console.log(verdict(`${cpu.toFixed(3)} % of one core, goal below ${CPU_GOAL} %`, cpu < CPU_GOAL))
} finally {
  await Promise.all([end(bare), end(child)])
  site.close()
}

function row(name: string, { rss }: Usage, cpu: number): string {
  return `${name.padEnd(16)} ${rss.toFixed(1).padStart(6)} MiB ${cpu.toFixed(3).padStart(10)} %`
}
