import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { DaemonReader } from '../../src/watch/daemon-facts.ts'

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
  const { configPath, configPathKnown, pullMode, discardUnpackedLayers, configSource, assumed } = value.facts
  t.same(
    { configPath, configPathKnown, pullMode, discardUnpackedLayers, configSource, assumed },
    {
      configPath: '/etc/cri/conf.d/hosts',
      configPathKnown: true,
      pullMode: 'local',
      discardUnpackedLayers: true,
      configSource: '/etc/cri/conf.d/cri.toml',
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
    t.equal(bad.facts, good.facts)
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
  t.equal(facts.configSource, '/etc/cri/containerd.toml')
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
