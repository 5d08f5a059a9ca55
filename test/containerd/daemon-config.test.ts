import fc from 'fast-check'
import t from 'tap'
import { type DaemonConfig, readDaemonConfig } from '../../src/containerd/daemon-config.ts'
import { formatPosition } from '../../src/source-position.ts'
import { parseVersion } from '../../src/version.ts'
import { globFiles } from '../../src/watch/glob-files.ts'

type Files = Readonly<Record<string, string>>

const IMAGES = "[plugins.'io.containerd.cri.v1.images']\n"
const REGISTRY = "[plugins.'io.containerd.cri.v1.images'.registry]\n"
const OLD = "[plugins.'io.containerd.grpc.v1.cri']\n"
const OLD_REGISTRY = "[plugins.'io.containerd.grpc.v1.cri'.registry]\n"
const OLD_CONTAINERD = "[plugins.'io.containerd.grpc.v1.cri'.containerd]\n"
const OLD_RUNTIME = "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\n"
const HOSTS = "config_path = '/etc/cri/conf.d/hosts'\n"
const DEFAULT_LIST = '/etc/containerd/certs.d:/etc/docker/certs.d'

/** Reads `/etc/containerd/config.toml` of a node that has these files; other names are below `/etc/containerd`. */
function read(version: string, given: Files | string) {
  const files = new Map(
    Object.entries(typeof given === 'string' ? { 'config.toml': given } : given).map(([name, text]) => {
      return [name.startsWith('/') ? name : `/etc/containerd/${name}`, text]
    }),
  )
  const names = (directory: string) => {
    const inside = [...files.keys()].filter((it) => it.startsWith(`${directory}/`))
    return [...new Set(inside.map((it) => it.slice(directory.length + 1).split('/')[0] ?? ''))]
  }
  const view = {
    read: (path: string) => files.get(path) ?? null,
    glob: (pattern: string) => globFiles(pattern, names, { hidden: true }),
  }
  const parsed = parseVersion(version)
  if (parsed === null) throw new TypeError(version)
  return readDaemonConfig('/etc/containerd/config.toml', view, parsed)
}

function accepted(version: string, given: Files | string): DaemonConfig {
  const reading = read(version, given)
  if (!reading.ok) throw new Error(`${version} refuses: ${reading.refusal.message}`)
  return reading.config
}

function refusal(version: string, given: Files | string): string {
  const reading = read(version, given)
  if (reading.ok) return 'accepted'
  const { reason, message, source } = reading.refusal
  return `${reason} ${source === null ? '' : `${formatPosition(source)} `}${message}`
}

t.test('reads what Talos lays down: a file that imports the merge of its parts', async (t) => {
  const config = accepted('2.2.7', {
    'config.toml':
      "version = 3\ndisabled_plugins = ['io.containerd.nri.v1.nri']\nimports = ['/etc/cri/conf.d/cri.toml']\n",
    '/etc/cri/conf.d/cri.toml': `version = 3\n${IMAGES}discard_unpacked_layers = true\nuse_local_image_pull = true\n${REGISTRY}${HOSTS}`,
  })
  t.same(config.configPath, {
    value: '/etc/cri/conf.d/hosts',
    source: { file: '/etc/cri/conf.d/cri.toml', line: 6, column: 15 },
  })
  t.equal(config.discardUnpackedLayers.value, true)
  t.equal(config.discardUnpackedLayers.source?.line, 3)
  t.equal(config.pullMode, 'local')
  t.same(config.files, ['/etc/containerd/config.toml', '/etc/cri/conf.d/cri.toml'])
  t.same(config.ignored, [])
})

