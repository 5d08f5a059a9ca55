import t from 'tap'
import { noteCodes, pathOfFile, urls } from './node.ts'

const DEFAULT = 'https://192.168.1.106/v2'

t.test('hosts come in the order of the file, the server last', async (t) => {
  const file = "server = 'http://o'\n[host.'http://b']\n[host.'http://a']\n"
  for (const version of ['1.7.32', '2.2.7']) {
    t.same(urls(pathOfFile(file, version)), ['http://b/v2', 'http://a/v2', 'http://o/v2'], version)
  }
})

t.test('a sub-table behind another host makes 2.x ask the first one twice', async (t) => {
  const file = "[host.'http://a']\n[host.'http://b']\n[host.'http://a'.header]\nX-Team = 'x'\n"
  t.same(urls(pathOfFile(file, '1.7.32')), ['http://a/v2', 'http://b/v2', DEFAULT])
  const path = pathOfFile(file, '2.2.7')
  t.same(urls(path), ['http://a/v2', 'http://b/v2', 'http://a/v2', DEFAULT])
  t.ok(noteCodes(path).includes('ENDPOINT_REPEATED'))
  t.same(path.endpoints[2]?.headerNames, ['X-Team'])
})

t.test('2.x sees [host."…"] tables only', async (t) => {
  for (const file of [
    "host = { 'http://a' = { capabilities = ['pull'] } }\n",
    "host.'http://a'.capabilities = ['pull']\n",
    "[host]\n'http://a' = { capabilities = ['pull'] }\n",
    "[host]\n'http://a'.capabilities = ['pull']\n",
  ]) {
    t.same(urls(pathOfFile(file, '1.7.32')), ['http://a/v2', DEFAULT], file)
    const path = pathOfFile(file, '2.2.7')
    t.same(urls(path), [DEFAULT], file)
    t.ok(noteCodes(path).includes('HOSTS_NOT_SEEN'), file)
  }
})

t.test('a file without hosts is thrown away before 1.7.32', async (t) => {
  const file = "server = 'http://192.168.1.106'\n"
  for (const [version, expected] of [
    ['1.7.31', DEFAULT],
    ['1.7.32', 'http://192.168.1.106/v2'],
    ['2.0.0', 'http://192.168.1.106/v2'],
  ] as const) {
    const path = pathOfFile(file, version)
    t.same(urls(path), [expected], version)
    t.equal(noteCodes(path).includes('FILE_IGNORED'), version === '1.7.31', version)
  }
  t.same(urls(pathOfFile(`${file}[host]\n`, '1.7.31')), ['http://192.168.1.106/v2'], 'an empty table mends it')
})

t.test('any mistake throws the whole file away, and says where', async (t) => {
  const cases: readonly (readonly [string, number])[] = [
    ["[host.'http://a']\ncapabilities = ['pul']\n", 2],
    ["[host.'http://a']\ncapabilities = 'pull'\n", 2],
    ["[host.'http://a']\ncapabilities = [1]\n", 2],
    ["[host.'http://a']\nskip_verify = 'yes'\n", 2],
    ["[host.'http://a']\noverride_path = 1\n", 2],
    ["[host.'http://a']\nca = 1\n", 2],
    ["[host.'http://a']\nca = ['x', 1]\n", 2],
    ["[host.'http://a']\nclient = 1\n", 2],
    ["[host.'http://a']\nclient = [['only-one.pem']]\n", 2],
    ["[host.'http://a']\nheader = { X = 1 }\n", 2],
    ["[host.'http://a']\nheader = 'X'\n", 2],
    ["[host.'http://a']\ndial_timeout = 200\n", 2],
    ["[host.'http://a']\ndial_timeout = '200'\n", 2],
    ["server = 1\n[host.'http://a']\n", 1],
    ["[host.'http://a:port']\n", 1],
    ["[host.'http://a']\n[host.'http://a']\n", 2],
    ["server = 'http://o\n[host.'http://a']\n", 1],
    ['host = 1\n', 1],
  ]
  for (const [file, line] of cases) {
    const path = pathOfFile(file, '2.2.7')
    t.same(urls(path), [DEFAULT], file)
    t.equal(path.fileUsed, false, file)
    const note = path.notes.find((it) => it.code === 'FILE_IGNORED')
    t.equal(note?.source?.line, line, `${file} ${note?.message}`)
    t.equal(note?.source?.file, '/etc/cri/conf.d/hosts/192.168.1.106/hosts.toml')
  }
})

