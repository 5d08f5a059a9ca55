import type { LookupFunction } from 'node:net'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { mayHaveCredentials } from '../../src/registry/credential-rule.ts'
import { Credentials } from '../../src/registry/credentials.ts'
import { openRegistryClient } from '../../src/registry/http-registry-client.ts'
import { clientOf } from './client-of.ts'
import type { AuthPlan } from './registry-auth.ts'
import { type DoubleOptions, type Received, RegistryDouble } from './registry-double.ts'
import { LOOPBACK_TLS } from './transport-failures.ts'

const users = { owner: 'secret' }
const OWNER = Credentials.password('owner', 'secret')
const bearer = (more: Partial<AuthPlan & { kind: 'bearer' }> = {}) => ({
  auth: { kind: 'bearer' as const, users, anonymousPull: true, ...more },
})
const MANIFEST = { mediaType: 'application/json', bytes: Buffer.from('{}') }
const EXTRA = { 'X-Extra': 'secret' }

async function start(test: Test, options: DoubleOptions = {}) {
  const double = await RegistryDouble.start(options)
  test.teardown(() => double.stop())
  double.images.putManifest('app', 'v1', MANIFEST)
  return double
}

/** What a request had with it, by the first word of `Authorization`. */
const shown = ({ method, target, authorization }: Received) =>
  [method, target.split('?')[0], authorization?.split(' ')[0] ?? 'nothing'].join(' ')

const redirect = (to: string) => ({ kind: 'status' as const, status: 307, headers: { location: to } })

t.test('a redirect to another origin is followed without anything secret', async (t) => {
  const other = await start(t)
  for (const options of [{ auth: { kind: 'basic' as const, users } }, bearer()]) {
    const double = await start(t, options)
    const client = clientOf(double, { credentials: OWNER, headers: EXTRA, namespace: 'registry.test' })
    await client.getManifest('app', 'v1')
    double.faults.set('GET /v2/app/', redirect(`${other.origin}/v2/app/manifests/v1?X-Signature=a`))
    other.received.length = 0
    const { redirectedTo, exchanges } = await client.getManifest('app', 'v1', { headers: { 'X-More': 'secret' } })
    t.strictSame(redirectedTo, [other.origin])
    t.match(exchanges, [
      { origin: double.origin, status: 307 },
      { origin: other.origin, status: 200 },
    ])
    t.strictSame(other.received.map(shown), ['GET /v2/app/manifests/v1 nothing'])
    const [{ headers = {}, target = '' } = {}] = other.received
    t.notOk('x-extra' in headers || 'x-more' in headers, 'no header of the endpoint')
    t.match(headers.accept, /vnd\.oci\.image\.index/, 'but what is accepted')
    t.equal(target, '/v2/app/manifests/v1?X-Signature=a', 'and no ns')
  }
})

t.test('a part of a blob is asked for as a part wherever it lies', async (t) => {
  const [double, other] = [await start(t, bearer()), await start(t)]
  const bytes = Buffer.from('0123456789'.repeat(100))
  const digest = other.images.putBlob('app', bytes)
  double.faults.set('GET /v2/app/blobs/', redirect(`${other.origin}/v2/app/blobs/${digest}`))
  const pieces: string[] = []
  const onBytes = (it: Uint8Array) => void pieces.push(Buffer.from(it).toString())
  const client = clientOf(double, { credentials: OWNER, headers: EXTRA })
  const read = await client.readBlob('app', digest, { size: 1000, range: { first: 10, last: 14 }, onBytes })
  t.match(read, { status: 206, length: 5, redirectedTo: [other.origin] })
  t.equal(pieces.join(''), '01234')
  t.match(other.received, [{ headers: { range: 'bytes=10-14' }, authorization: null }])
  t.notOk('x-extra' in (other.received[0]?.headers ?? {}))
})

t.test('a redirect within the origin keeps what belongs to it', async (t) => {
  const double = await start(t, { auth: { kind: 'basic', users } })
  double.faults.set('HEAD /v2/old/', redirect('/v2/app/manifests/v1'))
  const { redirectedTo } = await clientOf(double, { credentials: OWNER }).headManifest('old', 'v1')
  t.strictSame(redirectedTo, [double.origin])
  t.equal(double.received.map(shown).at(-1), 'HEAD /v2/app/manifests/v1 Basic')
})

t.test('once the origin was left, what comes back to it brings nothing', async (t) => {
  const [double, other] = [await start(t), await start(t)]
  const client = clientOf(double, { headers: EXTRA })
  double.faults.set('GET /v2/app/', redirect(`${other.origin}/back`))
  other.faults.set('GET /back', redirect(`${double.origin}/v2/moved/manifests/v1`))
  double.images.putManifest('moved', 'v1', MANIFEST)
  const { redirectedTo } = await client.getManifest('app', 'v1')
  t.strictSame(redirectedTo, [other.origin, double.origin])
  t.strictSame(
    double.received.map((it) => it.headers['x-extra']),
    ['secret', undefined],
  )
})