t.test('config_path where nothing sets it, or sets it to nothing', async (t) => {
  const empty = "config_path = ''\n"
  const mirror = "[plugins.'io.containerd.cri.v1.images'.registry.mirrors.'docker.io']\nendpoint = ['http://m']\n"
  for (const [version, text, expected] of [
    ['1.7.32', '', ''],
    ['2.0.11', 'version = 3\n', ''],
    ['2.1.9', 'version = 3\n', ''],
    ['2.2.0', 'version = 3\n', DEFAULT_LIST],
    ['2.2.7', 'version = 3\n', DEFAULT_LIST],
    ['2.3.4', 'version = 4\n', DEFAULT_LIST],
    // 2.2.0 has the default in the place of the value, 2.2.2 puts it there where there is none.
    ['2.2.0', `version = 3\n${REGISTRY}${empty}`, ''],
    ['2.2.2', `version = 3\n${REGISTRY}${empty}`, DEFAULT_LIST],
    ['2.2.0', `version = 2\n${OLD_REGISTRY}${empty}`, DEFAULT_LIST],
    ['2.2.0', `version = 2\n${OLD}max_concurrent_downloads = 3\n`, DEFAULT_LIST],
    ['2.2.0', `version = 2\n${OLD_REGISTRY}${HOSTS}`, '/etc/cri/conf.d/hosts'],
    ['2.2.2', `version = 3\n${mirror}`, ''],
  ] as const) {
    t.equal(accepted(version, text).configPath.value, expected, `${version} ${JSON.stringify(text)}`)
  }
  t.equal(accepted('2.2.7', '').configPath.source, null, 'a default stands nowhere')
})

t.test('the plugin id of 1.x, by the version of the file and of containerd', async (t) => {
  for (const [version, text, expected] of [
    ['1.7.32', `version = 2\n${OLD_REGISTRY}${HOSTS}`, '/etc/cri/conf.d/hosts'],
    ['1.7.32', `[plugins.cri.registry]\n${HOSTS}`, '/etc/cri/conf.d/hosts'],
    ['1.7.32', `${OLD_REGISTRY}${HOSTS}`, ''],
    ['2.1.9', `version = 2\n${OLD_REGISTRY}${HOSTS}`, '/etc/cri/conf.d/hosts'],
    ['2.1.9', `version = 3\n${OLD_REGISTRY}${HOSTS}`, ''],
    // Version 1 is renamed to version 2, then taken for version 3: the move to the new plugin never comes.
    ['2.1.9', `[plugins.cri.registry]\n${HOSTS}`, ''],
    ['2.3.4', `[plugins.cri.registry]\n${HOSTS}`, '/etc/cri/conf.d/hosts'],
    ['2.3.4', `version = 3\n${OLD_REGISTRY}${HOSTS}`, '/etc/cri/conf.d/hosts'],
    ['2.3.4', `version = 4\n${OLD_REGISTRY}${HOSTS}`, DEFAULT_LIST],
    ['2.1.9', `version = 2\n${OLD_REGISTRY}${HOSTS}${REGISTRY}config_path = '/new'\n`, '/etc/cri/conf.d/hosts'],
  ] as const) {
    t.equal(accepted(version, text).configPath.value, expected, `${version} ${text}`)
  }
})

t.test('says what is left below the old plugin id', async (t) => {
  const { ignored } = accepted(
    '2.1.9',
    `version = 3\n${OLD_REGISTRY}${HOSTS}${OLD_CONTAINERD}discard_unpacked_layers = true\n`,
  )
  t.same(
    ignored.map(({ message, source }) => `${source.line} ${message.split(' ', 1)}`),
    ['2 registry', '5 containerd.discard_unpacked_layers'],
  )
  t.same(accepted('2.1.9', `version = 2\n${OLD_REGISTRY}${HOSTS}`).ignored, [])
})

t.test('discard_unpacked_layers moves only from a section that names a runtime', async (t) => {
  const discard = `${OLD_CONTAINERD}discard_unpacked_layers = true\n`
  t.equal(accepted('2.1.9', `version = 2\n${discard}`).discardUnpackedLayers.value, false)
  t.equal(accepted('2.1.9', `version = 2\n${discard}${OLD_RUNTIME}`).discardUnpackedLayers.value, true)
  t.equal(accepted('1.7.32', `version = 2\n${discard}`).discardUnpackedLayers.value, true)
})

