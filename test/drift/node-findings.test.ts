import t from 'tap'
import type { DaemonFacts, NodeFacts } from '../../src/drift/facts.ts'
import { nodeFindings } from '../../src/drift/node-findings.ts'
import { daemonFacts, HOSTS_DIR, intentOf, nodeFacts, spegelIntent, talosIntent } from '../fixtures/intents.ts'

const intent = intentOf(talosIntent([]), spegelIntent(['https://docker.io']))
const of = (daemon: Partial<DaemonFacts>, node: Partial<NodeFacts> = {}, declared = intent) => {
  return nodeFindings(declared, daemonFacts(daemon), nodeFacts(node), [])
}

t.test('containerd must read the directory that Talos and Spegel write', async (t) => {
  const cases: readonly (readonly [Partial<DaemonFacts>, RegExp | null])[] = [
    [{ configPath: HOSTS_DIR }, null],
    [{ configPath: `${HOSTS_DIR}/` }, null],
    [{ configPath: `/etc/docker/certs.d:${HOSTS_DIR}`, pullMode: 'local' }, null],
    [{ configPath: `${HOSTS_DIR}:/etc/docker/certs.d`, pullMode: 'transfer' }, /takes the list .* for one path/],
    [{ configPath: '/etc/containerd/certs.d' }, /reads \/etc\/containerd\/certs\.d, but Talos and Spegel write/],
    [{ configPath: '' }, /reads no hosts directory at all: config_path is empty/],
    [{ configPath: '/etc/containerd/certs.d', configPathKnown: false }, null],
  ]
  for (const [daemon, summary] of cases) {
    const [finding] = of({ configPathKnown: true, configFile: '/etc/cri/conf.d/cri.toml', ...daemon })
    t.equal(finding?.reason, summary === null ? undefined : 'config-path-mismatch', JSON.stringify(daemon))
    if (summary !== null) t.match(finding?.summary, summary)
  }
})

t.test('the command reads the file that set it, else the one that Talos makes', async (t) => {
  const command = (configFile: string | null) => {
    return of({ configPathKnown: true, configPath: '/a', configFile })[0]?.remedy[0]?.command
  }
  t.match(command('/etc/cri/conf.d/10-own.part'), 'read /etc/cri/conf.d/10-own.part |')
  t.match(command(null), 'read /etc/cri/conf.d/cri.toml |')
})

t.test('discarded layers matter to peers alone', async (t) => {
  t.match(of({ discardUnpackedLayers: true }), [{ reason: 'layers-discarded', kind: 'drift' }])
  t.same(of({ discardUnpackedLayers: false }), [])
  t.same(of({ discardUnpackedLayers: null }), [])
  t.same(of({ discardUnpackedLayers: true }, {}, intentOf(talosIntent([]), null)), [])
})

t.test('every input that is down is named, with its reason', async (t) => {
  const inputs = [
    { input: 'hosts', up: false, message: 'permission denied' },
    { input: 'intent_talos', up: true, message: '' },
    { input: 'containerd', up: false, message: 'no such file' },
  ] as const
  const [finding] = of({}, { inputs })
  t.equal(finding?.reason, 'unreadable')
  t.match(finding?.summary, 'cannot see hosts, containerd:')
  t.equal(finding?.cause.text, 'permission denied; no such file')
  const both = ['kube', 'intent_spegel'] as const
  const alike = both.map((input, index) => ({
    input,
    up: false,
    message: index === 0 ? 'pods: 403; releases: 404' : 'releases: 404',
  }))
  t.equal(of({}, { inputs: alike })[0]?.cause.text, 'pods: 403; releases: 404', 'the same is told once')
})
