import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import type { EndpointReason } from '../../src/drift/probes.ts'
import { PullpathError } from '../../src/errors.ts'
import { Credentials } from '../../src/registry/credentials.ts'
import type { Fault } from '../registry/fault.ts'
import type { RegistryDouble } from '../registry/registry-double.ts'
import { LOOPBACK_TLS } from '../registry/transport-failures.ts'
import { probed, probedRegistry, targetOf, walked } from './probed-registry.ts'

const status = (code: number, headers: Record<string, string> = {}): Fault => ({
  kind: 'status',
  status: code,
  headers,
})
const TRUSTING = { ca: [LOOPBACK_TLS.cert], client: null, verify: true }
const HARBOR_AUTH = { kind: 'bearer', users: {}, anonymousPull: true } as const

t.test('what containerd needs of an origin is asked, and its phases are told', async (t) => {
  const double = await probedRegistry(t)
  const outcome = await probed(
    targetOf(double.url, { endpoint: { ...targetOf(double.url).endpoint, namespace: 'reg' } }),
  )
  t.equal(outcome.failure, null)
  t.equal(walked(outcome), 'ping passed, realm skipped, manifest passed, blob passed')
  t.same(
    double.received.map((it) => `${it.method} ${it.target.replace(/sha256:\w+/, 'DIGEST')}`),
    [
      'GET /v2/?ns=reg',
      'HEAD /v2/library/app/manifests/v1?ns=reg',
      'GET /v2/library/app/manifests/v1?ns=reg',
      'GET /v2/library/app/blobs/DIGEST?ns=reg',
      'GET /v2/library/app/blobs/DIGEST?ns=reg',
    ],
  )
  const { resolve, connect, tls, processing, transfer } = outcome.phases
  t.same([resolve, tls], [null, null])
  for (const seconds of [connect, processing, transfer]) t.ok(seconds !== null && seconds >= 0)
})

t.test('a token is asked for as anybody, and a realm that gives one is no fault', async (t) => {
  const double = await probedRegistry(t, { auth: HARBOR_AUTH })
  const outcome = await probed(targetOf(double.url))
  t.equal(walked(outcome), 'ping passed, realm passed, manifest passed, blob passed')
  t.match(
    double.received.map((it) => it.target),
    ['/v2/', '/token?service=double&scope=repository%3Alibrary%2Fapp%3Apull'],
  )
})

t.test('without an image only what needs none is asked', async (t) => {
  const double = await probedRegistry(t)
  t.equal(
    walked(await probed(targetOf(double.url, { image: null }))),
    'ping passed, realm skipped, manifest skipped, blob skipped',
  )
  const absent = await probed(targetOf(double.url, { image: { repository: 'library/none', reference: 'v1' } }))
  t.equal(walked(absent), 'ping passed, realm skipped, manifest skipped, blob skipped')
  t.equal(absent.failure, null, 'a canary that nobody has pushed yet is no fault of the registry')
  t.match(absent.steps[2]?.words, 'it is not there')
})

t.test('of a large blob only the beginning is read, whatever is sent', async (t) => {
  const large = Buffer.alloc(4 * 1024 * 1024, 'x')
  for (const isRangeIgnored of [false, true]) {
    const double = await probedRegistry(t)
    const layer = double.images.putBlob('library/app', large)
    const config = double.images.putBlob('library/app', Buffer.from('{}'))
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = {
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/json', digest: config, size: 2 },
      layers: [{ mediaType: 'application/octet-stream', digest: layer, size: large.length }],
    }
    double.images.putManifest('library/app', 'v1', { mediaType, bytes: Buffer.from(JSON.stringify(manifest)) })
    if (isRangeIgnored) {
      double.faults.set(`GET /v2/library/app/blobs/${layer}`, { kind: 'endless', length: large.length })
    }
    const outcome = await probed(targetOf(double.url))
    t.equal(walked(outcome), 'ping passed, realm skipped, manifest passed, blob passed')
    t.match(double.received.at(-1)?.headers.range, 'bytes=0-4095')
  }
})