t.test('imports: what a later file says is merged as the release merges it', async (t) => {
  const files = {
    'config.toml': `version = 2\nimports = ['conf.d/*.toml']\n${OLD_REGISTRY}${HOSTS}`,
    'conf.d/a.toml': `version = 2\n${OLD}max_concurrent_downloads = 3\n`,
  }
  t.equal(accepted('1.7.32', files).configPath.value, '', '1.x replaces the whole section')
  t.equal(accepted('2.1.9', files).configPath.value, '/etc/cri/conf.d/hosts', '2.x merges it deeply')
})

t.test('imports: breadth first, the last one wins, each file once', async (t) => {
  const path = (value: string) => `${REGISTRY}config_path = '${value}'\n`
  const config = accepted('2.1.9', {
    'config.toml': `version = 3\nimports = ['sub/a.toml', './sub/../b.toml']\n${path('/root')}`,
    'sub/a.toml': `imports = ['deep.toml', '/etc/containerd/config.toml']\n${path('/a')}`,
    'sub/deep.toml': path('/deep'),
    'b.toml': path('/b'),
  })
  t.same(
    config.files.map((it) => it.slice('/etc/containerd/'.length)),
    ['config.toml', 'sub/a.toml', 'b.toml', 'sub/deep.toml'],
  )
  t.equal(config.configPath.value, '/deep')
})

t.test('imports: false overrides true, an empty table nothing', async (t) => {
  const config = accepted('2.1.9', {
    'config.toml': `version = 3\nimports = ['*.conf']\n${IMAGES}discard_unpacked_layers = true\n${REGISTRY}${HOSTS}`,
    'a.conf': `${IMAGES}discard_unpacked_layers = false\n${REGISTRY}`,
  })
  t.equal(config.discardUnpackedLayers.value, false)
  t.equal(config.configPath.value, '/etc/cri/conf.d/hosts')
})

t.test('an imported file newer than the first is refused since 2.3', async (t) => {
  const files = { 'config.toml': "version = 2\nimports = ['a.toml']\n", 'a.toml': `version = 3\n${REGISTRY}${HOSTS}` }
  t.match(refusal('2.3.4', files), /^invalid \/etc\/containerd\/a\.toml:1:11 .*newer/)
  t.equal(accepted('2.2.7', files).configPath.value, '/etc/cri/conf.d/hosts')
})

t.test('what makes containerd 2.1 pull without the transfer service', async (t) => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['', null],
    [`${IMAGES}use_local_image_pull = true\n`, 'use_local_image_pull'],
    [`${IMAGES}disable_snapshot_annotations = false\n`, 'disable_snapshot_annotations'],
    [`${IMAGES}disable_snapshot_annotations = true\n`, null],
    [`${IMAGES}discard_unpacked_layers = true\n`, 'discard_unpacked_layers'],
    [`${IMAGES}max_concurrent_downloads = 5\n`, 'max_concurrent_downloads'],
    [`${IMAGES}max_concurrent_downloads = 3\n`, null],
    [`${IMAGES}image_pull_with_sync_fs = true\n`, 'image_pull_with_sync_fs'],
    [`${IMAGES}concurrent_layer_fetch_buffer = 8\n`, null],
    ["[plugins.'io.containerd.cri.v1.images'.registry.mirrors.'*']\n", 'registry.mirrors'],
    ["[plugins.'io.containerd.cri.v1.images'.registry.mirrors]\n", null],
    ["[plugins.'io.containerd.cri.v1.images'.registry.configs.'r.io'.auth]\nusername = 'u'\n", 'registry.configs'],
    ["[plugins.'io.containerd.cri.v1.images'.registry.auths.'https://r.io']\nusername = 'u'\n", 'registry.auths'],
  ]
  for (const [text, key] of cases) {
    const config = accepted('2.1.9', `version = 3\n${text}`)
    t.same(
      config.forcesLocalPull.map((it) => it.key),
      key === null ? [] : [key],
      text,
    )
    t.equal(config.pullMode, key === null ? 'transfer' : 'local', text)
  }
  t.equal(accepted('2.0.11', 'version = 3\n').pullMode, 'local', 'before 2.1 there is nothing else')
})