t.test('referrers is a capability since 2.2', async (t) => {
  const file = "[host.'http://a']\ncapabilities = ['pull', 'referrers']\n"
  for (const [version, used] of [
    ['1.7.32', false],
    ['2.1.9', false],
    ['2.2.0', true],
  ] as const) {
    t.equal(pathOfFile(file, version).fileUsed, used, version)
  }
})

t.test('capabilities: in any case, none and an empty list mean all', async (t) => {
  const of = (value: string, version: string) => {
    return pathOfFile(`[host.'http://a']\n${value}\n`, version).endpoints[0]?.capabilities
  }
  t.same(of("capabilities = ['PULL', 'Resolve']", '2.2.7'), ['pull', 'resolve'])
  t.same(of('', '2.1.9'), ['pull', 'resolve', 'push'])
  t.same(of('capabilities = []', '2.2.7'), ['pull', 'resolve', 'push', 'referrers'])
})

t.test('dial_timeout, by release', async (t) => {
  const text = (value: string) => `[host.'http://a:5000']\ndial_timeout = ${value}\n`
  for (const [version, value, expected] of [
    ['1.7.32', "'200ms'", 'used, unknown'],
    ['1.7.32', '200', 'used, unknown'],
    ['2.0.6', '200', 'used, unknown'],
    ['2.0.7', '200', 'ignored'],
    ['2.0.7', "'200ms'", 'used, 200ms, https first'],
    ['2.0.11', "'200ms'", 'used, 200ms, https first'],
    ['2.1.0', "'200ms'", 'used, 200ms'],
    ['2.1.0', "''", 'used, unknown'],
    ['2.3.4', "'1m30s'", 'used, 1m30s'],
    ['2.3.4', "'soon'", 'ignored'],
  ] as const) {
    const path = pathOfFile(text(value), version)
    const first = path.endpoints[0]
    const seen = !path.fileUsed
      ? 'ignored'
      : `used, ${first?.dialTimeout ?? 'unknown'}${first?.httpsFirst === true ? ', https first' : ''}`
    t.equal(seen, expected, `${version} ${value}`)
  }
})

t.test('keys in other capitals: any to 2.x, all capitals alone to 1.x', async (t) => {
  const of = (key: string, version: string) =>
    pathOfFile(`[host.'http://a/x']\n${key} = true\n`, version).endpoints[0]?.url
  t.equal(of('Override_Path', '2.2.7'), 'http://a/x')
  t.equal(of('Override_Path', '1.7.32'), 'http://a/x/v2')
  t.equal(of('OVERRIDE_PATH', '1.7.32'), 'http://a/x')
})

t.test('a wrong type in any spelling of a key throws the file away', async (t) => {
  const path = pathOfFile("[host.'http://a']\nSKIP_VERIFY = 1.5\nskip_verify = true\n")
  t.equal(path.fileUsed, false)
})

t.test('unknown and misplaced keys are ignored, and noted', async (t) => {
  const path = pathOfFile("[host.'http://a']\ncapabilites = ['pull']\nserver = 'http://o'\n")
  t.same(urls(path), ['http://a/v2', DEFAULT])
  t.same(
    path.notes.map((it) => `${it.code} ${it.source?.line}`),
    ['KEY_IGNORED 2', 'SERVER_MISPLACED 3'],
  )
})

t.test('what stands at the root belongs to the last endpoint alone', async (t) => {
  const path = pathOfFile("server = 'https://o'\nskip_verify = true\n[host.'https://a']\n")
  t.same(
    path.endpoints.map((it) => it.skipVerify),
    [null, true],
  )
})

