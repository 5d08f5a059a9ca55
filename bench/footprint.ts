/**
 * What the idle agent costs on a node of 20 registries: resident memory and processor time. Beside it in the same run:
 * the same node binary with one timer and nothing else. Both rest first, so that neither pays for its start.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { end, makeSite, spawnNode, startAgentProcess } from './agent-process.ts'
import { verdict } from './statistics.ts'

const SECONDS = Number(process.argv[2] ?? 60)
const REST_MS = 5000
const RSS_GOAL = 1.7
const CPU_GOAL = 0.2
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

interface Usage {
  rss: number
  ticks: number
}

const site = await makeSite()
const bare = spawnNode(['-e', 'setInterval(() => {}, 1e6)'])
const { child } = await startAgentProcess(site)
try {
  await delay(REST_MS)
  const before = { bare: usageOf(bare.pid), agent: usageOf(child.pid) }
  await delay(SECONDS * 1000)
  const after = { bare: usageOf(bare.pid), agent: usageOf(child.pid) }
  const ratio = after.agent.rss / after.bare.rss
  const cpu = share(before.agent, after.agent)
  console.log(`idle for ${SECONDS} s      RSS        of one core`)
  console.log(row('bare node', after.bare, share(before.bare, after.bare)))
  console.log(row('pullpath agent', after.agent, cpu))
  console.log(verdict(`RSS ratio ${ratio.toFixed(2)}, goal at most ${RSS_GOAL}`, ratio <= RSS_GOAL))
  console.log(verdict(`${cpu.toFixed(3)} % of one core, goal below ${CPU_GOAL} %`, cpu < CPU_GOAL))
} finally {
  await Promise.all([end(bare), end(child)])
  site.close()
}

function usageOf(pid: number | undefined): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  // proc_pid_stat(5): the name of the command may hold spaces; utime and stime are the 12th and 13th after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return {
    rss: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024,
    ticks: Number(fields[11]) + Number(fields[12]),
  }
}

/** Per cent of one core. */
function share(before: Usage, after: Usage): number {
  return ((after.ticks - before.ticks) / TICKS_PER_SECOND / SECONDS) * 100
}

function row(name: string, { rss }: Usage, cpu: number): string {
  return `${name.padEnd(16)} ${rss.toFixed(1).padStart(6)} MiB ${cpu.toFixed(3).padStart(10)} %`
}