t.test('every forcing condition is named, with its place', async (t) => {
  const { forcesLocalPull } = accepted(
    '2.2.7',
    `version = 3\n${IMAGES}image_pull_with_sync_fs = true\ndiscard_unpacked_layers = true\n`,
  )
  t.same(
    forcesLocalPull.map(({ key, source }) => `${key} ${source?.line}`),
    ['discard_unpacked_layers 4', 'image_pull_with_sync_fs 3'],
  )
})

t.test('legacy mirrors are taken where no config_path is set', async (t) => {
  const text =
    "[plugins.'io.containerd.cri.v1.images'.registry.mirrors.'docker.io']\nendpoint = ['http://m:5000', 'https://n']\n" +
    "[plugins.'io.containerd.cri.v1.images'.registry.mirrors.'*']\n"
  t.same(
    [...accepted('2.1.9', `version = 3\n${text}`).legacyMirrors],
    [
      ['docker.io', ['http://m:5000', 'https://n']],
      ['*', []],
    ],
  )
  t.match(refusal('2.1.9', `version = 3\n${REGISTRY}${HOSTS}${text}`), /mirrors cannot be set beside config_path/)
  t.match(refusal('2.2.1', `version = 3\n${text}`), /which is the default/)
  t.equal(refusal('2.2.2', `version = 3\n${text}`), 'accepted')
})

t.test('credentials are not kept', async (t) => {
  const secret = 'Zm9vOmJhcg'
  const auth = `[plugins.'io.containerd.cri.v1.images'.registry.configs.'r.io'.auth]\npassword = '${secret}'\nauth = '${secret}'\n`
  t.notMatch(JSON.stringify(accepted('2.1.9', `version = 3\n${auth}`)), secret)
  t.notMatch(
    refusal(
      '2.1.9',
      `version = 3\n${auth}[plugins.'io.containerd.cri.v1.images'.registry.auths.'https://u:${secret}@r:x']`,
    ),
    secret,
  )
})

t.test('a configuration that containerd refuses says where and why', async (t) => {
  const cases: readonly (readonly [string, Files | string, RegExp])[] = [
    ['2.1.9', {}, /^unreadable \/etc\/containerd\/config\.toml cannot be read/],
    ['2.1.9', "imports = ['gone.toml']", /^unreadable \/etc\/containerd\/gone\.toml/],
    ['2.1.9', 'version = 3\n[plugins', /^invalid \/etc\/containerd\/config\.toml:2:/],
    ['2.1.9', "version = '3'", /:1:11 version must be a number/],
    ['2.1.9', 'plugins = 1', /plugins must be a table/],
    ['2.1.9', "imports = 'a.toml'", /imports must be a list/],
    ['2.1.9', 'imports = [1]', /imports must be a list/],
    ['2.1.9', 'version = 4', /version 4 is newer than the 3/],
    ['2.3.4', { 'config.toml': "version = 5\nimports = ['a.toml']", 'a.toml': '' }, /version 5 is newer than the 4/],
    ['1.7.32', 'version = 3', /version 3 is newer than the 2/],
    ['1.7.32', 'version = 2\n[plugins.cri]\n', /"cri" is no name of a plugin/],
    ['2.1.9', "version = 3\ndisabled_plugins = ['cri']", /"cri" is no name of a plugin/],
    ['1.7.32', "disabled_plugins = ['cri']", /turns CRI off/],
    ['2.1.9', "disabled_plugins = ['cri']", /turns CRI off/],
    ['2.1.9', "version = 2\ndisabled_plugins = ['io.containerd.grpc.v1.cri']", /turns CRI off/],
    ['2.1.9', `version = 3\n${REGISTRY}config_path = 1`, /:3:15 config_path must be a string/],
    ['2.1.9', `version = 3\n${IMAGES}registry = 1`, /registry must be a table/],
    ['2.1.9', `version = 3\n${REGISTRY}mirrors = 1`, /mirrors must be a table/],
    ['2.1.9', `version = 3\n${REGISTRY}mirrors.a.endpoint = 'http://m'`, /endpoint must be a list of strings/],
    ['2.1.9', `version = 3\n${REGISTRY}mirrors.a.endpoint = [1]`, /endpoint must be a list of strings/],
    ['2.1.9', `version = 3\n${IMAGES}discard_unpacked_layers = 'yes'`, /must be true or false/],
    ['2.1.9', `version = 3\n${IMAGES}max_concurrent_downloads = 1.5`, /must be a number/],
    ['2.1.9', `version = 3\n${IMAGES}image_pull_progress_timeout = 'soon'`, /invalid duration/],
    ['2.1.9', "version = 2\nplugins.'io.containerd.grpc.v1.cri' = 1", /panics/],
    ['2.1.9', "version = 3\nplugins.'io.containerd.cri.v1.images' = 1", /must be a table/],
    [
      '1.7.32',
      `version = 2\n${OLD_REGISTRY}${HOSTS}[plugins.'io.containerd.grpc.v1.cri'.registry.configs.'r.io'.tls]\nca_file = '/ca'`,
      /configs\.\*\.tls/,
    ],
  ]
  for (const [version, files, expected] of cases) t.match(refusal(version, files), expected, JSON.stringify(files))
})