t.test('without a server the default endpoint has all capabilities and keeps the rest', async (t) => {
  const last = pathOfFile("capabilities = ['push']\nskip_verify = false\n[host.'https://a']\n").endpoints[1]
  t.same(last?.capabilities, ['pull', 'resolve', 'push', 'referrers'])
  t.equal(last?.skipVerify, false)
  t.equal(last?.declaredIn, 'default')
})

t.test('names of headers are told, their values never', async (t) => {
  const file = "[host.'http://a'.header]\nAuthorization = ['Basic Zm9vOmJhcg==']\nX-Team = 'dev'\n"
  const path = pathOfFile(file)
  t.same(path.endpoints[0]?.headerNames, ['Authorization', 'X-Team'])
  t.notMatch(JSON.stringify(path), 'Zm9v')
})

t.test('1.x panics where one of several hosts is no table', async (t) => {
  const file = "[host]\nx = 1\n[host.'http://a']\n"
  t.equal(pathOfFile(file, '1.7.32').error?.code, 'HOST_PANIC')
  t.equal(pathOfFile(file, '2.2.7').fileUsed, false)
})

t.test('a byte order mark is passed over by 1.x and refused by 2.x', async (t) => {
  const file = "\uFEFFserver = 'http://o'\n[host]\n"
  t.equal(pathOfFile(file, '1.7.32').fileUsed, true)
  t.equal(pathOfFile(file, '2.2.7').fileUsed, false)
})

t.test('empty, absent, comment-only', async (t) => {
  t.same(noteCodes(pathOfFile('')), ['FILE_EMPTY'])
  t.equal(pathOfFile('# nothing\n', '2.2.7').fileUsed, true)
  t.equal(pathOfFile('# nothing\n', '1.7.31').fileUsed, false)
  for (const file of ['', '# nothing\n']) t.same(urls(pathOfFile(file)), [DEFAULT])
})

t.test('a table header in the place of a value', async (t) => {
  // go-toml v2 before 2.4 skips a header without content, whatever it names; 2.4 and v1 take it for a table.
  for (const [file, version, used] of [
    ['[server]\n', '2.2.7', true],
    ['[host]\n[server]\n', '1.7.32', false],
    ['[server]\nx = 1\n', '2.2.7', false],
    ["[host.'http://a'.skip_verify]\n", '2.2.7', true],
    ["[host.'http://a'.skip_verify]\n", '1.7.32', false],
    ["[host.'http://a'.ca]\n", '2.2.7', true],
    ["[host.'http://a'.ca]\n", '1.7.32', false],
    ["[host.'http://a'.capabilities]\n", '2.2.7', false],
    ["[host.'http://a'.dial_timeout]\n", '2.2.7', true],
    ["[host.'http://a'.dial_timeout]\nx = 1\n", '2.2.7', false],
    ['[server]\n', '2.4.0', false],
    ['[server]\n', '2.1.9+unknown', false],
    ["[host.'http://a'.skip_verify]\n", '2.4.0', false],
    ["[host.'http://a'.ca]\n", '2.4.0', false],
    ["[host.'http://a'.dial_timeout]\n", '2.4.0', false],
    ["[host.'http://a'.header]\n", '2.4.0', true],
  ] as const) {
    t.equal(pathOfFile(file, version).fileUsed, used, `${version} ${file}`)
  }
  const kept = pathOfFile("Server = 'http://b'\n[server]\n[host.'http://a']\n")
  t.same(urls(kept), ['http://a/v2', 'http://b/v2'], 'what is passed over takes nothing away')
  const [first] = pathOfFile("[host.'http://a'.skip_verify]\n").endpoints
  t.same([first?.skipVerify, first?.httpsFirst], [false, true], 'declared by its header')
})

