/**
 * What probing costs: resident memory and processor time of agents that probe every minute, as is the default, beside
 * agents that do not, on a node of 20 registries: 61 endpoints. Needs root: it happens in a network namespace of its own, in which the addresses of
 * the node and of Harbor exist and from which nothing gets out.
 */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { buildImage } from '../src/commands/demo/oci-image.ts'
import { type AgentSite, end, makeSite, startAgentProcess } from './agent-process.ts'
import { declareHarbor, requireProbes, runInside, serveEndpoints } from './local-endpoints.ts'
import { coreShare, type Usage, usageOf } from './process-usage.ts'
import { percentile, verdict } from './statistics.ts'

const AGENTS = 3
const SECONDS = 90
const RSS_GOAL_MIB = 16

if (process.argv[2] === 'inside') await measure()
else runInside(import.meta.filename, ['--net'])

async function measure(): Promise<void> {
  const servers = serveEndpoints(buildImage('probed'))
  const settings = {
    'without probes': 'probe: { interval: 0 }\n',
    'every 1 m': 'probe: { interval: 1m }\n',
  }
  const agents: { name: string; site: AgentSite; child: ChildProcess }[] = []
  for (let count = 0; count < AGENTS; count++) {
    for (const [name, more] of Object.entries(settings)) {
      const site = await makeSite(more, declareHarbor)
      agents.push({ name, site, child: (await startAgentProcess(site)).child })
    }
  }
  try {
    const before = agents.map(({ child }) => usageOf(child.pid))
    await delay(SECONDS * 1000)
    const after = agents.map(({ child }) => usageOf(child.pid))
    const of = (name: string) => {
      const places = agents.flatMap((it, index) => (it.name === name ? [index] : []))
      return { rss: places.map((it) => after[it]?.rss ?? 0), cpu: places.map((it) => share(before[it], after[it])) }
    }
    for (const { name, site } of agents) {
      if (name === 'every 1 m') requireProbes(await (await fetch(`http://127.0.0.1:${site.port}/metrics`)).text())
    }
    console.log(`resident after ${SECONDS} s, and of one core, ${AGENTS} agents each`)
    for (const name of Object.keys(settings)) console.log(row(name, of(name)))
    const added = percentile(of('every 1 m').rss, 50) - percentile(of('without probes').rss, 50)
    const isMet = added <= RSS_GOAL_MIB
    console.log(verdict(`probes add ${added.toFixed(1)} MiB, goal at most ${RSS_GOAL_MIB} MiB`, isMet))
  } finally {
    await Promise.all(agents.map(({ child }) => end(child)))
    for (const { site } of agents) site.close()
    for (const server of servers) server.close()
  }
}

function share(before: Usage | undefined, after: Usage | undefined): number {
  return before === undefined || after === undefined ? Number.NaN : coreShare(before, after, SECONDS)
}

function row(name: string, { rss, cpu }: { rss: number[]; cpu: number[] }): string {
  const all = rss.map((it) => it.toFixed(1)).join(', ')
  return `${name.padEnd(16)} ${percentile(rss, 50).toFixed(1)} MiB (${all}) ${percentile(cpu, 50).toFixed(3)} %`
}
