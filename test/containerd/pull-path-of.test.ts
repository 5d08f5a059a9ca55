import fc from 'fast-check'
import t from 'tap'
import { pullPathOf } from '../../src/containerd/pull-path-of.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import type { TreeNode } from '../../src/hosts/tree.ts'
import { daemon, noteCodes, pathIn, pathOfFile, ROOT, type Tree, treeOf, urls, VERSIONS, version } from './node.ts'

const mirror = (name: string): Tree => ({ 'hosts.toml': `server = 'http://${name}'\n[host]\n` })
const unreadable = (code: string): TreeNode => ({ kind: 'unreadable', code, message: code })

t.test('the first existing directory wins', async (t) => {
  const cases: readonly (readonly [string, Tree, string])[] = [
    [
      '192.0.2.2:6005',
      { '192.0.2.2_6005_': mirror('a'), '192.0.2.2:6005': mirror('b'), _default: mirror('d') },
      'http://a/v2',
    ],
    ['192.0.2.2:6005', { '192.0.2.2:6005': mirror('b'), _default: mirror('d') }, 'http://b/v2'],
    ['192.0.2.2:6005', { '192.0.2.2': mirror('b'), _default: mirror('d') }, 'http://d/v2'],
    ['192.0.2.2:6005', { _default: {} }, 'https://192.0.2.2:6005/v2'],
    ['192.0.2.2:6005', {}, 'https://192.0.2.2:6005/v2'],
    ['docker.io', { 'registry-1.docker.io': mirror('a') }, 'https://registry-1.docker.io/v2'],
    ['ghcr.io', { GHCR: mirror('a'), 'ghcr.io': {}, _default: mirror('d') }, 'https://ghcr.io/v2'],
    ['[fd00::2]', { '[fd00:_2]_': mirror('a') }, 'http://a/v2'],
    ['[fd00::2]', { '[fd00::2]': mirror('a') }, 'http://a/v2'],
  ]
  for (const [registry, tree, expected] of cases) t.same(urls(pathIn(tree, registry)), [expected], registry)
})

t.test('says what a directory hides', async (t) => {
  const tree = { '192.0.2.2_6005_': {}, '192.0.2.2:6005': mirror('b'), _default: mirror('d') }
  t.same(noteCodes(pathIn(tree, '192.0.2.2:6005')), ['DIRECTORY_SHADOWED', 'FILE_ABSENT', 'DEFAULT_SHADOWED'])
})

t.test("containerd's own failures and our blindness are two things", async (t) => {
  const cases: readonly (readonly [Tree, string])[] = [
    [{ 'ghcr.io': 'a file' }, 'NOT_A_DIRECTORY'],
    [{ 'ghcr.io': unreadable('ELOOP') }, 'DIRECTORY_UNREADABLE'],
    [{ 'ghcr.io': unreadable('ENOTDIR') }, 'DIRECTORY_UNREADABLE'],
    [{ 'ghcr.io': unreadable('EACCES') }, 'NOT_SEEN'],
    [{ 'ghcr.io': unreadable('EIO') }, 'NOT_SEEN'],
    [{ 'ghcr.io': { 'hosts.toml': {} } }, 'DIRECTORY_UNREADABLE'],
    [{ 'ghcr.io': { 'hosts.toml': unreadable('EACCES') } }, 'NOT_SEEN'],
  ]
  for (const [tree, code] of cases) {
    const path = pathIn(tree, 'ghcr.io')
    t.equal(path.error?.code, code, JSON.stringify(tree))
    t.same(path.endpoints, [])
  }
  t.equal(
    pullPathOf('ghcr.io', daemon('2.2.7', { configPath: '/elsewhere' }), viewOf(new Map())).error?.code,
    'NOT_SEEN',
  )
})