t.test('the number and the size of imports are bounded', async (t) => {
  t.match(refusal('2.1.9', `#${' '.repeat(17 * 1024 * 1024)}`), /imports are too large/)
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`conf.d/${index}.toml`, '']))
  t.match(refusal('2.1.9', { 'config.toml': "imports = ['conf.d/*.toml']", ...many }), /more than 500 files/)
  t.equal(refusal('2.1.9', "imports = ['config.toml', './config.toml']"), 'accepted', 'a cycle ends')
})

t.test('a key in other capitals is the same to 2.x, the one in small letters wins', async (t) => {
  t.equal(accepted('2.1.9', `version = 3\n${REGISTRY}Config_Path = '/a'`).configPath.value, '/a')
  t.equal(accepted('1.7.32', `version = 2\n${OLD_REGISTRY}Config_Path = '/a'`).configPath.value, '')
  t.equal(accepted('1.7.32', `version = 2\n${OLD_REGISTRY}CONFIG_PATH = '/a'`).configPath.value, '/a')
  t.equal(accepted('2.1.9', `version = 3\n${REGISTRY}config_path = '/a'\nCONFIG_PATH = '/b'`).configPath.value, '/a')
})

t.test('never throws, whatever the files hold', async (t) => {
  const line = fc.oneof(
    fc.constantFrom(
      'version = 2',
      'version = 3',
      "imports = ['*']",
      "imports = ['b.toml']",
      'imports = 1',
      '[[plugins]]',
    ),
    fc.constantFrom(IMAGES, REGISTRY, OLD, OLD_REGISTRY, OLD_CONTAINERD, OLD_RUNTIME, HOSTS, '[plugins.cri]'),
    fc.constantFrom('registry = 1', 'containerd = []', 'mirrors = 1', 'mirrors.a = 1', 'mirrors.a.endpoint = 1'),
    fc.string({ maxLength: 20 }),
  )
  const text = fc.array(line, { maxLength: 12 }).map((it) => it.join('\n'))
  const versions = fc.constantFrom('1.7.32', '2.0.11', '2.1.9', '2.2.0', '2.3.4')
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(versions, text, text, (version, root, imported) => {
        const reading = read(version, { 'config.toml': root, 'b.toml': imported })
        return reading.ok || reading.refusal.message !== ''
      }),
      { numRuns: 500 },
    ),
  )
})
