import fc from 'fast-check'
import t from 'tap'
import { redactHostsFile } from '../../src/hosts/redact-hosts-file.ts'

const SECRET = 'dTpzM2NyM3Q'

t.test('what holds no secret is shown as it stands', (t) => {
  const texts = [
    "server = 'http://192.168.1.106'\n\n[host.'http://10.0.0.11:30021']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'",
    "[host]\n  [host.'https://harbor.lan']\n    ca = '/x.crt'\n    client = [['/x.crt', '/x.key']]\n    skip_verify = true\n",
    '[host]\n"http://x" = { capabilities = ["pull"] }\r\n',
    "host.'http://x'.override_path = true\n",
    '',
  ]
  for (const text of texts) t.equal(redactHostsFile(text), text)
  t.end()
})

t.test('header values are hidden in every spelling', (t) => {
  const cases: [text: string, shown: string][] = [
    [
      `[host.'http://x'.header]\nAuthorization = 'Basic ${SECRET}'\n`,
      "[host.'http://x'.header]\nAuthorization = '***'\n",
    ],
    [`[host.'x'.header]\nA = ["${SECRET}",\n "b"]`, "[host.'x'.header]\nA = '***'"],
    [`[host.'x']\nheader.A = """\n${SECRET}"""\n`, "[host.'x']\nheader.A = '***'\n"],
    [`[host.'x']\nheader = { A = '${SECRET}' }`, "[host.'x']\nheader = '***'"],
    [`host = { 'x' = { ca = '/a', header = { A = '${SECRET}' } } }`, "host = { 'x' = { ca = '/a', header = '***' } }"],
    [`[header]\nA = '${SECRET}'`, "[header]\nA = '***'"],
    [`[host.'x']\nheaders = '${SECRET}'`, "[host.'x']\nheaders = '***'"],
    [`[host.'x'.header]\nca = '${SECRET}'`, "[host.'x'.header]\nca = '***'"],
    [`# Authorization = '${SECRET}'\nserver = 'x' # ${SECRET}`, "# ***\nserver = 'x' # ***"],
    [`server = 'https://u:${SECRET}@h/v2?k=${SECRET}'`, "server = 'https://***@h/v2?***'"],
    [`server = "u:${SECRET}\\u0040h"`, "server = '***@h'"],
    [`[host."https://u:${SECRET}@h"]\nskip_verify = true`, "[host.'https://***@h']\nskip_verify = true"],
  ]
  for (const [text, shown] of cases) t.equal(redactHostsFile(text), shown)
  t.end()
})

t.test('of a text that is no TOML only the lines are shown that can hold no secret', (t) => {
  const text = `server = 'http://192.168.1.106'
[host.'http://x']
[host.'http://x']
  capabilities = ['pull', 'resolve']
  ca = '/x.crt' # ${SECRET}
  skip_verify = true
[host.'http://x'.header]
  Authorization = 'Basic ${SECRET}'
  ca = '${SECRET}'
[host.'http://u:${SECRET}@y']
  client = [['a', 'b']]
[host]
  client = [['a', 'b']]
  note = """
  server = '${SECRET}'
[host.'http://x']
`
  t.equal(
    redactHostsFile(text),
    `server = 'http://192.168.1.106'
[host.'http://x']
[host.'http://x']
  capabilities = ['pull', 'resolve']
***
***
[host.'http://x'.header]
***
***
***
***
[host]
  client = [['a', 'b']]
***
***
***
***`,
  )
  t.end()
})

t.test('no spelling of a header, whole or damaged, lets its value through', (t) => {
  const line = fc.constantFrom(
    "[host.'http://x']",
    "[host.'http://x'.header]",
    '[host]',
    "server = 'http://y'",
    "capabilities = ['pull'",
    ']',
    '}',
    "'''",
    '"""',
    "[host.'broken",
    `Authorization = 'Basic ${SECRET}'`,
    `Authorization = "Basic ${SECRET}`,
    `header = { Authorization = "${SECRET}" }`,
    `header.Authorization = ["${SECRET}"]`,
    `X = """${SECRET}"""`,
    `X = '''\n${SECRET}\n'''`,
    `X = [\n'${SECRET}',\n]`,
    `# ${SECRET}`,
    `server = 'http://u:${SECRET}@h'`,
    `[host.'http://u:${SECRET}@h'.header]`,
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.nat(400), (lines, end, cut) => {
      const text = lines.join(end)
      for (const it of [text, text.slice(0, cut)]) {
        const shown = redactHostsFile(it)
        if (shown.includes(SECRET)) throw new Error(shown)
      }
    }),
    { numRuns: 3000 },
  )
  t.end()
})

t.test('a hostile text is neither shown nor slow', (t) => {
  for (const text of ['['.repeat(100_000), `x = ${'['.repeat(100_000)}`, `ca = ['a'${' '.repeat(100_000)}x`]) {
    t.notMatch(redactHostsFile(text), /\[\[\[/)
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof redactHostsFile(text) === 'string'))
  t.end()
})
