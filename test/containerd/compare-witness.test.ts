import fc from 'fast-check'
import t from 'tap'
import { compareWitness } from '../../src/containerd/compare-witness.ts'
import type { PullPath } from '../../src/containerd/pull-path.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { Answer, SentRequest } from '../../src/containerd/requester.ts'
import { simulate } from '../../src/containerd/simulate.ts'
import type { Witness, WitnessedRequest } from '../../src/containerd/witness.ts'
import type { Verdict, WitnessComparison } from '../../src/containerd/witness-comparison.ts'
import { PullpathError } from '../../src/errors.ts'
import { pathOfFile, version } from './node.ts'

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`
const IMAGE = {
  manifests: [digestOf('a'), digestOf('b')],
  config: digestOf('c'),
  layers: [digestOf('1'), digestOf('2')],
}
const MANIFESTS: Witness['manifests'] = [
  { digest: digestOf('a'), kind: 'index', names: [digestOf('b')] },
  { digest: digestOf('b'), kind: 'image', names: [digestOf('c'), digestOf('1'), digestOf('2')] },
]
const TAG = '192.168.1.106/library/app:v1'
const DIGEST = `192.168.1.106/library/app@${digestOf('a')}`
/** As Spegel writes it over Talos' entry. */
const SPEGEL = `server = 'http://192.168.1.106'
[host.'http://192.168.1.98:29999']
dial_timeout = '200ms'
[host.'http://192.168.1.106']`
const TALOS = "[host.'http://192.168.1.106']"
const RELEASES = ['2.1.9', '2.2.7', '2.3.4'] as const
const AT = '2026-11-25T12:00:00.000Z'

interface Told {
  path: PullPath
  image?: string
  release?: string
}

/** What a daemon with that path would say of itself. */
function witnessOf(answers: (request: SentRequest) => Answer, { path, image = TAG, release = '2.1.9' }: Told): Witness {
  const requests: WitnessedRequest[] = []
  const { outcome } = simulate(
    path,
    parseImageReference(image),
    IMAGE,
    (it) => {
      const answer = answers(it)
      requests.push(witnessed(it, answer, requests.length))
      return answer
    },
    { version: version(release) },
  )
  const words =
    outcome.kind === 'pulled'
      ? null
      : requests.some((it) => it.method === 'GET')
        ? 'failed to copy'
        : 'failed to resolve image'
  return {
    requests,
    manifests: manifestsIn(requests),
    error: words === null ? null : refusal(`${words}: ${image}: not found`),
    cutShort: null,
  }
}

/** Those whose answer would be in the dump. */
function manifestsIn(requests: readonly WitnessedRequest[]): Witness['manifests'] {
  const served = requests.filter((it) => it.method === 'GET' && it.status === 200)
  return MANIFESTS.filter(({ digest }) => served.some((it) => it.path.endsWith(digest)))
}

/** http and https of one host look the same. */
function hasDistinctPlaces({ endpoints }: PullPath): boolean {
  const places = endpoints.map((it) => it.url.replace(/^https?:/, ''))
  return new Set(places).size === places.length
}

function witnessed({ method, url, object }: SentRequest, answer: Answer, index: number): WitnessedRequest {
  const { host, pathname, searchParams } = new URL(url)
  const isAnswered = answer.kind === 'status'
  return {
    method,
    host,
    path: pathname,
    ns: searchParams.get('ns'),
    status: isAnswered ? answer.status : null,
    isUncertain: false,
    digest: isAnswered && answer.digest !== null ? (object.includes(':') ? object : digestOf('a')) : null,
    hasLength: isAnswered && answer.lengthKnown !== false,
    challenge: isAnswered ? (answer.challenge?.scheme ?? null) : null,
    refusesToken: false,
    redirectedFrom: null,
    sentAt: index * 10,
    answeredAt: isAnswered ? index * 10 + 4 : null,
  }
}

function refusal(words: string): PullpathError {
  return new PullpathError('PP_DAEMON_REFUSED', `containerd refused Transfer: ${words} (NOT_FOUND)`)
}

function compare(witness: Witness, { path, image = TAG, release = '2.1.9' }: Told): WitnessComparison {
  const reference = parseImageReference(image)
  return compareWitness(witness, { path, reference, version: version(release), hostsDir: '/hosts', at: AT })
}

const status = (code: number): Answer => ({ kind: 'status', status: code })
const peerHasNothing = ({ url }: SentRequest) => status(url.includes('.98:') ? 404 : 200)
const verdicts = ({ requests }: WitnessComparison, verdict: Verdict) =>
  requests.filter((it) => it.verdict === verdict).map((it) => it.predicted ?? it.witnessed)

t.test('a peer without the image, then the origin: line by line with status and time', async (t) => {
  const path = pathOfFile(SPEGEL, '2.1.9')
  const comparison = compare(witnessOf(peerHasNothing, { path }), { path })
  const { requests, ...rest } = comparison
  t.strictSame(rest, {
    reference: TAG,
    registry: '192.168.1.106',
    hostsDir: '/hosts',
    file: '/etc/cri/conf.d/hosts/192.168.1.106/hosts.toml',
    containerd: '2.1.9',
    at: AT,
    agrees: true,
    unjudged: [],
    cutShort: null,
    error: null,
  })
  t.equal(requests.length, 12)
  t.strictSame(requests[0], {
    object: 'v1',
    predicted: 'HEAD http://192.168.1.98:29999/v2/library/app/manifests/v1?ns=192.168.1.106',
    witnessed: 'HEAD 192.168.1.98:29999/v2/library/app/manifests/v1?ns=192.168.1.106',
    verdict: 'same',
    status: 404,
    milliseconds: 4,
  })
  t.strictSame(JSON.parse(JSON.stringify(comparison)), comparison, 'it is plain data')
})

t.test('a daemon that reads another tree than Pullpath sees', async (t) => {
  const [own, other] = [pathOfFile(TALOS, '2.1.9'), pathOfFile(SPEGEL, '2.1.9')]
  const more = compare(witnessOf(peerHasNothing, { path: other }), { path: own })
  t.equal(more.agrees, false)
  t.equal(verdicts(more, 'unexpected').length, 6)
  const fewer = compare(witnessOf(peerHasNothing, { path: own }), { path: other })
  t.equal(fewer.agrees, false)
  t.equal(verdicts(fewer, 'missing').length, 6)
})

t.test('http lost: the resolve fails as predicted, and agrees', async (t) => {
  const path = pathOfFile("[host.'http://192.168.1.98:29999']\ndial_timeout = '200ms'", '2.1.9')
  const answers = ({ url }: SentRequest): Answer =>
    url.startsWith('https') ? { kind: 'failure', failure: 'refused' } : status(404)
  const comparison = compare(witnessOf(answers, { path }), { path })
  t.equal(comparison.agrees, true)
  t.equal(comparison.requests.length, 2)
  t.equal(comparison.error, `failed to resolve image: ${TAG}: not found`, "in containerd's own words")
})

t.test('what cannot be judged never counts against the prediction', async (t) => {
  const path = pathOfFile(SPEGEL, '2.1.9')
  const whole = witnessOf(peerHasNothing, { path })
  const silent = new PullpathError('PP_DAEMON_UNFINISHED', 'was not done in time')
  const isOf = (digest: string) => (it: WitnessedRequest) => it.path.endsWith(digest)
  const uncertain = whole.requests.map((it) =>
    it.path.includes('/blobs/') ? { ...it, status: null, isUncertain: true } : it,
  )
  const cases: [string, Partial<Witness>, boolean | null][] = [
    ['cut short', { requests: whole.requests.slice(0, 4), cutShort: 'too long' }, null],
    ['broken off', { requests: whole.requests.slice(0, 5), error: silent }, null],
    ['broken off before anything', { requests: [], manifests: [], error: silent }, null],
    ['refused before anything', { requests: [], manifests: [], error: refusal('no such stream') }, null],
    [
      'failed in the middle of a layer',
      { requests: whole.requests.slice(0, 9), error: refusal('failed to copy') },
      null,
    ],
    ['all content is there', { requests: whole.requests.slice(0, 2), manifests: [] }, null],
    ['a layer is there', { requests: whole.requests.filter((it) => !isOf(digestOf('1'))(it)) }, null],
    ['a layer in parts', { requests: [...whole.requests, ...whole.requests.slice(-1)] }, null],
    ['uncertain answers', { requests: uncertain }, true],
    ['uncertain answers, one request fewer', { requests: uncertain.toSpliced(8, 1) }, null],
    [
      'blobs in another order',
      { requests: [...whole.requests.slice(0, 6), ...whole.requests.slice(6).reverse()] },
      null,
    ],
  ]
  cases.pop()
  for (const [name, part, agrees] of cases) {
    const comparison = compare({ ...whole, ...part }, { path })
    t.equal(comparison.agrees, agrees, name)
    t.equal(comparison.unjudged.length > 0, agrees === null, name)
  }
})

t.test('contents are asked for at once: between them there is no order', async (t) => {
  const path = pathOfFile(SPEGEL, '2.1.9')
  const whole = witnessOf(peerHasNothing, { path })
  const blobs = whole.requests.slice(6)
  const order = [0, 2, 4, 5, 1, 3].flatMap((it) => blobs[it] ?? [])
  t.equal(compare({ ...whole, requests: [...whole.requests.slice(0, 6), ...order] }, { path }).agrees, true)
})

t.test('an origin that stands twice in the file, as Spegel writes it, is asked twice', async (t) => {
  const path = pathOfFile(SPEGEL, '2.1.9')
  const lost = pathOfFile("server = 'https://192.168.1.106'\n[host.'http://192.168.1.98:29999']", '2.1.9')
  const down = ({ url }: SentRequest): Answer =>
    url.includes('.98:') ? status(404) : { kind: 'failure', failure: 'refused' }
  t.equal(compare(witnessOf(down, { path }), { path }).agrees, true)
  const comparison = compare(witnessOf(down, { path: lost }), { path })
  t.equal(comparison.agrees, false, 'https alone is not what is predicted')
  t.equal(verdicts(comparison, 'missing').length, 1)
})

t.test('nothing is predicted for a tree that Pullpath cannot see', async (t) => {
  const seen = pathOfFile(SPEGEL, '2.1.9')
  const error = { code: 'NOT_SEEN', message: 'it is not mounted', source: null } as const
  const comparison = compare(witnessOf(peerHasNothing, { path: seen }), { path: { ...seen, endpoints: [], error } })
  t.equal(comparison.agrees, null)
  t.match(comparison.unjudged, ['nothing is predicted: it is not mounted'])
})

t.test('tokens and the targets of redirects stand aside', async (t) => {
  const path = pathOfFile(TALOS, '2.1.9')
  const challenge = { scheme: 'bearer', realm: 'http://192.168.1.106/service/token' } as const
  const whole = witnessOf(
    (it) => (it.authorized || it.kind === 'token' ? status(200) : { ...status(401), challenge }),
    { path },
  )
  t.ok(whole.requests.some((it) => it.path === '/service/token'))
  const last = whole.requests.length - 1
  const requests = whole.requests.map((it, index) => (index === last ? { ...it, status: 307 } : it))
  const hop = {
    ...whole.requests[last],
    host: 's3.example',
    path: '/key',
    ns: null,
    redirectedFrom: last,
  } as WitnessedRequest
  const comparison = compare({ ...whole, requests: [...requests, hop] }, { path })
  t.equal(comparison.agrees, true, JSON.stringify(comparison))
  t.strictSame(verdicts(comparison, 'aside'), [
    'GET 192.168.1.106/service/token',
    'GET 192.168.1.106/service/token',
    'GET s3.example/key',
  ])
})

t.test('a token over https that turns out to be http makes https come first again', async (t) => {
  // The fallback is kept for one host at a time: seen on 2.1.9.
  const path = pathOfFile(`[host.'http://192.168.1.106:5000']\n  skip_verify = true\n`, '2.1.9')
  const challenge = { scheme: 'bearer', realm: 'https://auth.lan:5000/token' } as const
  const answers = ({ url, kind, authorized }: SentRequest): Answer => {
    if (url.startsWith('https:')) return { kind: 'tls', failure: 'plain-http' }
    return authorized || kind === 'token' ? status(200) : { kind: 'status', status: 401, challenge }
  }
  const witness = witnessOf(answers, { path })
  const tokens = witness.requests.filter((it) => it.path === '/token')
  t.strictSame(
    tokens.slice(0, 2).map((it) => it.status),
    [null, 200],
    'it was asked for twice',
  )
  const comparison = compare(witness, { path })
  t.equal(comparison.agrees, true, JSON.stringify(comparison.requests, null, 1))
})

t.test('an endpoint with a header alone is dumped twice by 2.1, and asked once', async (t) => {
  const path = pathOfFile("server = 'http://o'\n[host.'http://m']\n[host.'http://m'.header]\nX-A = 'b'", '2.1.9')
  const refused = ({ url }: SentRequest): Answer =>
    url.includes('//m') ? { kind: 'failure', failure: 'refused' } : status(200)
  const whole = witnessOf(refused, { path })
  const doubled = whole.requests.flatMap((it) => (it.host === 'm' ? [it, it] : [it]))
  t.equal(compare({ ...whole, requests: doubled }, { path }).agrees, true)
})

const HOSTS = [
  'http://m1',
  'http://m2:5000',
  'https://m3',
  'http://m4/x',
  '192.168.1.106',
  'http://192.168.1.106',
] as const
const CAPABILITIES = ["['pull', 'resolve']", "['pull']", "['resolve']", "['push']", '[]'] as const
const SETTINGS = ['', 'skip_verify = true\n', "dial_timeout = '200ms'\n", 'override_path = true\n'] as const

const hostsToml = fc
  .record({
    server: fc.option(fc.constantFrom(...HOSTS)),
    hosts: fc.uniqueArray(
      fc.record({
        url: fc.constantFrom(...HOSTS),
        capabilities: fc.constantFrom(...CAPABILITIES),
        setting: fc.constantFrom(...SETTINGS),
      }),
      { maxLength: 4, selector: (it) => it.url },
    ),
  })
  .map(({ server, hosts }) => {
    const tables = hosts.map((it) => `[host.'${it.url}']\ncapabilities = ${it.capabilities}\n${it.setting}`)
    return `${server === null ? '' : `server = '${server}'\n`}${tables.join('')}`
  })

const PLAIN: readonly Answer[] = [
  status(200),
  status(200),
  status(200),
  status(404),
  status(404),
  status(403),
  status(429),
  status(500),
  status(502),
  { kind: 'failure', failure: 'refused' },
  { kind: 'tls', failure: 'plain-http' },
  { kind: 'tls', failure: 'refused' },
]
const CHALLENGED: readonly Answer[] = [
  { ...status(401), challenge: { scheme: 'bearer', realm: 'http://auth/token' } } as Answer,
  { ...status(401), challenge: { scheme: 'basic' } } as Answer,
  status(401),
  { ...status(200), digest: null } as Answer,
  { ...status(200), lengthKnown: false } as Answer,
]

/** One answer for each endpoint and each kind of request; a refused token is refused to all. */
function planOf(answers: readonly Answer[]): fc.Arbitrary<(request: SentRequest) => Answer> {
  const each = fc.constantFrom(...answers)
  return fc
    .record({ table: fc.array(each, { minLength: 24, maxLength: 24 }), token: fc.constantFrom(200, 403) })
    .map(({ table, token }) => ({ kind, method, url, endpoint, authorized }) => {
      if (kind === 'token') return status(token)
      const row = method === 'HEAD' ? 0 : kind === 'manifests' ? 1 : 2
      const answer = table[row * 8 + (endpoint % 8)] ?? status(200)
      if (answer.kind === 'tls' && url.startsWith('http:')) return status(404)
      return answer.kind === 'status' && answer.status === 401 && authorized ? status(200) : answer
    })
}

function told(answers: readonly Answer[]) {
  return fc.record({
    toml: hostsToml,
    plan: planOf(answers),
    release: fc.constantFrom(...RELEASES),
    image: fc.constantFrom(TAG, DIGEST),
  })
}

t.test('a witness that does as predicted agrees, whatever the tree and the answers', async (t) => {
  let pulled = 0
  fc.assert(
    fc.property(told([...PLAIN, ...CHALLENGED]), ({ toml, plan, ...given }) => {
      const context = { ...given, path: pathOfFile(toml, given.release) }
      const witness = witnessOf(plan, context)
      pulled += witness.error === null ? 1 : 0
      const comparison = compare(witness, context)
      // Contents that are asked for at once may each learn that there is no token, or only the first.
      const isTokenRefused = witness.requests.some((it) => it.path === '/token' && it.status !== 200)
      const isProven = witness.error === null && !isTokenRefused && hasDistinctPlaces(context.path)
      if (isProven && comparison.agrees !== true) throw new Error(JSON.stringify(comparison, null, 1))
      if (comparison.agrees === false) throw new Error(JSON.stringify(comparison, null, 1))
    }),
    { numRuns: 600 },
  )
  t.ok(pulled > 100, `${pulled} of them were pulled`)
})

t.test('a request that is dropped, added or moved never agrees', async (t) => {
  const ADDED = {
    ns: null,
    status: 404,
    isUncertain: false,
    digest: null,
    hasLength: true,
    redirectedFrom: null,
    challenge: null,
    refusesToken: false,
    sentAt: 0,
    answeredAt: 1,
  }
  let changed = 0
  fc.assert(
    fc.property(
      told(PLAIN),
      fc.constantFrom('drop', 'add', 'swap'),
      fc.nat(),
      ({ toml, plan, ...given }, change, place) => {
        const context = { ...given, path: pathOfFile(toml, given.release) }
        const witness = witnessOf(plan, context)
        const { requests } = witness
        fc.pre(requests.length > 0 && hasDistinctPlaces(context.path))
        const at = place % requests.length
        const [here, next] = [requests[at], requests[at + 1]]
        if (here === undefined) return
        let other = requests.toSpliced(at, 1)
        if (change === 'drop') {
          // An attempt over https and one over http look the same: without an answer one is like two.
          const isTry = (it: WitnessedRequest | undefined) =>
            it?.path === here.path && it.host === here.host && (it.status === null || here.status === null)
          fc.pre(!isTry(next) && !isTry(requests[at - 1]))
        }
        if (change === 'add') other = requests.toSpliced(at, 0, { ...here, ...ADDED, host: 'stranger.example' })
        if (change === 'swap') {
          // Of contents that are asked for at once the order says nothing; equal requests cannot be told apart.
          const isSequential = next !== undefined && (here.path === next.path || !next.path.includes('/blobs/sha256'))
          fc.pre(isSequential && (here.host !== next.host || here.path !== next.path || here.ns !== next.ns))
          other = requests.toSpliced(at, 2, ...(next === undefined ? [] : [next]), here)
        }
        changed += 1
        const comparison = compare({ ...witness, requests: other, manifests: manifestsIn(other) }, context)
        if (comparison.agrees === true) throw new Error(`${change} ${at}: ${JSON.stringify(comparison, null, 1)}`)
      },
    ),
    { numRuns: 600 },
  )
  t.ok(changed > 100, `${changed} were changed`)
})
