import t from 'tap'
import { WitnessLog } from '../../../src/containerd/client/witness-log.ts'
import type { WitnessedRequest } from '../../../src/containerd/witness.ts'

const MIB = 1 << 20
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`

/** A request as containerd dumps it, with a secret wherever one may be. */
function ask(method: string, host: string, object: string): string {
  return `${method} /v2/app/${object}?ns=reg&token=SECRET HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer SECRET\r\n\r\n`
}

function answer(status: number, headers: Record<string, string> = {}, body = 'SECRET'): string {
  const lines = Object.entries({ 'Content-Length': String(body.length), ...headers }).map((it) => it.join(': '))
  return `HTTP/1.1 ${status} Text\r\n${lines.join('\r\n')}\r\nSet-Cookie: SECRET\r\n\r\n${body}`
}

function read(...dumps: readonly string[]): WitnessLog {
  const log = new WitnessLog(MIB)
  for (const [index, dump] of dumps.entries()) log.add(Buffer.from(dump, 'latin1'), index)
  return log
}

const lines = (log: WitnessLog) =>
  log.requests().map(({ method, host, status, isUncertain }: WitnessedRequest) => {
    return `${method} ${host} ${status}${isUncertain ? ' ?' : ''}`
  })

const [A, B] = [`blobs/${digestOf('a')}`, `blobs/${digestOf('b')}`]

t.test('a request and its answer, without any header value, body or query', async (t) => {
  const log = read(ask('HEAD', 'm:5000', 'manifests/v1'), answer(200, { 'Docker-Content-Digest': digestOf('a') }))
  t.strictSame(log.requests(), [
    {
      method: 'HEAD',
      host: 'm:5000',
      path: '/v2/app/manifests/v1',
      ns: 'reg',
      status: 200,
      isUncertain: false,
      digest: digestOf('a'),
      hasLength: true,
      challenge: null,
      refusesToken: false,
      sentAt: 0,
      answeredAt: 1,
      redirectedFrom: null,
    },
  ])
  const odd = read(ask('HEAD', 'm', 'manifests/v1'), answer(200, { 'Docker-Content-Digest': 'SECRET' }))
  t.equal(odd.requests()[0]?.digest, null, 'what is no digest is not kept')
})

t.test(
  'contents that are asked for at once: an answer belongs to the one that it names, or to none for certain',
  async (t) => {
    const named = (digit: string) => answer(200, { 'Docker-Content-Digest': digestOf(digit) })
    t.strictSame(lines(read(ask('GET', 'm', A), ask('GET', 'm', B), named('b'), named('a'))), [
      'GET m 200',
      'GET m 200',
    ])
    const unnamed = read(
      ask('GET', 'm', A),
      ask('GET', 'm', B),
      answer(404),
      answer(404),
      ask('GET', 'o', A),
      ask('GET', 'o', B),
      named('a'),
      named('b'),
    )
    t.strictSame(lines(unnamed), ['GET m 404 ?', 'GET m 404 ?', 'GET o 200', 'GET o 200'], 'who goes on was told so')
    const mixed = read(ask('GET', 'm', A), ask('GET', 'm', B), answer(404), answer(500), ask('GET', 'o', A))
    t.strictSame(lines(mixed), ['GET m null ?', 'GET m null ?', 'GET o null'])
  },
)

t.test('a request that went unanswered before the next one failed', async (t) => {
  t.strictSame(lines(read(ask('GET', 'm', A), ask('GET', 'o', A), answer(200))), ['GET m null', 'GET o 200'])
})

t.test('https and then http are two attempts; the same written twice, answer and all, is one', async (t) => {
  const twice = [ask('GET', 'm', A), ask('GET', 'm', A)]
  t.strictSame(lines(read(...twice, answer(404))), ['GET m null', 'GET m 404'])
  t.strictSame(lines(read(...twice, answer(404), answer(404))), ['GET m 404'])
  const others = read(
    ...twice,
    answer(404),
    answer(404),
    ask('GET', 'o', A),
    answer(200),
    ask('GET', 'm', B),
    answer(404),
  )
  t.strictSame(lines(others), ['GET m 404', 'GET o 200', 'GET m 404'])
  const head = { 'Docker-Content-Digest': digestOf('a') }
  const both = ['HEAD', 'HEAD', 'GET'].map((it) => ask(it, 'm', `manifests/${digestOf('a')}`))
  const fallback = read(both[0] ?? '', both[1] ?? '', answer(200, head), both[2] ?? '', answer(200, head))
  t.strictSame(lines(fallback), ['HEAD m null', 'HEAD m 200', 'GET m 200'], 'a GET with the same head is no echo')
})

t.test('where a redirect led to is known as that, with nothing of the place but its host and path', async (t) => {
  const location = 'https://user:SECRET@s3.example:9000/bucket/key?X-Signature=SECRET'
  const target = 'GET /bucket/key?X-Signature=SECRET HTTP/1.1\r\nHost: s3.example:9000\r\n\r\n'
  const log = read(
    ask('GET', 'm', A),
    answer(307, { Location: location }),
    target,
    answer(200),
    ask('GET', 'm', B),
    answer(200),
  )
  t.strictSame(lines(log), ['GET m 307', 'GET s3.example:9000 200', 'GET m 200'])
  t.strictSame(
    log.requests().map((it) => it.redirectedFrom),
    [null, 0, null],
  )
  t.notMatch(JSON.stringify(log.requests()), 'SECRET')
  const relative = read(
    ask('GET', 'm', A),
    answer(302, { Location: '/other?SECRET' }),
    'GET /other HTTP/1.1\r\nHost: m\r\n\r\n',
  )
  t.equal(relative.requests()[1]?.redirectedFrom, 0)
})

t.test('of a challenge only what it asks for is kept', async (t) => {
  const cases = [
    ['Bearer realm="http://SECRET/token",service="x"', 'bearer', false],
    ['bearer realm="http://SECRET/token",error="invalid_token"', 'bearer', true],
    ['Basic realm="SECRET"', 'basic', false],
    ['Negotiate', null, false],
  ] as const
  for (const [text, challenge, refusesToken] of cases) {
    const [request] = read(ask('GET', 'm', A), answer(401, { 'WWW-Authenticate': text })).requests()
    t.match(request, { challenge, refusesToken }, text)
    t.notMatch(JSON.stringify(request), 'SECRET')
  }
})

t.test('manifests tell what they name; what is packed, cut or something else tells nothing', async (t) => {
  const image = {
    config: { digest: digestOf('c'), size: 10 },
    layers: [
      { digest: digestOf('1'), size: 10 },
      { digest: digestOf('1'), size: 10 },
    ],
  }
  const bodies: [string, unknown][] = [
    [JSON.stringify(image), [{ digest: digestOf('a'), kind: 'image', names: [digestOf('c'), digestOf('1')] }]],
    [
      JSON.stringify({ manifests: [{ digest: digestOf('b'), size: 9 }, null, 7] }),
      [{ digest: digestOf('a'), kind: 'index', names: [digestOf('b')] }],
    ],
    [
      `1f\r\n${JSON.stringify(image)}\r\n0\r\n\r\n`,
      [{ digest: digestOf('a'), kind: 'image', names: [digestOf('c'), digestOf('1')] }],
    ],
    ['\u001f\u008b packed', []],
    ['[]', []],
    ['{"config": 1', []],
  ]
  for (const [body, manifests] of bodies) {
    t.strictSame(
      read(ask('GET', 'm', `manifests/${digestOf('a')}`), answer(200, {}, body)).manifests(),
      manifests,
      body,
    )
  }
})

t.test('too much is cut short: by what a manifest names, by a length, by what has come', async (t) => {
  const layers = [{ digest: digestOf('1'), size: MIB }]
  const manifest = read(
    ask('GET', 'm', `manifests/${digestOf('a')}`),
    answer(200, {}, JSON.stringify({ config: { digest: digestOf('c'), size: 1 }, layers })),
  )
  t.equal(
    manifest.cutShort,
    `the manifest ${digestOf('a')} names contents of ${MIB + 1} bytes, and a witness carries ${MIB} at most`,
  )
  const length = read(ask('GET', 'm', A), answer(200, { 'Content-Length': String(2 * MIB) }))
  t.equal(
    length.cutShort,
    `the answer of m for ${digestOf('a')} has ${2 * MIB} bytes, and a witness carries ${MIB} at most`,
  )
  const head = read(ask('HEAD', 'm', A), answer(200, { 'Content-Length': String(2 * MIB) }))
  t.equal(head.cutShort, null, 'a HEAD has no body')
  const chunks = Array.from({ length: 33 }, () => 'x'.repeat(32 * 1024))
  const bytes = read(ask('GET', 'm', A), ...chunks)
  t.equal(bytes.cutShort, `the dialogue is longer than ${MIB} bytes, and a witness carries ${MIB} at most`)
  bytes.add(Buffer.from(ask('GET', 'o', A)), 99)
  t.equal(bytes.requests().length, 1, 'nothing is read any more')
})