t.test('skip_verify as a later dotted key of a host makes containerd panic before go-toml 2.4', async (t) => {
  for (const [file, panics] of [
    ["host.'http://a'.ca = []\nhost.'http://a'.skip_verify = true\n", true],
    ["host.'http://a'.x = 1\nhost.'http://a'.skip_verify = true\n", true],
    ["host = { 'http://a'.ca = [], 'http://a'.skip_verify = true }\n", true],
    ["[host]\n'http://a'.ca = []\n'http://a'.skip_verify = true\n", true],
    ["host.'http://a'.skip_verify = true\nhost.'http://a'.ca = []\n", false],
    ["host.'http://a'.ca = []\nhost.'http://b'.skip_verify = true\n", false],
    ["host = { 'http://a' = { ca = [], skip_verify = true } }\n", false],
    ["[host.'http://a']\nca = []\nskip_verify = true\n", false],
  ] as const) {
    t.equal(pathOfFile(file, '2.3.4').error?.code, panics ? 'HOST_PANIC' : undefined, file)
    for (const other of ['1.7.34', '2.4.0', '2.1.9+unknown']) {
      t.equal(pathOfFile(file, other).error, null, `${other} ${file}`)
    }
  }
})

t.test('of a panic and a wrong type the one that comes first in the text counts', async (t) => {
  const panic = "host.'http://a'.ca = []\nhost.'http://a'.skip_verify = true\n"
  t.equal(pathOfFile(`${panic}[host.'http://b']\noverride_path = 1\n`, '2.3.4').error?.code, 'HOST_PANIC')
  t.equal(pathOfFile(`server = 1\n${panic}`, '2.3.4').error, null)
  t.equal(pathOfFile(`${panic}[host.'http://b']\ncapabilities = ['x']\n`, '2.3.4').error?.code, 'HOST_PANIC')
  t.equal(pathOfFile(`capabilities = ['x']\n${panic}`, '2.3.4').error?.code, 'HOST_PANIC', 'words are read afterwards')
})

t.test('two colons in the host of a URL are refused from 2.3 on', async (t) => {
  const file = "[host.'http://a:1:2']\n[host.'http://b']\n"
  t.same(urls(pathOfFile(file, '2.2.7')), ['http://a:1:2/v2', 'http://b/v2', DEFAULT], 'the last is the port')
  t.same(urls(pathOfFile(file, '2.3.0')), [DEFAULT], 'the file is thrown away')
})

t.test('an IPv6 address in a header ends the file for 1.x alone', async (t) => {
  const file = "[host.'http://[fd00::1]:5000']\n"
  t.equal(pathOfFile(file, '1.7.32').fileUsed, false)
  t.same(urls(pathOfFile(file, '2.2.7')), ['http://[fd00::1]:5000/v2', DEFAULT])
})

t.test('what `host` is, where it is no table of tables', async (t) => {
  for (const [file, version, used] of [
    ['host = 1\n', '1.7.31', false],
    ['host = 1\n', '1.7.32', false],
    ['[host]\nx = 1\n', '1.7.32', false],
    ['[[host]]\n', '2.2.7', false],
    ["[[host.'http://a']]\n", '2.2.7', false],
  ] as const) {
    t.equal(pathOfFile(file, version).fileUsed, used, `${version} ${file}`)
  }
})

t.test('Host and host are one map to 2.x, which asks only what stands under host', async (t) => {
  const file = "[Host.'http://a']\nskip_verify = true\n[Host.'http://b']\n[host.'http://a']\noverride_path = true\n"
  const path = pathOfFile(file, '2.2.7')
  t.same(urls(path), ['https://a', DEFAULT])
  t.equal(path.endpoints[0]?.skipVerify, true, 'the settings of both count')
  t.same(urls(pathOfFile(file, '1.7.32')), ['http://a', DEFAULT], '1.x knows host alone')
})

t.test('1.x: a host on one line stands before all others', async (t) => {
  const file = "[host]\n[host.'http://a']\n[host.'http://b']\n"
  t.same(urls(pathOfFile(file, '1.7.32')), ['http://a/v2', 'http://b/v2', DEFAULT])
  t.same(urls(pathOfFile("host.'http://a' = {}\n[host.'http://b']\n", '1.7.32')), [
    'http://a/v2',
    'http://b/v2',
    DEFAULT,
  ])
})

t.test('a server that names no host is the default upstream, and is noted', async (t) => {
  for (const server of ['http:foo', 'httpmirror.lan', 'http://']) {
    const path = pathOfFile(`server = '${server}'\n`)
    t.same(urls(path), [DEFAULT], server)
    t.match(path.notes, [{ code: 'KEY_IGNORED', source: { line: 1 } }], server)
  }
})
