import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { NODE_STATES } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const intent = intentOf(
  talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]),
  spegelIntent(['https://docker.io', `http://${HARBOR}`]),
)

t.test('a daemon that reads another directory is one finding, and no registry is in sync', async (t) => {
  const hosts = '/etc/cri/conf.d/hosts'
  const cases = [
    { configPath: '/etc/containerd/certs.d', inSync: null, effective: null },
    { configPath: `${hosts}:/etc/docker/certs.d`, pullMode: 'transfer', inSync: false, effective: false },
    { configPath: '', inSync: false, effective: false },
  ] as const
  for (const { inSync, effective, ...daemon } of cases) {
    const tree = NODE_STATES.A?.tree
    if (tree === undefined) return t.fail('no state A')
    const report = evaluate(intent, observing(tree), daemonFacts({ ...daemon, configPathKnown: true }), nodeFacts())
    t.same(
      report.findings.map((it) => it.id),
      ['node/config-path-mismatch'],
      daemon.configPath,
    )
    for (const it of report.registries.filter((it) => it.declaredBy.includes('talos'))) {
      t.match(it, { inSync, effective }, `${it.registry} with ${daemon.configPath}`)
    }
  }
})
