import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HARBOR_REASONS, NODE_IP, NODE_STATES } from '../fixtures/node-states.ts'
import { restoreTree } from '../fixtures/restore-tree.ts'
import { fixture, run } from './run.ts'

t.test('check shows each state of a node with its reason, cause and remedy, from the files alone', async (t) => {
  const root = t.testdir({
    'helmrelease.yaml': readFileSync(fixture('helmrelease.yaml'), 'utf8').replace('hostPort: 29999', 'hostPort: 30020'),
  })
  const intent = ['--talos', fixture('machine-registries.yaml'), '--spegel', join(root, 'helmrelease.yaml')]
  const node = ['--node-ip', NODE_IP, '--node-name', 'k8s-1']
  for (const [name, state] of Object.entries(NODE_STATES)) {
    const hosts = join(root, name)
    restoreTree(hosts, state.tree)
    const typed = ['check', ...intent, ...node, '--hosts-dir', hosts]
    const { findings } = JSON.parse((await run([...typed, '--json'])).out)
    const harbor = findings.filter((it: { registry: string }) => it.registry === '192.168.1.106')
    const reasons = harbor.map((it: { reason: string }) => it.reason)
    t.same(reasons, HARBOR_REASONS[name] === null ? [] : [HARBOR_REASONS[name]], `${name}: ${state.meaning}`)
    const { code, out } = await run(typed)
    t.equal(code, findings.length > 0 ? 1 : 0, name)
    for (const it of harbor) {
      const block = out.split('\n\n').find((text) => text.includes(`192.168.1.106  ${it.reason} (drift)`)) ?? ''
      t.match(block, /\n {2}why {9}\S/, `${name}: the cause`)
      t.match(block, /\n {2}run {9}\S.*\n/, `${name}: the remedy`)
      t.match(block, 'spec.nodeName=k8s-1', `${name}: with the name of the node`)
    }
  }
})
