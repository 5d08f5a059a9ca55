import t from 'tap'
import { DOCKER_FILE, fixture, INTENT, run, SPEGEL_FILE, TALOS_FILE } from './run.ts'

const HEALTHY = {
  _backup: { '192.168.1.106': { 'hosts.toml': TALOS_FILE } },
  '192.168.1.106': { 'hosts.toml': SPEGEL_FILE },
  'docker.io': { 'hosts.toml': DOCKER_FILE },
}
const TALOS_ALONE = { '192.168.1.106': { 'hosts.toml': TALOS_FILE } }

t.test('a node that is as Git asks', async (t) => {
  const hosts = ['--hosts-dir', t.testdir(HEALTHY)]
  const text = await run(['check', ...INTENT, ...hosts])
  t.equal(text.code, 0)
  t.match(text.out, 'containerd does what Git declares.')
  t.match(text.out, /192\.168\.1\.106 +yes +yes +1 http:\/\/192\.168\.1\.98:29999\/v2 \(peer\)/)
  t.match(text.out, 'Assumed:')
  t.equal(text.error, '')
  const brief = await run(['check', ...INTENT, ...hosts, '--brief'])
  t.same(brief, { code: 0, out: 'ok: 2 declared registries are as Git asks\n', error: '' })
})

t.test('a node that Talos rewrote', async (t) => {
  const hosts = ['--hosts-dir', t.testdir(TALOS_ALONE)]
  const text = await run(['check', ...INTENT, ...hosts])
  t.equal(text.code, 1)
  t.match(text.out, 'WARNING  192.168.1.106  peer-mirror-missing (drift)')
  t.match(text.out, /\n {2}run +kubectl/)
  const json = JSON.parse((await run(['check', ...INTENT, ...hosts, '--json'])).out)
  t.ok(json.findings.some((it: { id: string }) => it.id === '192.168.1.106/peer-mirror-missing'))
  const brief = await run(['check', ...INTENT, ...hosts, '--brief'])
  t.equal(brief.code, 1)
  t.match(brief.out, /^warning: peer-mirror-missing .*\n$/)
})

t.test('a hosts directory that is missing is never fine', async (t) => {
  const outcome = await run(['check', ...INTENT, '--hosts-dir', `${t.testdir()}/none`])
  t.not(outcome.code, 0)
  t.notMatch(outcome.out, 'containerd does what Git declares')
})

t.test('before the merge: Git alone, without a node', async (t) => {
  const unlisted = ['--talos', fixture('machine-registries.yaml'), '--spegel', fixture('helmrelease-unlisted.yaml')]
  const bad = await run(['check', '--intent-only', ...unlisted])
  t.equal(bad.code, 1)
  t.match(bad.out, '192.168.1.106  registry-not-mirrored (conflict)')
  t.match(bad.out, 'http://192.168.1.106')
  t.match(bad.out, '192.0.2.1, an address for documentation')
  const good = await run(['check', '--intent-only', ...INTENT])
  t.equal(good.code, 0, good.out)
  t.match(good.out, 'What Git declares can work.')
  t.notMatch(good.out, '192.0.2.1')
})

t.test('the configuration file is read, and flags win over it', async (t) => {
  const root = t.testdir({
    node: { etc: { cri: { 'conf.d': { hosts: TALOS_ALONE } } } },
    copy: HEALTHY,
    'config.yaml': `node: { name: k8s-1, ip: 192.168.1.98 }
host: { root: ${t.testdirName}/node }
intent:
  talos: { patches: [${fixture('machine-registries.yaml')}] }
  spegel: { from: helmrelease, values: [${fixture('helmrelease.yaml')}] }
`,
  })
  const config = ['--config', `${root}/config.yaml`]
  const drifted = await run(['check', ...config])
  t.equal(drifted.code, 1)
  t.match(drifted.out, 'Node k8s-1 (192.168.1.98)')
  t.match(drifted.out, 'peer-mirror-missing')
  const moved = await run(['check', ...config, '--node-ip', '192.168.1.99', '--json'])
  t.equal(JSON.parse(moved.out).node.ip, '192.168.1.99')
})