t.test('a list of directories: in local mode the first that has anything, in transfer mode nothing', async (t) => {
  const trees = new Map([
    ['/a', treeOf({ _default: mirror('a') })],
    ['/b', treeOf({ 'ghcr.io': mirror('b') })],
  ])
  const at = (configPath: string, mode: 'local' | 'transfer') => {
    return pullPathOf('ghcr.io', daemon('2.2.7', { configPath, mode }), viewOf(trees))
  }
  t.same(urls(at('/a:/b', 'local')), ['http://a/v2'])
  t.same(urls(at('/b:/a', 'local')), ['http://b/v2'])
  const transfer = at('/a:/b', 'transfer')
  t.same(urls(transfer), ['https://ghcr.io/v2'])
  t.same(noteCodes(transfer), ['CONFIG_PATH_LIST'])
  t.same(urls(at('/b', 'transfer')), ['http://b/v2'])
})

t.test('how a declared URL becomes an endpoint', async (t) => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['mirror.lan', 'https://mirror.lan/v2'],
    ['mirror.lan:5000', 'https://mirror.lan:5000/v2'],
    ['http://mirror.lan', 'http://mirror.lan/v2'],
    ['http://mirror.lan/', 'http://mirror.lan/v2'],
    ['https://harbor.lan/v2/proxy', 'https://harbor.lan/v2/proxy/v2'],
    ['https://harbor.lan/x/v2/', 'https://harbor.lan/x/v2'],
    ['https://harbor.lan/x/../v2', 'https://harbor.lan/v2'],
    ['https://user:secret@harbor.lan?x=1#y', 'https://harbor.lan/v2'],
    ['HTTPS://Harbor.LAN', 'https://HTTPS:/Harbor.LAN/v2'],
    ['httpmirror.lan', null],
    ['httpd.lan:5000', null],
    ['http:foo', null],
  ]
  for (const [declared, url] of cases) {
    const path = pathOfFile(`[host.'${declared}']\n`)
    t.equal(path.endpoints.length === 1 ? null : path.endpoints[0]?.url, url, declared)
    t.equal(noteCodes(path).includes('ENDPOINT_SKIPPED'), url === null, declared)
    t.notMatch(JSON.stringify(path.endpoints), 'secret')
  }
})

t.test('override_path keeps the path as it is', async (t) => {
  const of = (url: string) => pathOfFile(`[host.'${url}']\noverride_path = true\n`).endpoints[0]?.url
  t.equal(of('https://harbor.lan/v2/proxy'), 'https://harbor.lan/v2/proxy')
  t.equal(of('https://harbor.lan'), 'https://harbor.lan')
  t.equal(of('https://harbor.lan/'), 'https://harbor.lan/')
})

t.test('the default endpoint, by registry and release', async (t) => {
  const cases: readonly (readonly [string, string, string, boolean])[] = [
    ['docker.io', '2.2.7', 'https://registry-1.docker.io/v2', false],
    ['192.168.1.106', '2.2.7', 'https://192.168.1.106/v2', false],
    ['192.168.1.106:80', '2.2.7', 'https://192.168.1.106:80/v2', false],
    ['localhost', '2.2.7', 'https://localhost/v2', false],
    ['localhost:443', '2.2.7', 'https://localhost:443/v2', false],
    ['localhost:80', '2.2.7', 'http://localhost:80/v2', false],
    ['localhost:5000', '2.2.7', 'https://localhost:5000/v2', true],
    ['127.1.2.3:5000', '2.2.7', 'https://127.1.2.3:5000/v2', true],
    ['[::1]:5000', '2.2.7', 'https://[::1]:5000/v2', true],
    ['localhost:5000', '1.7.6', 'http://localhost:5000/v2', false],
    ['localhost', '1.7.6', 'http://localhost/v2', false],
    ['localhost:5000', '1.7.7', 'https://localhost:5000/v2', true],
    ['localhost:5000', '1.7.8', 'https://localhost:5000/v2', true],
  ]
  for (const [registry, release, url, httpsFirst] of cases) {
    const path = pathIn({}, registry, release)
    t.same(urls(path), [url], `${registry} ${release}`)
    t.equal(path.endpoints[0]?.httpsFirst, httpsFirst, `${registry} ${release}`)
  }
})

