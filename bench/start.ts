/**
 * From the start of the process to the first 200 of `/readyz`, on a node of 20 registries; the settling time of 250 ms
 * is part of it. Beside it in the same run: bare node that does nothing and ends.
 */
import { once } from 'node:events'
import { end, makeSite, spawnNode, startAgentProcess } from './agent-process.ts'
import { percentile, timesRow, verdict } from './statistics.ts'

const RUNS = 10
const GOAL_MS = 1000

const site = await makeSite()
const bare: number[] = []
const ready: number[] = []
try {
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now()
    await once(spawnNode(['-e', '0']), 'exit')
    bare.push(performance.now() - start)
    const { child, readyAfter } = await startAgentProcess(site)
    ready.push(readyAfter)
    await end(child)
  }
} finally {
  site.close()
}
const slowest = Math.max(...ready)
console.log(timesRow('bare node -e 0, start to end', bare))
console.log(timesRow('pullpath agent, start to ready', ready))
console.log(`ratio of the medians ${(percentile(ready, 50) / percentile(bare, 50)).toFixed(2)}`)
console.log(verdict(`slowest of ${RUNS} starts ${slowest.toFixed(0)} ms, goal below ${GOAL_MS} ms`, slowest < GOAL_MS))
