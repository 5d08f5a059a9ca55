import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { parseVersion } from '../../src/version.ts'
import { DaemonReader } from '../../src/watch/daemon-facts.ts'
import type { DaemonAnswer } from '../../src/watch/daemon-monitor.ts'

const MAIN = "version = 3\nimports = ['/etc/cri/conf.d/cri.toml']\n"
const PARTS = `[plugins.'io.containerd.cri.v1.images']
discard_unpacked_layers = true
use_local_image_pull = true
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '/etc/cri/conf.d/hosts'
`

/** A node's root with containerd's configuration as Talos lays it out. */
function node(t: Test, files: { main?: string; parts?: string } = {}) {
  const root = t.testdir({
    etc: { cri: { 'containerd.toml': files.main ?? MAIN, 'conf.d': { 'cri.toml': files.parts ?? PARTS } } },
  })
  return { root, main: join(root, 'etc/cri/containerd.toml'), parts: join(root, 'etc/cri/conf.d/cri.toml') }
}

function reader(root: string, containerd: Readonly<Record<string, string>> = {}) {
  const declared = { version: '2.2.7', configFile: '/etc/cri/containerd.toml', ...containerd }
  const text = JSON.stringify({ node: { name: 'n', ip: '10.0.0.1' }, host: { root }, containerd: declared })
  return new DaemonReader(readConfig(text, 'config.yaml', { env: {}, hostname: 'n' }))
}

t.test('knows config_path, the pull mode and whether layers are kept from the daemon configuration', async (t) => {
  const { value, directories } = reader(node(t).root).read()
  const { configPath, configPathKnown, pullMode, discardUnpackedLayers, configFile, assumed } = value.facts
  t.same(
    { configPath, configPathKnown, pullMode, discardUnpackedLayers, configFile, assumed },
    {
      configPath: '/etc/cri/conf.d/hosts',
      configPathKnown: true,
      pullMode: 'local',
      discardUnpackedLayers: true,
      configFile: '/etc/cri/conf.d/cri.toml',
      assumed: [],
    },
  )
  t.equal(value.failure, null)
  t.ok(directories.some((it) => it.endsWith('/etc/cri')))
  t.ok(
    directories.some((it) => it.endsWith('/etc/cri/conf.d')),
    'the directories of imports are watched too',
  )
})

t.test('without a configuration file everything is assumed, and said', async (t) => {
  const config = { node: { name: 'n', ip: '10.0.0.1' } }
  const bare = new DaemonReader(readConfig(JSON.stringify(config), 'c', { env: {}, hostname: 'n' }))
  const { value } = bare.read()
  t.equal(value.facts.configPathKnown, false)
  t.equal(value.facts.discardUnpackedLayers, null)
  t.equal(value.facts.assumed.length, 3)
  t.equal(bare.read().value, value)
})

t.test('a pull mode that is given wins over the configuration', async (t) => {
  t.equal(reader(node(t).root, { pullMode: 'transfer' }).read().value.facts.pullMode, 'transfer')
})

t.test('the reading stays the same object until a file changes', async (t) => {
  const { root, parts } = node(t)
  const daemon = reader(root)
  const { value } = daemon.read()
  t.equal(daemon.read().value, value)
  writeFileSync(parts, PARTS.replace('discard_unpacked_layers = true', 'discard_unpacked_layers = false'))
  t.equal(daemon.read().value.facts.discardUnpackedLayers, false)
})

const BREAKS: readonly (readonly [
  string,
  (files: ReturnType<typeof node>) => void,
  'unreadable' | 'invalid',
  RegExp,
])[] = [
  ['the file is gone', ({ main }) => rmSync(main), 'unreadable', /containerd\.toml: no such file/],
  ['an import is gone', ({ parts }) => rmSync(parts), 'unreadable', /cri\.toml: no such file/],
  ['an import is a directory', ({ parts }) => replaceByDirectory(parts), 'unreadable', /cri\.toml: is a directory/],
  ['a quote is lost', ({ parts }) => writeFileSync(parts, "x = 'y\n"), 'invalid', /^\/etc\/cri\/conf\.d\/cri\.toml:1:/],
  ['it is binary', ({ main }) => writeFileSync(main, Buffer.from([0xff, 0xfe, 0])), 'unreadable', /not UTF-8/],
  ['it is huge', ({ main }) => writeFileSync(main, '#'.repeat(2 * 1024 * 1024)), 'unreadable', /too large/],
  [
    'CRI would not load',
    ({ parts }) => writeFileSync(parts, `${PARTS}mirrors.a.endpoint = []\n`),
    'invalid',
    /mirrors/,
  ],
]

function replaceByDirectory(path: string): void {
  rmSync(path)
  mkdirSync(path)
}

for (const [what, spoil, reason, message] of BREAKS) {
  t.test(`keeps the last good facts when ${what}, and takes up again`, async (t) => {
    const files = node(t)
    const daemon = reader(files.root)
    const good = daemon.read().value
    spoil(files)
    const bad = daemon.read().value
    t.same(bad.facts, good.facts)
    t.equal(bad.failure?.reason, reason)
    t.match(bad.failure?.message, message)
    t.equal(daemon.read().value, bad, 'and stays as it is')
    rmSync(files.main, { force: true })
    rmSync(files.parts, { force: true, recursive: true })
    writeFileSync(files.parts, PARTS)
    writeFileSync(`${files.main}.new`, MAIN)
    renameSync(`${files.main}.new`, files.main)
    t.equal(daemon.read().value.failure, null)
  })
}