t.test('an http endpoint with a TLS setting is tried over https first, by release and port', async (t) => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['1.7.6', 'a:5000', false],
    ['1.7.7', 'a:5000', true],
    ['1.7.7', 'a:80', true],
    ['1.7.8', 'a:5000', true],
    ['1.7.8', 'a:80', false],
    ['1.7.8', 'a', false],
    ['1.7.23', 'a', false],
    ['1.7.24', 'a', true],
    ['1.7.24', 'a:80', false],
    ['2.0.0', 'a', true],
    ['2.2.7', 'a:5000', true],
    ['2.2.7', 'a:80', false],
  ]
  for (const [release, host, expected] of cases) {
    const first = pathOfFile(`[host.'http://${host}']\nskip_verify = false\n`, release).endpoints[0]
    t.equal(first?.httpsFirst, expected, `${release} ${host}`)
    t.equal(first?.url, `${expected ? 'https' : 'http'}://${host}/v2`, `${release} ${host}`)
  }
  t.equal(pathOfFile("[host.'http://a']\n").endpoints[0]?.httpsFirst, false, 'not without a setting')
  t.equal(pathOfFile("[host.'http://a']\nca = []\n").endpoints[0]?.httpsFirst, true, 'an empty list is one')
})

t.test('ns is sent to everybody but the registry itself', async (t) => {
  const of = (registry: string, server: string) => {
    return pathIn({ [registry]: { 'hosts.toml': `server = '${server}'\n` } }, registry).endpoints[0]?.namespaceParam
  }
  t.equal(of('reg.io', 'https://reg.io'), false)
  t.equal(of('reg.io', 'https://reg.io:443'), true)
  t.equal(of('docker.io', 'https://registry-1.docker.io'), false)
  t.equal(of('docker.io', 'https://docker.io'), false)
  t.equal(of('docker.io', 'https://mirror.lan'), true)
})

t.test('nobody to resolve, nobody to pull', async (t) => {
  t.equal(pathOfFile("server = 'http://a'\ncapabilities = ['pull']\n").error?.code, 'NO_RESOLVE_HOSTS')
  t.equal(
    pathOfFile("server = 'httpx://a'\ncapabilities = ['pull']\n").error?.code,
    'NO_RESOLVE_HOSTS',
    'counted first',
  )
  t.equal(pathOfFile("server = 'httpx://a'\n").error?.code, 'ENDPOINT_INVALID')
  t.equal(pathOfFile("server = 'http://a'\ncapabilities = ['push']\n").error?.code, 'NO_PULL_HOSTS')
})

t.test('capabilities decide about HEAD, never about GET', async (t) => {
  const [first] = pathOfFile("[host.'http://a']\ncapabilities = ['push']\n").endpoints
  t.same([first?.resolve, first?.fetch], [false, true])
})

t.test('without config_path the deprecated mirrors decide', async (t) => {
  const mirrors = new Map([
    ['docker.io', ['http://m:5000/prefix', 'n.lan', 'localhost:5000', 'https://registry-1.docker.io']],
    ['*', ['http://any']],
  ])
  const of = (registry: string) => {
    return pullPathOf(registry, { ...daemon('2.2.7', { configPath: '' }), legacyMirrors: mirrors }, viewOf(new Map()))
  }
  const path = of('docker.io')
  t.same(urls(path), [
    'http://m:5000/prefix',
    'https://n.lan/v2',
    'http://localhost:5000/v2',
    'https://registry-1.docker.io/v2',
    'https://registry-1.docker.io/v2',
  ])
  t.ok(noteCodes(path).includes('LEGACY_MIRRORS'))
  t.same(urls(of('ghcr.io')), ['http://any/v2', 'https://ghcr.io/v2'])
  t.equal(path.endpoints[0]?.declaredIn, 'mirrors')
})

t.test('a mirror that is the registry itself is not appended again', async (t) => {
  const legacyMirrors = new Map([['reg.lan:5000', ['http://reg.lan:5000']]])
  const profile = { ...daemon('2.2.7', { configPath: '' }), legacyMirrors }
  t.same(urls(pullPathOf('reg.lan:5000', profile, viewOf(new Map()))), ['http://reg.lan:5000/v2'])
})

