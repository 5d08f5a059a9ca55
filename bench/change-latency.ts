/**
 * From a change of a hosts.toml to the new value in `/metrics`, polled over one kept connection on loopback, on a node
 * of 20 registries with the default settling time of 250 ms: 200 changes, by rename and by writing in place in turn,
 * each a Talos file over Spegel's or Spegel's back. Beside it in the same run: how long a bare fs.watch takes to
 * report the very same change to this process.
 */
import { renameSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeAt } from '../src/hosts/tree.ts'
import { end, makeSite, REGISTRIES, startAgentProcess } from './agent-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { percentile, timesRow, verdict } from './statistics.ts'

const CHANGES = 200
const SETTLE_MS = 250
const GOAL_MS = 500
const POLL_MS = 3
const GIVE_UP_MS = 20_000

const site = await makeSite()
const { child } = await startAgentProcess(site)
const client = new KeepAliveClient(site.port)
const times = { rename: [] as number[], 'in place': [] as number[] }
const bare: number[] = []
try {
  for (let change = 0; change < CHANGES; change++) {
    const registry = REGISTRIES[change % REGISTRIES.length] ?? ''
    const isDrift = Math.floor(change / REGISTRIES.length) % 2 === 0
    const by = Math.floor(change / 2) % 2 === 0 ? 'rename' : 'in place'
    const text = textOf(isDrift ? site.node.talosTree : site.node.tree, registry)
    const file = join(site.node.hosts, registry, 'hosts.toml')
    const spare = join(site.node.directory, 'spare.toml')
    writeFileSync(spare, text)
    let start = 0
    const reported = new Promise<void>((resolve) => {
      const watcher = watch(join(site.node.hosts, registry), () => {
        bare.push(performance.now() - start)
        watcher.close()
        resolve()
      })
    })
    start = performance.now()
    if (by === 'rename') renameSync(spare, file)
    else writeFileSync(file, text)
    const line = `pullpath_drift{registry="${registry}",reason="peer-mirror-missing"} ${isDrift ? 1 : 0}`
    const [shown] = await Promise.all([untilShown(line, start), reported])
    times[by].push(shown)
  }
} finally {
  client.close()
  await end(child)
  site.close()
}

async function untilShown(line: string, start: number): Promise<number> {
  for (;;) {
    const { body } = await client.get('/metrics')
    const passed = performance.now() - start
    if (body.includes(line)) return passed
    if (passed > GIVE_UP_MS) throw new Error(`never shown: ${line}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function textOf(tree: Parameters<typeof nodeAt>[0], registry: string): string {
  const file = nodeAt(tree, `${registry}/hosts.toml`)
  if (file?.kind !== 'file' || file.text === null) throw new Error(`${registry} has no hosts.toml`)
  return file.text
}

const all = [...times.rename, ...times['in place']]
const p99 = percentile(all, 99)
console.log(timesRow('bare fs.watch event', bare))
console.log(timesRow('change to /metrics, by rename', times.rename))
console.log(timesRow('change to /metrics, in place', times['in place']))
console.log(timesRow(`change to /metrics, all ${all.length}`, all))
console.log(`p99 without the settling time of ${SETTLE_MS} ms: ${(p99 - SETTLE_MS).toFixed(1)} ms`)
console.log(verdict(`p99 ${p99.toFixed(0)} ms, goal below ${GOAL_MS} ms`, p99 < GOAL_MS))
