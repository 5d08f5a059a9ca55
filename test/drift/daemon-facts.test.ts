import t from 'tap'
import type { DaemonConfig } from '../../src/containerd/daemon-config.ts'
import type { Known, RunningDaemon } from '../../src/containerd/running-daemon.ts'
import { assumed, type DaemonSources, daemonFactsOf, given } from '../../src/drift/daemon-facts.ts'
import { HOSTS_DIR, version } from '../fixtures/intents.ts'

const AT = '2026-11-25T12:00:00.000Z'
const PLACE = { file: '/etc/cri/conf.d/cri.toml', line: 4, column: 1 }
const said = <T>(value: T): Known<T> => ({ value, origin: 'daemon', source: 'asked', at: AT })

const RUNNING: RunningDaemon = {
  version: said(version('2.1.9')),
  startedAt: said('2026-11-20T00:00:00.000Z'),
  pullMode: null,
  configPath: null,
  legacyMirrors: null,
  discardUnpackedLayers: null,
  criFailure: null,
}
const CONFIG: DaemonConfig = {
  configPath: { value: '/from/file', source: PLACE },
  pullMode: 'local',
  forcesLocalPull: [{ key: 'use_local_image_pull', source: { ...PLACE, line: 3 } }],
  discardUnpackedLayers: { value: false, source: null },
  legacyMirrors: new Map([['*', ['http://mirror']]]),
  files: ['/etc/cri/containerd.toml', '/etc/cri/conf.d/cri.toml'],
  ignored: [],
}

function factsOf(more: Partial<DaemonSources>) {
  return daemonFactsOf({
    hostsDir: HOSTS_DIR,
    configured: { pullMode: null },
    version: RUNNING.version,
    running: null,
    file: null,
    stale: null,
    ...more,
  })
}

function shown(more: Partial<DaemonSources>): Record<string, string> {
  return Object.fromEntries(
    factsOf(more).facts.map(({ name, value, origin, source }) => [name, `${value} ${origin} ${source}`]),
  )
}

const FILE = { config: CONFIG, at: AT }

t.test('where nothing was asked and nothing read everything is assumed, and said', async (t) => {
  const facts = factsOf({ version: assumed(version('2.2.7')) })
  t.match(facts, { configPath: HOSTS_DIR, configPathKnown: false, pullMode: 'local', discardUnpackedLayers: null })
  t.equal(facts.assumed.length, 3)
  t.ok(facts.facts.every((it) => it.origin === 'assumed' && it.at === ''))
})

t.test('the files say what a daemon of 2.x does not, with the place', async (t) => {
  t.same(shown({ running: RUNNING, file: FILE }), {
    version: '2.1.9 daemon asked',
    started: '2026-11-20T00:00:00.000Z daemon asked',
    'pull mode': 'local file /etc/cri/conf.d/cri.toml:3:1: use_local_image_pull',
    config_path: '/from/file file /etc/cri/conf.d/cri.toml:4:1',
    discard_unpacked_layers: "false file /etc/cri/containerd.toml: containerd's default",
  })
  t.same(factsOf({ running: RUNNING, file: FILE }).assumed, [])
})

t.test('what the daemon says counts more than its files, which it reads only when it starts', async (t) => {
  const running: RunningDaemon = {
    ...RUNNING,
    pullMode: said('local' as const),
    configPath: said('/in/force'),
    legacyMirrors: said(new Map()),
    discardUnpackedLayers: said(true),
  }
  const facts = factsOf({ running, file: { ...FILE, config: { ...CONFIG, pullMode: 'transfer' } } })
  t.match(facts, { pullMode: 'local', configPath: '/in/force', discardUnpackedLayers: true, configPathKnown: true })
  t.equal(facts.legacyMirrors.size, 0)
})

t.test('what is configured counts most', async (t) => {
  const facts = shown({
    version: given(version('2.0.0'), 'containerd.version'),
    configured: { pullMode: 'transfer' },
    running: { ...RUNNING, pullMode: said('local' as const) },
  })
  t.equal(facts.version, '2.0.0 configured containerd.version')
  t.equal(facts['pull mode'], 'transfer configured containerd.pullMode')
})

t.test('a daemon that tells no config_path leaves it assumed, and its version known', async (t) => {
  t.match(factsOf({ running: RUNNING }).assumed, [/^config_path is .* \(containerd\.configFile\)$/, /^local pull mode/])
})

t.test('without a setting that forces local pull 2.1 uses the transfer service', async (t) => {
  const config: DaemonConfig = { ...CONFIG, pullMode: 'transfer', forcesLocalPull: [] }
  t.equal(
    shown({ file: { config, at: AT } })['pull mode'],
    'transfer file /etc/cri/containerd.toml: nothing else is set',
  )
  t.equal(factsOf({ hostsDir: '/etc/containerd/certs.d' }).pullMode, 'transfer')
  t.equal(factsOf({ hostsDir: '/etc/containerd/certs.d', version: said(version('2.0.1')) }).pullMode, 'local')
})
