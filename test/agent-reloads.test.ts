import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t from 'tap'
import { startAgent } from '../src/agent.ts'
import { collectGarbage } from '../src/collect-garbage.ts'
import type { OpenedKube } from '../src/kube/open-kube.ts'
import { MemoryKube } from './fixtures/memory-kube.ts'
import { writeNodeDirectory } from './fixtures/node-directory.ts'
import { daemonSetObject, nodeObject, PATHS } from './fixtures/spegel-objects.ts'
import { Told } from './watch/watched-node.ts'

const WATCH = 'watch: { settle: 20ms, rescan: 100ms }\n'
const RELOADS = 3

function cluster(): OpenedKube {
  const kube = new MemoryKube(new Date().toISOString())
  kube.put(PATHS.daemonSets, daemonSetObject({ spegel: { mirroredRegistries: ['https://192.168.1.106'] } }))
  kube.put(PATHS.nodes, nodeObject())
  return { state: 'open', api: kube }
}

for (const [name, opened] of [
  ['without a cluster', { state: 'off' }],
  ['in a cluster', cluster()],
] as const) {
  t.test(`of a configuration that is no longer in force nothing is kept, ${name}`, async (t) => {
    const node = writeNodeDirectory(t.testdir({}), ['192.168.1.106'], { more: WATCH })
    const log = new Told<Record<string, unknown>>()
    const configs: WeakRef<object>[] = []
    const agent = await startAgent({
      configFile: node.configFile,
      env: {},
      logger: pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line)) }),
      openKube: async (config) => {
        configs.push(new WeakRef(config))
        return opened
      },
    })
    t.teardown(() => agent.stop())
    for (let reload = 0; reload < RELOADS; reload++) {
      agent.reload()
      await log.next((it) => it.msg === 'configuration reloaded')
    }
    const kept = () => configs.slice(0, RELOADS).filter((it) => it.deref() !== undefined).length
    // What ends has up to a second for it; the test's own time limit is what fails.
    for (collectGarbage(); kept() > 0; collectGarbage()) await delay(50)
    t.ok(configs.at(-1)?.deref(), 'and the one in force is')
  })
}
