import fc from 'fast-check'
import t from 'tap'
import { pullPathOf } from '../../src/containerd/pull-path-of.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { Answer, Answers, SentRequest } from '../../src/containerd/requester.ts'
import { type Simulation, simulate } from '../../src/containerd/simulate.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import { daemon, pathOfFile, VERSIONS, version } from './node.ts'

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`
const IMAGE = { manifests: [digestOf('a')], config: digestOf('c'), layers: [digestOf('1'), digestOf('2')] }
const TWO = "server = 'http://o'\n[host.'http://m']\ncapabilities = ['pull', 'resolve']\n"
const ONE = "server = 'http://o'\n[host]\n"
const status = (code: number, more: object = {}): Answer => ({ kind: 'status', status: code, ...more })
const TAG = '192.168.1.106/library/app:v1'
const DIGEST = `192.168.1.106/library/app@${digestOf('a')}`
const REALM = 'http://o/token'

interface Case {
  file?: string
  image?: string
  release?: string
  credentials?: boolean
}

function run(
  answers: Answers,
  { file = TWO, image = TAG, release = '2.2.7', credentials = false }: Case = {},
): Simulation {
  const path = pathOfFile(file, release)
  return simulate(path, parseImageReference(image), IMAGE, answers, { version: version(release), credentials })
}

/** `HEAD m manifests v1`, with digests cut to their first digit. */
function lines({ requests }: Simulation, phase: SentRequest['phase'] | 'both' = 'both'): string[] {
  return requests
    .filter((it) => phase === 'both' || it.phase === phase)
    .map(({ method, url, kind, object }) => {
      const [scheme = '', host = ''] = url.split(/:\/*|\//)
      const shown = scheme === 'https' ? `tls:${host}` : host
      return `${method} ${shown} ${kind}${object === '' ? '' : ` ${object.replace(/^sha256:(.).*/, '$1')}`}`
    })
}

const byHost = (answers: Record<string, Answer>): Answers => {
  return ({ url }) => answers[/\/\/([^/]+)/.exec(url)?.[1] ?? ''] ?? status(200)
}
/** The first request of a kind gets the first answer, the last answer is for all that follow. */
const inTurn = (...answers: Answer[]): Answers => {
  let asked = 0
  return () => answers[Math.min(asked++, answers.length - 1)] ?? status(200)
}

t.test('an image that the first endpoint serves', async (t) => {
  const simulation = run(() => status(200))
  t.same(lines(simulation, 'resolve'), ['HEAD m manifests v1'])
  t.same(lines(simulation, 'fetch'), ['GET m manifests a', 'GET m blobs c', 'GET m blobs 1', 'GET m blobs 2'])
  t.same(simulation.outcome, { kind: 'pulled' })
})

t.test('every request starts again at the first endpoint', async (t) => {
  const simulation = run(byHost({ m: status(404) }))
  t.same(lines(simulation).slice(0, 6), [
    'HEAD m manifests v1',
    'HEAD o manifests v1',
    'GET m manifests a',
    'GET o manifests a',
    'GET m blobs c',
    'GET o blobs c',
  ])
})

t.test('each blob may come from somewhere else', async (t) => {
  const simulation = run(({ url, object }) =>
    status(url.startsWith('http://m/') && object === IMAGE.layers[0] ? 404 : 200),
  )
  t.same(lines(simulation, 'fetch').slice(-3), ['GET m blobs 1', 'GET o blobs 1', 'GET m blobs 2'])
})

t.test('capabilities filter HEAD only', async (t) => {
  const file =
    "server = 'http://o'\n[host.'http://m']\ncapabilities = ['push']\n[host.'http://p']\ncapabilities = ['pull']\n"
  const simulation = run(() => status(404), { file })
  t.same(lines(simulation), ['HEAD o manifests v1'])
  t.same(
    lines(
      run(() => status(404), { file, image: DIGEST, release: '2.1.9' }),
      'resolve',
    ),
    ['HEAD p manifests a', 'HEAD o manifests a', 'HEAD p blobs a', 'HEAD o blobs a'],
  )
  t.same(
    lines(
      run(() => status(200), { file }),
      'fetch',
    )[0],
    'GET m manifests a',
  )
})

t.test('a digest is looked for among blobs too, unless somebody answered other than 404', async (t) => {
  const answers = byHost({ m: status(500), o: status(404) })
  for (const [release, expected] of [
    ['1.7.32', 4],
    ['2.0.10', 4],
    ['2.0.11', 2],
    ['2.1.9', 4],
    ['2.2.6', 2],
    ['2.3.4', 2],
  ] as const) {
    t.equal(lines(run(answers, { image: DIGEST, release })).length, expected, release)
  }
  t.equal(lines(run(() => status(404), { image: DIGEST, release: '2.3.4' })).length, 4)
})

t.test('which failure is told', async (t) => {
  const answers = byHost({ m: { kind: 'failure', failure: 'refused' }, o: status(403) })
  t.same(run(answers, { release: '1.7.32' }).outcome, { kind: 'error', cause: 'connection' }, 'the first in 1.x')
  t.same(
    run(answers, { release: '2.0.0' }).outcome,
    { kind: 'error', cause: 'status', status: 403 },
    'the most telling',
  )
  t.same(run(() => status(404)).outcome, { kind: 'not-found' })
})

t.test('how often a request is sent, by status and release', async (t) => {
  const count = (answer: Answer, release: string, file = ONE) => lines(run(() => answer, { file, release })).length
  for (const [code, release, expected] of [
    [429, '1.7.32', 6],
    [429, '2.3.1', 6],
    [429, '2.3.2', 5],
    [408, '2.2.7', 6],
    [500, '2.0.11', 1],
    [500, '2.1.0', 2],
    [503, '2.2.7', 2],
    [504, '2.2.7', 2],
    [502, '2.2.7', 1],
    [410, '2.2.7', 1],
    [304, '2.2.7', 1],
    [403, '2.3.2', 1],
    [403, '2.3.3', 2],
  ] as const) {
    t.equal(count(status(code), release), expected, `${code} ${release}`)
  }
})

t.test('server errors are tried again at the last endpoint only', async (t) => {
  t.same(lines(run(() => status(503))), ['HEAD m manifests v1', 'HEAD o manifests v1', 'HEAD o manifests v1'])
})

t.test('connections that fail', async (t) => {
  const closed: Answer = { kind: 'failure', failure: 'closed' }
  t.same(lines(run(byHost({ m: closed }))).slice(0, 2), ['HEAD m manifests v1', 'HEAD o manifests v1'])
  t.equal(lines(run(() => closed, { file: ONE, release: '2.3.1' })).length, 1)
  t.equal(lines(run(() => closed, { file: ONE, release: '2.3.2' })).length, 5)
  t.same(run(() => closed).outcome, { kind: 'error', cause: 'connection' })
})

t.test('a 3xx without a place to go ends the resolve', async (t) => {
  const simulation = run(byHost({ m: status(304) }))
  t.same(lines(simulation), ['HEAD m manifests v1'])
  t.same(simulation.outcome, { kind: 'error', cause: 'status', status: 304 })
})

t.test('redirects are followed, ten requests at most', async (t) => {
  const to = status(307, { location: 'http://cdn/x' })
  t.same(lines(run(byHost({ m: to }))).slice(0, 2), ['HEAD m manifests v1', 'HEAD cdn manifests v1'])
  t.equal(lines(run(() => to, { file: ONE, release: '2.2.7' })).length, 10)
})

t.test('405 to HEAD is followed by GET', async (t) => {
  const simulation = run(({ method }) => status(method === 'HEAD' ? 405 : 200))
  t.same(lines(simulation, 'resolve'), ['HEAD m manifests v1', 'GET m manifests v1'])
})

t.test('a HEAD without digest is followed by GET', async (t) => {
  const answers = ({ method }: SentRequest) => status(200, method === 'HEAD' ? { digest: null } : {})
  t.same(lines(run(answers), 'resolve'), ['HEAD m manifests v1', 'GET m manifests v1'])
  t.same(lines(run(answers, { image: DIGEST }), 'resolve'), ['HEAD m manifests a'], 'a digest is known already')
})

t.test('an error in the place of that GET: taken for the manifest before 2.3', async (t) => {
  const answers = ({ method }: SentRequest) => (method === 'HEAD' ? status(200, { digest: null }) : status(500))
  t.same(run(answers, { file: ONE, release: '2.3.0' }).outcome, { kind: 'error', cause: 'status', status: 500 })
  t.ok(lines(run(answers, { file: ONE, release: '2.2.7' }), 'fetch')[0]?.startsWith('GET o blobs <'))
  const empty = ({ method }: SentRequest) => (method === 'HEAD' ? status(200, { digest: null }) : status(304))
  for (const release of ['1.7.32', '2.2.7', '2.3.4']) {
    const simulation = run(empty, { file: ONE, release })
    t.same(lines(simulation, 'fetch'), [], `${release}: nothing is asked for that has a size of zero`)
    t.same(simulation.outcome, { kind: 'error', cause: 'wrong-size' })
  }
})

t.test('basic credentials', async (t) => {
  const answers: Answers = ({ authorized }) =>
    authorized ? status(200) : status(401, { challenge: { scheme: 'basic' } })
  const simulation = run(answers, { file: ONE, credentials: true })
  t.same(lines(simulation).slice(0, 3), ['HEAD o manifests v1', 'HEAD o manifests v1', 'GET o manifests a'])
  t.same(simulation.outcome, { kind: 'pulled' }, 'resolve and fetch each learn of it')
  t.same(run(answers, { file: ONE }).outcome, { kind: 'error', cause: 'authorization' })
})

t.test('endpoints share credentials in a hosts.toml, and never as deprecated mirrors', async (t) => {
  const answers: Answers = ({ authorized }) =>
    authorized ? status(404) : status(401, { challenge: { scheme: 'basic' } })
  const mirrors = {
    ...daemon('2.1.9', { configPath: '' }),
    legacyMirrors: new Map([['*', ['http://m', 'http://m/x']]]),
  }
  for (const [path, expected] of [
    [pathOfFile("[host.'http://m']\n[host.'http://m/x']\n", '2.1.9'), [false, true, true]],
    [pullPathOf('192.168.1.106', mirrors, viewOf(new Map())), [false, true, false, true]],
  ] as const) {
    const options = { version: version('2.1.9'), credentials: true }
    const { requests } = simulate(path, parseImageReference(TAG), IMAGE, answers, options)
    t.same(
      requests.filter((it) => it.url.startsWith('http://m')).map((it) => it.authorized),
      expected,
    )
  }
})

const bearer: Answers = ({ kind, authorized }) => {
  return kind === 'token' || authorized ? status(200) : status(401, { challenge: { scheme: 'bearer', realm: REALM } })
}

t.test('a token is fetched once for resolve and once for fetch', async (t) => {
  const simulation = run(bearer, { file: ONE })
  t.same(lines(simulation, 'resolve'), ['HEAD o manifests v1', 'GET o token', 'HEAD o manifests v1'])
  t.equal(simulation.requests.filter((it) => it.kind === 'token').length, 2)
  t.equal(simulation.requests[1]?.url, `${REALM}?scope=repository%3Alibrary%2Fapp%3Apull`)
  t.same(simulation.outcome, { kind: 'pulled' })
})

t.test("with credentials the token is asked for by OAuth's POST, then by GET where that is missing", async (t) => {
  for (const [code, expected] of [
    [200, ['POST o token']],
    [404, ['POST o token', 'GET o token']],
    [405, ['POST o token', 'GET o token']],
    [400, ['POST o token', 'GET o token']],
    [500, ['POST o token']],
  ] as const) {
    const simulation = run((it) => (it.method === 'POST' ? status(code) : bearer(it)), { file: ONE, credentials: true })
    t.same(
      lines(simulation, 'resolve').filter((it) => it.endsWith('token')),
      expected,
      String(code),
    )
  }
})

t.test('a realm that does not answer fails that endpoint', async (t) => {
  const answers: Answers = (it) => (it.kind === 'token' ? { kind: 'failure', failure: 'refused' } : bearer(it))
  t.same(run(answers, { file: ONE }).outcome, { kind: 'error', cause: 'authorization' })
})

t.test('a token that is refused twice for one request ends it', async (t) => {
  const refused = status(401, { challenge: { scheme: 'bearer', realm: REALM, error: 'invalid_token' } })
  const simulation = run(({ kind }) => (kind === 'token' ? status(200) : refused), { file: ONE })
  t.same(lines(simulation), ['HEAD o manifests v1', 'GET o token', 'HEAD o manifests v1'])
  t.same(simulation.outcome, { kind: 'error', cause: 'authorization' })
})

t.test('the token of a redirect belongs to the host that it leads to', async (t) => {
  const answers: Answers = (it) =>
    it.url.startsWith('http://m/') ? status(307, { location: 'http://cdn/x' }) : bearer(it)
  t.same(lines(run(answers), 'resolve'), [
    'HEAD m manifests v1',
    'HEAD cdn manifests v1',
    'HEAD m manifests v1',
    'GET o token',
    'HEAD cdn manifests v1',
  ])
})

t.test('credentials go along with a redirect to another port of an IPv6 address', async (t) => {
  const answers: Answers = ({ url, authorized }) => {
    if (url.startsWith('http://[fd00::1]:81/')) return status(200)
    return authorized
      ? status(307, { location: 'http://[fd00::1]:81/x' })
      : status(401, { challenge: { scheme: 'basic' } })
  }
  const { requests } = run(answers, { file: "server = 'http://[fd00::1]'\n[host]\n", credentials: true })
  t.same(
    requests.slice(0, 3).map((it) => it.authorized),
    [false, true, true],
  )
})

t.test('a question mark in the path of an endpoint', async (t) => {
  const file = "[host.'http://m/a%3Fz']\n"
  const urlOf = (release: string) => run(() => status(404), { file, release }).requests[0]?.url
  t.equal(urlOf('2.1.9'), 'http://m/a?ns=192.168.1.106', 'cuts it off')
  t.equal(urlOf('2.2.0'), 'http://m/a?ns=192.168.1.106&z%2Fv2%2Flibrary%2Fapp%2Fmanifests%2Fv1=', 'begins its query')
})

const TLS = "server = 'http://o:5000'\nskip_verify = true\n[host]\n"

t.test('https first: one failed attempt in each step, then http', async (t) => {
  const answers: Answers = ({ url }) =>
    url.startsWith('https:') ? { kind: 'tls', failure: 'plain-http' } : status(200)
  const simulation = run(answers, { file: TLS })
  t.same(lines(simulation), [
    'HEAD tls:o manifests v1',
    'HEAD o manifests v1',
    'GET tls:o manifests a',
    'GET o manifests a',
    'GET o blobs c',
    'GET o blobs 1',
    'GET o blobs 2',
  ])
  t.equal(run(answers, { file: TLS, release: '1.7.15' }).requests.length, 10, 'before 1.7.16 every request tries again')
})

t.test('https first: what is no sign of plain http does not fall back', async (t) => {
  for (const answer of [
    { kind: 'tls', failure: 'refused' },
    { kind: 'failure', failure: 'refused' },
    { kind: 'failure', failure: 'timeout' },
  ] as const) {
    t.same(lines(run(() => answer, { file: TLS })), ['HEAD tls:o manifests v1'])
  }
  const withoutPort = "server = 'http://o'\nskip_verify = true\n[host]\n"
  const refused: Answers = ({ url }) =>
    url.startsWith('https:') ? { kind: 'failure', failure: 'refused' } : status(404)
  t.same(lines(run(refused, { file: withoutPort })), ['HEAD tls:o manifests v1', 'HEAD o manifests v1'])
})

t.test('a path that fails sends nothing', async (t) => {
  const file = "server = 'http://o'\ncapabilities = ['pull']\n[host]\n"
  t.same(
    run(() => status(200), { file }),
    { requests: [], outcome: { kind: 'error', cause: 'path' } },
  )
  t.same(run(() => status(200), { file, image: DIGEST }).outcome, { kind: 'pulled' }, 'a digest needs no resolve')
})

t.test('repeats in the path are repeats on the wire', async (t) => {
  const file = "[host.'http://a']\n[host.'http://b']\n[host.'http://a'.header]\nX = 'y'\n"
  t.same(
    lines(run(() => status(404), { file })).map((it) => it.split(' ')[1]),
    ['a', 'b', 'a', 'tls:192.168.1.106'],
  )
})

t.test('answers in turn: 429 twice, then served', async (t) => {
  const simulation = run(inTurn(status(429), status(429), status(200)), { file: ONE })
  t.equal(lines(simulation, 'resolve').length, 3)
  t.same(simulation.outcome, { kind: 'pulled' })
})

const failure = fc.constantFrom('refused', 'reset', 'closed', 'timeout', 'no-such-host') as fc.Arbitrary<'reset'>
const tls = fc.constantFrom('plain-http', 'handshake-timeout', 'refused') as fc.Arbitrary<'refused'>
const challenge = fc.constantFrom(
  { scheme: 'basic' } as const,
  { scheme: 'bearer', realm: REALM } as const,
  { scheme: 'bearer', realm: REALM, error: 'invalid_token' } as const,
)
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.constantFrom(200, 200, 304, 400, 403, 404, 405, 408, 410, 429, 500, 502, 503, 504).map((it) => status(it)),
  fc.constantFrom({ digest: null }, { lengthKnown: false }).map((it) => status(200, it)),
  fc.constantFrom('http://m/x', 'http://cdn/x').map((location) => status(307, { location })),
  challenge.map((it) => status(401, { challenge: it })),
  fc.constant(status(401)),
  failure.map((it): Answer => ({ kind: 'failure', failure: it })),
  tls.map((it): Answer => ({ kind: 'tls', failure: it })),
)

t.test('it always ends, and the requests are bounded', async (t) => {
  const property = fc.property(
    fc.array(answer, { minLength: 1, maxLength: 40 }),
    fc.constantFrom(...VERSIONS),
    fc.constantFrom(TAG, DIGEST),
    fc.constantFrom(ONE, TWO, TLS),
    fc.boolean(),
    (answers, release, image, file, credentials) => {
      let asked = 0
      const simulation = run(() => answers[asked++ % answers.length] ?? status(404), {
        release,
        image,
        file,
        credentials,
      })
      // Two rounds and a replacement to resolve, four objects to fetch: attempts times redirects, tokens and fallbacks.
      return simulation.requests.length === asked && asked <= (2 * 2 + 1 + 2 + 4 * 2) * 6 * 2 * (10 + 2 + 1)
    },
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 3000 }))
})
