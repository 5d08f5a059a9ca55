import t from 'tap'
import { isLocalhost, legacyEndpoints } from '../../src/containerd/legacy-mirrors.ts'

const urls = (registry: string, mirrors: Readonly<Record<string, readonly string[]>>) => {
  return legacyEndpoints(registry, new Map(Object.entries(mirrors)), { strictColons: false }).endpoints.map((it) => {
    return `${it.scheme}://${it.host}${it.path}${it.appended ? ' appended' : ''}`
  })
}

t.test('the endpoints of a registry, by what is declared', async (t) => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, readonly string[]>>, readonly string[]])[] =
    [
      [
        'its own before those of all',
        'r.io',
        { 'r.io': ['http://a'], '*': ['http://b'] },
        ['http://a/v2', 'https://r.io/v2 appended'],
      ],
      ['those of all', 'r.io', { '*': ['http://b'] }, ['http://b/v2', 'https://r.io/v2 appended']],
      ['no part of a name', 'r.io', { '*.io': ['http://b'] }, ['https://r.io/v2 appended']],
      ['an empty list is one', 'r.io', { 'r.io': [], '*': ['http://b'] }, ['https://r.io/v2 appended']],
      [
        'the path as it is',
        'r.io',
        { 'r.io': ['http://a/px', 'http://a/'] },
        ['http://a/px', 'http://a/', 'https://r.io/v2 appended'],
      ],
      [
        'no scheme: https, but for loopback',
        'r.io',
        { 'r.io': ['a:5000/px', 'localhost:5000', '127.0.0.1'] },
        ['https://a:5000/px', 'http://localhost:5000/v2', 'http://127.0.0.1/v2', 'https://r.io/v2 appended'],
      ],
      [
        'the registry itself is not appended again',
        'r.io',
        { 'r.io': ['http://a', 'http://r.io'] },
        ['http://a/v2', 'http://r.io/v2'],
      ],
      ['Docker Hub is appended by its host', 'docker.io', {}, ['https://registry-1.docker.io/v2 appended']],
      ['a loopback registry is appended over http', '127.0.0.1:5000', {}, ['http://127.0.0.1:5000/v2 appended']],
    ]
  for (const [what, registry, mirrors, expected] of cases) t.same(urls(registry, mirrors), expected, what)
})

t.test('an endpoint that is no URL fails the pull, in words that name it', async (t) => {
  const { error } = legacyEndpoints('r.io', new Map([['r.io', ['http://a', 'http://b:port']]]), { strictColons: false })
  t.match(error, { code: 'ENDPOINT_INVALID', message: /"http:\/\/b:port"/ })
})

t.test('what containerd takes for this machine', async (t) => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['localhost', true],
    ['localhost:5000', true],
    ['127.0.0.1', true],
    ['127.9.9.9:80', true],
    ['[::1]:5000', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:7f00:1', true],
    ['::ffff:10.0.0.1', false],
    ['::2', false],
    ['1:2:3:4:5:6:7:8', false],
    ['1::2::3', false],
    ['1:2:3:4:5:6:7:8::', false],
    ['127.0.0.256', false],
    ['128.0.0.1', false],
    ['localhost.lan', false],
    ['192.168.1.106', false],
  ]
  for (const [host, expected] of cases) t.equal(isLocalhost(host), expected, host)
})