t.test('a configuration that was never readable leaves what is assumed, and is down', async (t) => {
  const { value } = reader(t.testdir({})).read()
  t.equal(value.facts.configPathKnown, false)
  t.equal(value.failure?.reason, 'unreadable')
})

t.test('what containerd passes over is told', async (t) => {
  const old = "[plugins.'io.containerd.grpc.v1.cri'.registry]\nconfig_path = '/etc/cri/conf.d/hosts'\n"
  const { facts } = reader(node(t, { parts: old }).root).read().value
  t.equal(facts.configPath, '/etc/containerd/certs.d:/etc/docker/certs.d')
  t.equal(facts.configFile, '/etc/cri/containerd.toml')
  t.match(facts.notes, [/registry below the plugin .* is ignored/])
  t.same(facts.assumed, [], 'it was read, not assumed')
})

t.test(
  'a release that is not supported is refused before anything is read, with a configuration file or without',
  (t) => {
    const declared = { node: { name: 'n', ip: '10.0.0.1' }, containerd: { version: '1.6.20' } }
    const config = readConfig(JSON.stringify(declared), 'config.yaml', { env: {}, hostname: 'n' })
    t.throws(() => new DaemonReader(config), { code: 'PP_VERSION_UNSUPPORTED' })
    t.throws(() => reader('/nowhere', { version: '1.6.20' }), { code: 'PP_VERSION_UNSUPPORTED' })
    t.end()
  },
)

const started = (startedAt: string, version = '2.2.7'): DaemonAnswer => {
  const parsed = parseVersion(version)
  if (parsed === null) throw new TypeError(version)
  const said = <T>(value: T) => ({ value, origin: 'daemon' as const, source: 'asked', at: startedAt })
  const untold = {
    pullMode: null,
    configPath: null,
    legacyMirrors: null,
    discardUnpackedLayers: null,
    criFailure: null,
  }
  return { running: { version: said(parsed), startedAt: said(startedAt), ...untold }, failure: null }
}

const BEFORE = new Date('2026-09-01T08:00:00.000Z')
const START = '2026-09-01T09:00:00.000Z'
const AFTER = new Date('2026-09-01T10:00:00.000Z')
const RESTART = '2026-09-01T11:00:00.000Z'

/** Files as they were when the daemon started. */
function startedNode(t: Test) {
  const files = node(t)
  for (const file of [files.main, files.parts]) utimesSync(file, BEFORE, BEFORE)
  const daemon = reader(files.root)
  daemon.hear(started(START))
  return { ...files, daemon }
}

t.test('a configuration that changes after the daemon started is stale; what it started with stays in force', (t) => {
  const { daemon, parts } = startedNode(t)
  t.equal(daemon.read().value.facts.stale, null)
  writeFileSync(parts, PARTS.replace('/etc/cri/conf.d/hosts', '/elsewhere'))
  utimesSync(parts, AFTER, AFTER)
  const { facts } = daemon.read().value
  t.same(facts.stale, { file: '/etc/cri/conf.d/cri.toml', changedAt: AFTER.toISOString(), startedAt: START })
  t.equal(facts.configPath, '/etc/cri/conf.d/hosts')
  daemon.hear(started(RESTART))
  t.match(daemon.read().value.facts, { stale: null, configPath: '/elsewhere' }, 'until it is started again')
  t.end()
})

t.test('what the daemon started with is put back, and nothing is stale', (t) => {
  const { daemon, parts } = startedNode(t)
  daemon.read()
  writeFileSync(parts, '')
  t.not(daemon.read().value.facts.stale, null)
  writeFileSync(parts, PARTS)
  t.equal(daemon.read().value.facts.stale, null)
  t.end()
})

t.test('a change that nobody saw is told by its time, and the files are all that is known', (t) => {
  const { daemon, parts } = startedNode(t)
  utimesSync(parts, AFTER, AFTER)
  t.match(daemon.read().value.facts, { stale: { changedAt: AFTER.toISOString() }, configPath: '/etc/cri/conf.d/hosts' })
  t.end()
})

t.test('a configuration that became invalid after the daemon started is stale as well', (t) => {
  const { daemon, parts } = startedNode(t)
  daemon.read()
  writeFileSync(parts, 'nonsense')
  t.match(daemon.read().value, { facts: { stale: { startedAt: START } }, failure: { reason: 'invalid' } })
  t.end()
})

t.test('the files are read by the rules of the release that runs, unless one is configured', (t) => {
  const { root } = node(t, {
    main: MAIN.replace('3', '2'),
    parts: PARTS.replaceAll('io.containerd.cri.v1.images', 'io.containerd.grpc.v1.cri'),
  })
  const of = (containerd: Record<string, string>, answer: DaemonAnswer) => {
    const text = JSON.stringify({
      node: { name: 'n', ip: '10.0.0.1' },
      host: { root },
      containerd: { configFile: '/etc/cri/containerd.toml', socket: '/run/c.sock', ...containerd },
    })
    const daemon = new DaemonReader(readConfig(text, 'config.yaml', { env: {}, hostname: 'n' }))
    t.match(daemon.read().value.failure?.message, '/run/c.sock: no answer yet', 'it is down until it has answered')
    daemon.hear(answer)
    return daemon.read().value
  }
  t.match(of({}, started(RESTART, '1.7.24')), {
    failure: null,
    facts: { version: { text: '1.7.24' }, pullMode: 'local' },
  })
  t.match(of({ version: '2.1.9' }, started(RESTART, '1.7.24')).facts.version, { text: '2.1.9' })
  const both = of({ configFile: '/none' }, { running: null, failure: { reason: 'unreachable', message: 'gone' } })
  t.match(both.failure, { reason: 'unreadable', message: /no such file.*; gone$/ })
  t.end()
})
