import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { startAgent } from '../src/agent.ts'
import { fixture } from './commands/run.ts'
import { HARBOR_REASONS, NODE_IP, NODE_STATES } from './fixtures/node-states.ts'
import { restoreTree } from './fixtures/restore-tree.ts'

const HARBOR = '192.168.1.106'
const silent = pino({ level: 'silent' })

for (const [name, state] of Object.entries(NODE_STATES)) {
  const reason = HARBOR_REASONS[name] ?? null
  t.test(`state ${name} on every face of the agent: ${reason ?? 'nothing found'}`, async (t) => {
    const root = t.testdir({
      'helmrelease.yaml': readFileSync(fixture('helmrelease.yaml'), 'utf8').replace(
        'hostPort: 29999',
        'hostPort: 30020',
      ),
      'machine-registries.yaml': readFileSync(fixture('machine-registries.yaml'), 'utf8'),
    })
    mkdirSync(join(root, 'node/etc/cri/conf.d'), { recursive: true })
    restoreTree(join(root, 'node/etc/cri/conf.d/hosts'), state.tree)
    const configFile = join(root, 'config.yaml')
    writeFileSync(
      configFile,
      `node: { name: k8s-1, ip: ${NODE_IP} }
host: { root: ${root}/node }
intent:
  talos: { patches: [${root}/machine-registries.yaml] }
  spegel: { from: helmrelease, values: [${root}/helmrelease.yaml] }
watch: { settle: 10ms }
probe: { interval: 0 }
canary: { interval: 0 }
http: { host: 127.0.0.1, port: 0 }
`,
    )
    const agent = await startAgent({ configFile, env: {}, logger: silent })
    t.teardown(() => agent.stop())
    const read = async (path: string) => (await fetch(agent.url + path)).text()

    const findings = JSON.parse(await read(`/api/v1/findings?registry=${HARBOR}`))
    const reasons = findings.map((it: { reason: string }) => it.reason)
    t.same(reasons, reason === null ? [] : [reason])

    const metrics = await read('/metrics')
    const raised = [...metrics.matchAll(/^pullpath_drift\{registry="192\.168\.1\.106",reason="([^"]+)"\} 1$/gm)]
    t.same(
      raised.map((it) => it[1]),
      reason === null ? [] : [reason],
      'in /metrics',
    )
    t.match(metrics, `pullpath_mirror_effective{registry="${HARBOR}"} ${reason === null ? 1 : 0}\n`)
    t.match(metrics, `pullpath_registry_in_sync{registry="${HARBOR}"} ${reason === null ? 1 : 0}\n`)

    const page = await read('/')
    for (const it of findings) {
      const block = page.split('\n\n').find((text) => text.includes(`${HARBOR}  ${it.reason} (drift)`)) ?? ''
      t.match(block, /\n {2}why {9}\S/, 'the cause')
      t.match(block, /\n {2}run {9}\S/, 'the remedy')
    }
    t.equal(page.includes(`${HARBOR}  `), true, 'in the text')
  })
}