t.test('another origin that asks for a password gets none', async (t) => {
  const other = await start(t, { auth: { kind: 'basic', users } })
  const double = await start(t)
  double.faults.set('GET /v2/app/', redirect(`${other.origin}/v2/app/manifests/v1`))
  const asked = clientOf(double, { credentials: OWNER }).getManifest('app', 'v1')
  await t.rejects(asked, { code: 'PP_REGISTRY_AUTH', origin: other.origin, access: 'none' })
  t.strictSame(other.received.map(shown), ['GET /v2/app/manifests/v1 nothing'])
})

t.test('a realm that redirects to another origin takes no password there', async (t) => {
  const [double, other] = [await start(t, bearer()), await start(t, bearer())]
  double.faults.set('GET /token', redirect(`${other.origin}/token?service=double&scope=repository:app:pull`))
  await clientOf(double, { credentials: OWNER })
    .getManifest('app', 'v1')
    .catch(() => {})
  t.strictSame(other.received.map(shown), ['GET /token nothing'])
})

t.test('a password goes to a realm of the same origin', async (t) => {
  const double = await start(t, bearer())
  await clientOf(double, { credentials: OWNER }).getManifest('app', 'v1')
  t.strictSame(double.received.map(shown), [
    'GET /v2/app/manifests/v1 nothing',
    'GET /token Basic',
    'GET /v2/app/manifests/v1 Bearer',
  ])
})

t.test('a password goes to a realm of the same host over https', async (t) => {
  const realm = await start(t, { ...bearer(), tls: LOOPBACK_TLS })
  const double = await start(t, bearer({ realm: `${realm.origin}/token` }))
  const client = clientOf(double, { credentials: OWNER, ca: [LOOPBACK_TLS.cert] })
  await client.getManifest('app', 'v1').catch(() => {}) // its tokens are not the double's
  t.strictSame(realm.received.map(shown), ['GET /token Basic'])
})

t.test('without credentials, a token is asked for wherever the realm is', async (t) => {
  const realm = await start(t, bearer())
  const double = await start(t, bearer({ realm: `${realm.origin}/token` }))
  await clientOf(double)
    .getManifest('app', 'v1')
    .catch(() => {})
  t.strictSame(realm.received.map(shown), ['GET /token nothing'])
})

t.test('which realms may have the credentials of an endpoint', async (t) => {
  const table: [endpoint: string, realm: string, may: boolean][] = [
    ['http://192.168.1.106/v2', 'http://192.168.1.106/service/token', true],
    ['http://192.168.1.106/v2', 'http://192.168.1.106:80/service/token', true],
    ['http://192.168.1.106/v2', 'https://192.168.1.106/service/token', true],
    ['http://192.168.1.106/v2', 'https://192.168.1.106:8443/service/token', true],
    ['http://192.168.1.106/v2', 'http://192.168.1.106:8080/service/token', false],
    ['http://192.168.1.106/v2', 'https://harbor.example/service/token', false],
    ['http://192.168.1.106/v2', 'http://192.168.1.107/service/token', false],
    ['https://ghcr.io/v2', 'https://ghcr.io/token', true],
    ['https://ghcr.io/v2', 'http://ghcr.io/token', false],
    ['https://ghcr.io/v2', 'https://ghcr.io.example/token', false],
    ['https://ghcr.io/v2', 'https://sub.ghcr.io/token', false],
    ['https://registry-1.docker.io/v2', 'https://auth.docker.io/token', true],
    ['https://registry-1.docker.io/v2', 'http://auth.docker.io/token', false],
    ['https://registry.example/v2', 'https://auth.docker.io/token', false],
  ]
  for (const [endpoint, realm, may] of table) {
    t.equal(mayHaveCredentials(new URL(endpoint), new URL(realm)), may, `${endpoint} ${realm}`)
  }
})

t.test("a client's certificate is shown to the endpoint's own host alone", async (t) => {
  const tls = { ...LOOPBACK_TLS, requestCert: true, rejectUnauthorized: false }
  const [double, other] = [await start(t, { tls }), await start(t, { tls })]
  const lookup: LookupFunction = (_name, options, callback) => {
    if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
    else callback(null, '127.0.0.1', 4)
  }
  const elsewhere = other.origin.replace('127.0.0.1', 'registry.test')
  double.faults.set('GET /v2/app/', redirect(`${elsewhere}/v2/app/manifests/v1`))
  const client = openRegistryClient(
    {
      url: double.url,
      namespace: null,
      headers: {},
      credentials: null,
      tls: { ca: [LOOPBACK_TLS.cert], client: { certificate: LOOPBACK_TLS.cert, key: LOOPBACK_TLS.key }, verify: true },
    },
    lookup,
  )
  await client.getManifest('app', 'v1')
  t.strictSame(
    [double, other].map((it) => it.received.map(({ certified }) => certified)),
    [[true], [false]],
  )
})

t.test('credentials do not show', async (t) => {
  for (const credentials of [OWNER, Credentials.identityToken('secret')]) {
    t.notMatch(inspect(credentials, { showHidden: true, depth: 5 }) + JSON.stringify(credentials), /secret|owner/)
  }
})
