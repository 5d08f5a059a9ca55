import fc from 'fast-check'
import t from 'tap'
import { parseChallenge, shownChallenge } from '../../src/registry/challenge.ts'

const bearer = (realm: string, service: string | null = null, scope: string | null = null) => ({
  scheme: 'bearer',
  realm,
  service,
  scope,
})

const table: [header: string | undefined, expected: ReturnType<typeof parseChallenge> | object][] = [
  [undefined, null],
  ['', null],
  ['Basic realm="harbor"', { scheme: 'basic' }],
  ['BASIC', { scheme: 'basic' }],
  ['Bearer realm="http://a/t",service="s",scope="repository:a:pull"', bearer('http://a/t', 's', 'repository:a:pull')],
  ['bearer service=s , realm = "http://a/t"', bearer('http://a/t', 's')],
  ['Bearer', bearer('')],
  ['Bearer realm="a\\"b\\\\c"', bearer('a"b\\c')],
  ['Bearer realm="a, Basic realm=b"', bearer('a, Basic realm=b')],
  ['Basic realm="x", Bearer realm="http://a/t"', bearer('http://a/t')],
  ['Negotiate, Basic realm="x"', { scheme: 'basic' }],
  ['Negotiate', { scheme: 'unknown', name: 'negotiate' }],
  ['Digest realm="x", nonce="y"', { scheme: 'unknown', name: 'digest' }],
  ['"', null],
]

for (const [header, expected] of table) {
  t.test(`${header}`, async (t) => t.strictSame(parseChallenge(header), expected))
}

t.test('whatever is quoted comes back as it was', async (t) => {
  const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((it) => String.fromCharCode(it)) })
  const quoted = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`
  fc.assert(
    fc.property(text, text, (realm, service) => {
      t.strictSame(parseChallenge(`Bearer service=${quoted(service)},realm=${quoted(realm)}`), bearer(realm, service))
    }),
    { numRuns: 300 },
  )
})

t.test('a challenge is shown without user and query', async (t) => {
  const shown = shownChallenge({ scheme: 'bearer', realm: 'http://u:p@a:8080/t?key=x#y', service: 's', scope: null })
  t.strictSame(shown, bearer('http://a:8080/t', 's'))
  t.strictSame(shownChallenge({ scheme: 'basic' }), { scheme: 'basic' })
})