t.test('a mirror that is no URL fails the pull', async (t) => {
  const profile = { ...daemon('2.2.7', { configPath: '' }), legacyMirrors: new Map([['r.io', ['http://a:port']]]) }
  t.equal(pullPathOf('r.io', profile, viewOf(new Map())).error?.code, 'ENDPOINT_INVALID')
})

t.test('without config_path and mirrors hosts.toml is never read', async (t) => {
  for (const mode of ['local', 'transfer'] as const) {
    const path = pathIn({ 'ghcr.io': mirror('a') }, 'ghcr.io', '2.1.9', { configPath: '', mode })
    t.same(urls(path), ['https://ghcr.io/v2'])
    t.same(noteCodes(path), ['CONFIG_PATH_EMPTY'])
  }
})

t.test('a release below 1.7 is refused by name', async (t) => {
  t.throws(() => pathIn({}, 'ghcr.io', '1.6.39'), { code: 'PP_VERSION_UNSUPPORTED', message: /1\.6\.39/ })
})

const line = fc.oneof(
  fc.constantFrom(
    "server = 'http://o'",
    "[host.'http://a']",
    "[host.'http://b:5000']",
    '[host]',
    '[[host.x]]',
    'host = 1',
  ),
  fc.constantFrom(
    "capabilities = ['pull']",
    'capabilities = 1',
    'skip_verify = true',
    "ca = 'ca.crt'",
    "client = ['c']",
  ),
  fc.constantFrom(
    "dial_timeout = '1s'",
    'dial_timeout = 1',
    "header = { A = 'b' }",
    "[host.'http://a'.header]",
    'X = 1',
  ),
  fc.string({ maxLength: 30 }),
)
const hostsToml = fc.array(line, { maxLength: 8 }).map((it) => it.join('\n'))
const node: fc.Arbitrary<TreeNode | Tree | string> = fc.oneof(
  { weight: 5, arbitrary: hostsToml.map((it): Tree => ({ 'hosts.toml': it })) },
  hostsToml,
  fc.constantFrom('ELOOP', 'EACCES', 'ENOTDIR', 'ENOTREG', 'NOT_SEEN').map(unreadable),
  fc.constant({}),
  fc.constant({ 'hosts.toml': {}, 'ca.crt': 'x', 'a.cert': '', 'a.key': '' }),
)
const registries = fc.constantFrom('docker.io', '192.168.1.106', 'localhost:5000', '[::1]:5000', 'a.io:5000')
const names = fc.constantFrom(
  'docker.io',
  '192.168.1.106',
  'localhost_5000_',
  'localhost:5000',
  'a.io:5000',
  '_default',
)

t.test('whatever the tree holds: no throw, endpoints or an error, the same each time', async (t) => {
  const property = fc.property(
    fc.dictionary(names, node),
    registries,
    fc.constantFrom(...VERSIONS),
    fc.constantFrom('local', 'transfer') as fc.Arbitrary<'local' | 'transfer'>,
    fc.constantFrom(ROOT, `${ROOT}:/other`, '', '/other'),
    (tree, registry, release, mode, configPath) => {
      const view = viewOf(new Map([[ROOT, treeOf(tree)]]))
      const path = pullPathOf(registry, { ...daemon(release), pullMode: mode, configPath }, view)
      const again = pullPathOf(registry, { ...daemon(release), pullMode: mode, configPath }, view)
      return path.endpoints.length + (path.error === null ? 0 : 1) > 0 && JSON.stringify(path) === JSON.stringify(again)
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
})

t.test('versions are read with their packaging', async (t) => {
  for (const text of ['2.1.9+unknown', '1.7.24~ds1', 'v2.3.0'])
    t.ok(pathIn({}, 'ghcr.io', text).endpoints.length > 0, text)
  t.equal(version('2.4.0-beta.0').pre, 'beta.0')
})