t.test('a peer is asked only what changes nothing there', async (t) => {
  const double = await probedRegistry(t)
  const peer = (reference: string) =>
    targetOf(double.url, { role: 'peer', image: { repository: 'library/app', reference } })
  for (const reference of ['v1', 'nobody-has-this']) {
    double.received.length = 0
    const outcome = await probed(peer(reference))
    t.equal(outcome.failure, null)
    t.equal(walked(outcome), 'ping passed, manifest passed')
    t.match(double.received, [
      { method: 'GET', target: '/v2/' },
      { method: 'HEAD', target: `/v2/library/app/manifests/${reference}`, headers: { 'x-spegel-mirrored': 'true' } },
    ])
  }
})

interface Failing {
  name: string
  reason: EndpointReason
  words: RegExp
  walked: string
  prepare(t: Test): Promise<string> | string
  more?: Parameters<typeof targetOf>[1]
}

const at = (line: string, fault: Fault) => async (t: Test) => {
  const double = await probedRegistry(t)
  double.faults.set(line, fault)
  return double.url
}

const FAILING: readonly Failing[] = [
  {
    name: 'nothing listens',
    reason: 'endpoint-down',
    words: /nothing listens there .*ECONNREFUSED/,
    walked: 'ping failed',
    prepare: async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      server.close()
      return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v2`
    },
  },
  {
    name: 'an error for an answer',
    reason: 'endpoint-down',
    words: /status 502/,
    walked: 'ping failed',
    prepare: at('GET /v2/', status(502)),
  },
  {
    name: 'a reset',
    reason: 'endpoint-down',
    words: /the connection broke/,
    walked: 'ping failed',
    prepare: at('GET /v2/', { kind: 'reset', after: 'request' }),
  },
  {
    name: 'http asked over https',
    reason: 'endpoint-tls',
    words: /asked over https, it answers without TLS/,
    walked: 'ping failed',
    prepare: async (t) => (await probedRegistry(t)).url.replace('http:', 'https:'),
  },
  {
    name: 'https asked over http',
    reason: 'endpoint-tls',
    words: /asked over http, it wants TLS/,
    walked: 'ping failed',
    prepare: at('GET /v2/', {
      kind: 'status',
      status: 400,
      body: 'Client sent an HTTP request to an HTTPS server.\n', // net/http
    }),
  },
  {
    name: 'a certificate that nobody trusts',
    reason: 'endpoint-tls',
    words: /its certificate is not trusted/,
    walked: 'ping failed',
    prepare: async (t) => (await probedRegistry(t, { tls: LOOPBACK_TLS })).url,
  },
  {
    name: 'an anonymous pull that is refused',
    reason: 'endpoint-auth',
    words: /refuses access \(with the token that it gives to anybody/,
    walked: 'ping passed, realm passed, manifest failed',
    prepare: async (t) => (await probedRegistry(t, { auth: { ...HARBOR_AUTH, anonymousPull: false } })).url,
  },
  {
    name: 'a realm that cannot be reached',
    reason: 'endpoint-auth',
    words: /the token realm at https:\/\/127\.0\.0\.1:1: nothing listens there/,
    walked: 'ping passed, realm failed',
    prepare: async (t) =>
      (await probedRegistry(t, { auth: { ...HARBOR_AUTH, realm: 'https://127.0.0.1:1/service/token' } })).url,
  },
  {
    name: 'a realm of another scheme than its face',
    reason: 'endpoint-auth',
    words: /cannot be used \(from https down to http:\/\/127\.0\.0\.1:1\)/,
    walked: 'ping passed, realm failed',
    prepare: async (t) => {
      const auth = { ...HARBOR_AUTH, realm: 'http://127.0.0.1:1/service/token' }
      return (await probedRegistry(t, { auth, tls: LOOPBACK_TLS })).url
    },
    more: { access: () => ({ headers: {}, tls: TRUSTING, unread: [] }) },
  },
  {
    name: 'a realm that redirects to https, as an ingress does, where nobody answers',
    reason: 'endpoint-auth',
    words: /the token realm at https:\/\/127\.0\.0\.1:1: nothing listens there/,
    walked: 'ping passed, realm failed',
    prepare: async (t) => {
      const double = await probedRegistry(t, { auth: HARBOR_AUTH })
      double.faults.set('GET /token', status(308, { location: 'https://127.0.0.1:1/token?secret=x' }))
      return double.url
    },
  },
  {
    name: 'a realm that redirects in a loop',
    reason: 'endpoint-auth',
    words: /the token realm at .*: it redirects in a loop/,
    walked: 'ping passed, realm failed',
    prepare: async (t) => {
      const double = await probedRegistry(t, { auth: HARBOR_AUTH })
      double.faults.set('GET /token', status(302, { location: '/token/again?secret=x' }))
      double.faults.set('GET /token/again', status(302, { location: '/token/again?secret=x' }))
      return double.url
    },
  },
  {
    name: 'a challenge whose realm is no URL',
    reason: 'endpoint-auth',
    words: /the token realm that it names cannot be used \(it is no URL of http or https\)/,
    walked: 'ping passed, realm failed',
    prepare: at('GET /v2/', status(401, { 'www-authenticate': 'Bearer service="harbor",error=' })),
  },
  {
    name: 'a challenge that nobody understands',
    reason: 'endpoint-auth',
    words: /refuses access/,
    walked: 'ping passed, realm skipped, manifest failed',
    prepare: at('', status(401, { 'www-authenticate': '"=,, ===' })),
  },
  {
    name: 'a manifest of another digest than it says',
    reason: 'endpoint-down',
    words: /do not have the digest/,
    walked: 'ping passed, realm skipped, manifest failed',
    prepare: at(
      'GET /v2/library/app/manifests/',
      status(200, {
        'docker-content-digest': `sha256:${'0'.repeat(64)}`,
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
      }),
    ),
  },
  {
    name: 'a realm with a page instead of a token',
    reason: 'endpoint-auth',
    words: /gives no token: status 200/,
    walked: 'ping passed, realm failed',
    prepare: async (t) => (await probedRegistry(t, { auth: { ...HARBOR_AUTH, answer: '<html>login</html>' } })).url,
  },
  {
    name: 'a blob that its storage does not give',
    reason: 'endpoint-blob',
    words: /blob sha256:\w+ at .*status 500/,
    walked: 'ping passed, realm skipped, manifest passed, blob failed',
    prepare: at('GET /v2/library/app/blobs/', status(500)),
  },
  {
    name: 'a blob that is gone',
    reason: 'endpoint-blob',
    words: /it is not there/,
    walked: 'ping passed, realm skipped, manifest passed, blob failed',
    prepare: at('GET /v2/library/app/blobs/', status(404)),
  },
  {
    name: 'a blob that breaks off',
    reason: 'endpoint-blob',
    words: /ended too early|another length/,
    walked: 'ping passed, realm skipped, manifest passed, blob failed',
    prepare: at('GET /v2/library/app/blobs/', { kind: 'close', after: 'half-body' }),
  },
  {
    name: 'a blob of other bytes',
    reason: 'endpoint-blob',
    words: /do not have the digest/,
    walked: 'ping passed, realm skipped, manifest passed, blob failed',
    prepare: async (t) => {
      const double = await probedRegistry(t)
      double.faults.set('GET /v2/library/app/blobs/', garbled(double))
      return double.url
    },
  },
  {
    name: 'a blob that lies elsewhere',
    reason: 'endpoint-redirect',
    words: /it redirects \(to http:\/\/storage\.lan/,
    walked: 'ping passed, realm skipped, manifest passed, blob failed',
    prepare: at('GET /v2/library/app/blobs/', status(307, { location: 'http://storage.lan/x?signature=secret' })),
  },
  {
    name: 'redirects in a loop',
    reason: 'endpoint-redirect',
    words: /redirects in a loop/,
    walked: 'ping failed',
    prepare: at('GET /v2/', status(302, { location: '/v2/' })),
  },
]

/** As long as the smaller of the two blobs, and something else. */
function garbled({ images }: RegistryDouble): Fault {
  const manifest = JSON.parse(images.manifest('library/app', 'v1')?.bytes.toString() ?? '')
  const size = Math.min(manifest.config.size, manifest.layers[0].size)
  return { kind: 'status', status: 200, body: 'x'.repeat(size) }
}

for (const { name, reason, words, walked: expected, prepare, more } of FAILING) {
  t.test(`${name}: ${reason}`, async (t) => {
    const url = await prepare(t)
    const target = targetOf(url, more)
    const outcome = await probed({ ...target, endpoint: { ...target.endpoint, url } })
    t.equal(outcome.failure?.reason, reason)
    t.match(outcome.failure?.words, words)
    t.equal(walked(outcome), expected)
    t.notMatch(JSON.stringify(outcome), /secret/)
  })
}

t.test('what takes longer than probe.timeout has failed, in the phase that it was in', async (t) => {
  const double = await probedRegistry(t)
  double.faults.set('HEAD /v2/library/app/manifests/v1', { kind: 'hang', after: 'request' })
  const outcome = await probed(targetOf(double.url), 200)
  t.match(outcome.failure, { reason: 'endpoint-down', step: 'manifest', detail: 'timeout', phase: 'processing' })
})

t.test('who wants what containerd has and the agent has not is not at fault', async (t) => {
  const double = await probedRegistry(t, { auth: { kind: 'basic', users: { a: 'b' } } })
  const outcome = await probed(targetOf(double.url, { hasNodeCredentials: true }))
  t.equal(outcome.failure, null)
  t.equal(walked(outcome), 'ping passed, realm skipped, manifest skipped, blob skipped')
})

t.test('a redirect to the same host is followed, and a public registry may keep its blobs elsewhere', async (t) => {
  const other = await probedRegistry(t)
  const double = await probedRegistry(t)
  double.faults.set('GET /v2/library/app/blobs/', status(307, { location: '/v2/moved' }))
  const same = await probed(targetOf(double.url))
  t.match(same.failure?.words, /it is not there/, 'the place that it redirects to was asked')
  t.equal(same.failure?.reason, 'endpoint-blob')

  const elsewhere = other.origin.replace('127.0.0.1', 'localhost')
  double.faults.set('GET /v2/library/app/blobs/', status(307, { location: `${elsewhere}/v2/nothing` }))
  const lost = await probed(targetOf(double.url, { isPublic: true }))
  t.match(lost.failure, { reason: 'endpoint-redirect', names: elsewhere }, 'but it must be there')
})

t.test(
  'an endpoint that is tried over https first is asked over http where that fails as containerd has it',
  async (t) => {
    const double = await probedRegistry(t)
    const url = double.url.replace('http:', 'https:')
    const outcome = await probed(targetOf(url, { fallback: double.url }))
    t.equal(outcome.failure, null)
    t.equal(walked(outcome), 'ping passed, realm skipped, manifest passed, blob passed')
  },
)

t.test('a realm that redirects to where a token is given is no fault: containerd follows', async (t) => {
  const double = await probedRegistry(t, { auth: HARBOR_AUTH })
  const query = 'service=double&scope=repository:library/app:pull'
  double.faults.set('GET /token?service=double&scope=repository%3A', status(307, { location: `/token?${query}` }))
  const outcome = await probed(targetOf(double.url))
  t.equal(walked(outcome), 'ping passed, realm passed, manifest passed, blob passed')
})

t.test('a realm that takes a connection and says nothing ends with the probe', async (t) => {
  const double = await probedRegistry(t, { auth: HARBOR_AUTH })
  double.faults.set('GET /token', { kind: 'hang', after: 'request' })
  const outcome = await probed(targetOf(double.url), 200)
  t.match(outcome.failure, {
    reason: 'endpoint-auth',
    step: 'realm',
    detail: 'timeout',
    phase: 'processing',
    names: double.origin,
  })
})

t.test('an endpoint that allows no HEAD is asked with GET, as containerd does', async (t) => {
  const double = await probedRegistry(t)
  double.faults.set('HEAD /v2/', status(405))
  const outcome = await probed(targetOf(double.url))
  t.equal(walked(outcome), 'ping passed, realm skipped, manifest passed, blob passed')
  double.faults.set('GET /v2/library/app/manifests/', status(405))
  t.match((await probed(targetOf(double.url))).failure, { reason: 'endpoint-down', step: 'manifest', status: 405 })
})

t.test(
  'a blob that is moved on the same host, whose range is ignored there, is read no further than it must',
  async (t) => {
    const double = await probedRegistry(t)
    const large = Buffer.alloc(1024 * 1024, 'x')
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = {
      schemaVersion: 2,
      mediaType,
      config: {
        mediaType: 'application/json',
        digest: double.images.putBlob('library/app', Buffer.from('{}')),
        size: 2,
      },
      layers: [
        {
          mediaType: 'application/octet-stream',
          digest: double.images.putBlob('library/app', large),
          size: large.length,
        },
      ],
    }
    double.images.putManifest('library/app', 'v1', { mediaType, bytes: Buffer.from(JSON.stringify(manifest)) })
    const [{ digest = '' } = {}] = manifest.layers
    double.faults.set(`GET /v2/library/app/blobs/${digest}`, status(307, { location: '/moved' }))
    double.faults.set('GET /moved', { kind: 'endless', length: large.length })
    t.equal((await probed(targetOf(double.url))).failure, null)
  },
)

t.test('who refuses anybody is asked with the credentials of its host, and only then', async (t) => {
  const given: string[] = []
  const credentialsOf = (password: string) => (host: string) => {
    given.push(host)
    return Credentials.password('robot', password)
  }
  for (const auth of [
    { ...HARBOR_AUTH, users: { robot: 'right-secret' }, anonymousPull: false },
    { kind: 'basic', users: { robot: 'right-secret' } },
  ] as const) {
    const double = await probedRegistry(t, { auth })
    const target = targetOf(double.url)
    const passed = await probed(target, 5000, credentialsOf('right-secret'))
    t.equal(passed.failure, null, auth.kind)
    t.match(passed.steps.at(-1), { step: 'blob', result: 'passed', words: /with the credentials of registryAuth/ })
    t.same(given.splice(0), [new URL(double.url).host])
    const wrong = await probed(target, 5000, credentialsOf('wrong-secret'))
    t.match(wrong.failure, { reason: 'endpoint-auth', step: 'manifest', detail: 'credentials-refused', names: null })
    const none = await probed(target, 5000, () => null)
    t.match(none.failure, { reason: 'endpoint-auth', step: 'manifest', detail: 'unauthorized', names: null })
    const failing = () => {
      throw new PullpathError('PP_FILE_UNREADABLE', 'registryAuth.dockerConfigFile cannot be read: EACCES')
    }
    const unread = await probed(target, 5000, failing)
    t.equal(unread.failure, null, 'nothing is known then')
    t.match(unread.steps.find((it) => it.step === 'manifest')?.words, /registryAuth\.dockerConfigFile cannot be read/)
    t.notMatch(JSON.stringify([passed, wrong, none, unread]), /secret|robot/)
    given.length = 0
    t.equal(double.received.at(0)?.authorization, null, 'and nobody was given a password before')
  }
  const open = await probedRegistry(t, { auth: HARBOR_AUTH })
  t.equal((await probed(targetOf(open.url), 5000, credentialsOf('right-secret'))).failure, null)
  t.same(given, [], 'who serves anybody is not given any')
  const peer = await probedRegistry(t, { auth: { kind: 'basic', users: {} } })
  const outcome = await probed(targetOf(peer.url, { role: 'peer' }), 5000, credentialsOf('right-secret'))
  t.match(outcome.failure, { reason: 'endpoint-auth', detail: 'unauthorized' })
  t.same(given, [], 'nor is a peer')
})

t.test('a password is not sent to a realm of another host: what it is worth is not known', async (t) => {
  const realm = await probedRegistry(t, { auth: HARBOR_AUTH })
  const auth = { ...HARBOR_AUTH, anonymousPull: false, realm: `${realm.origin}/token` }
  const double = await probedRegistry(t, { auth })
  const outcome = await probed(targetOf(double.url), 5000, () => Credentials.password('robot', 'secret'))
  t.equal(outcome.failure, null)
  t.match(outcome.steps.at(-2), { step: 'manifest', result: 'skipped', words: /credentials are not sent to/ })
  t.ok(realm.received.every((it) => it.authorization === null))
})
