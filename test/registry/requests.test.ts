import t, { type Test } from 'tap'
import { openRegistryClient } from '../../src/registry/http-registry-client.ts'
import { clientOf } from './client-of.ts'
import { RegistryDouble } from './registry-double.ts'
import { digestOf } from './stored-images.ts'
import { LOOPBACK_TLS } from './transport-failures.ts'

async function start(test: Test, tls: typeof LOOPBACK_TLS | null = null) {
  const double = await RegistryDouble.start({ tls })
  test.teardown(() => double.stop())
  double.images.putManifest('library/app', 'v1', { mediaType: 'application/json', bytes: Buffer.from('{}') })
  return double
}

t.test('paths follow the URL of the endpoint, whatever that is', async (t) => {
  const double = await start(t)
  for (const [path, target] of [
    ['/v2', '/v2/library/app/manifests/v1'],
    ['/v2/', '/v2/library/app/manifests/v1'],
    ['/v2/proxy', '/v2/proxy/library/app/manifests/v1'],
    ['', '/library/app/manifests/v1'],
    ['/v2?x=y#z', '/v2/library/app/manifests/v1'],
  ] as const) {
    await clientOf({ url: `${double.origin}${path}` })
      .headManifest('library/app', 'v1')
      .catch(() => {})
    t.equal(double.received.at(-1)?.target, target)
  }
})

t.test('a mirror is told the registry, and who asks may say more', async (t) => {
  const double = await start(t)
  const client = clientOf(double, { namespace: '192.168.1.106:5000', headers: { 'X-Endpoint': 'a' } })
  double.headers = { 'OCI-Namespace': '192.168.1.106:5000' }
  const { namespace } = await client.headManifest('library/app', 'v1', { headers: { 'X-Spegel-Mirrored': 'true' } })
  t.equal(namespace, '192.168.1.106:5000')
  t.match(double.received, [
    {
      target: '/v2/library/app/manifests/v1?ns=192.168.1.106%3A5000',
      headers: { 'x-endpoint': 'a', 'x-spegel-mirrored': 'true', 'user-agent': 'pullpath', connection: 'close' },
    },
  ])
})

t.test('a manifest is asked for in every form there is, and a blob in none', async (t) => {
  const double = await start(t)
  const digest = double.images.putBlob('library/app', Buffer.from('x'))
  await clientOf(double).headManifest('library/app', 'v1')
  await clientOf(double).headBlob('library/app', digest)
  const [manifest, blob] = double.received
  t.strictSame(manifest?.headers.accept?.split(', ').sort(), [
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.manifest.v1+json',
  ])
  t.equal(blob?.headers.accept, undefined)
})

t.test('a name is resolved, and a handshake takes its time', async (t) => {
  const double = await start(t, LOOPBACK_TLS)
  const url = double.url.replace('127.0.0.1', 'localhost')
  const { exchanges } = await clientOf({ url }, { ca: [LOOPBACK_TLS.cert] }).headManifest('library/app', 'v1')
  const [{ phases } = { phases: null }] = exchanges
  for (const phase of [phases?.resolve, phases?.connect, phases?.tls]) t.ok((phase ?? 0) > 0, `${phase}`)
})

t.test('a certificate is not checked where that was asked for', async (t) => {
  const double = await start(t, LOOPBACK_TLS)
  const tls = { ca: [], client: null, verify: false }
  const client = openRegistryClient({ url: double.url, namespace: null, headers: {}, tls, credentials: null })
  t.match(await client.ping(), { status: 200 })
})

t.test('what failed has its phases until then', async (t) => {
  const double = await start(t)
  double.faults.set('GET /v2/', { kind: 'hang', after: 'half-body' })
  const error = await clientOf(double)
    .readBlob('library/app', digestOf(Buffer.alloc(0)), { limits: { pause: 50 } })
    .catch((it) => it)
  t.match(error.exchanges, [
    { status: 200, bytes: 20, phases: { connect: Number, processing: Number, transfer: null } },
  ])
  t.ok(error.exchanges[0].phases.total >= 50)
})

t.test('an error of whoever reads a blob is theirs', async (t) => {
  const double = await start(t)
  const digest = double.images.putBlob('library/app', Buffer.alloc(1000))
  const own = new Error('the disk is full')
  const client = clientOf(double)
  for (const onBytes of [
    () => Promise.reject(own),
    () => {
      throw own
    },
  ]) {
    t.equal(await client.readBlob('library/app', digest, { onBytes }).catch((it) => it), own)
  }
  const onStart = () => {
    throw own
  }
  const limits = { pause: 100_000 }
  t.equal(await client.readBlob('library/app', digest, { onStart, limits }).catch((it) => it), own)
  await double.idle()
})

t.test('a source of a blob that gives too little, too much or an error ends the upload', async (t) => {
  const double = await start(t)
  const client = clientOf(double)
  const bytes = Buffer.alloc(100)
  const digest = digestOf(bytes)
  for (const size of [99, 101]) {
    await t.rejects(client.pushBlob('library/app', { digest, size, open: () => [bytes] }), { code: 'PP_INTERNAL' })
  }
  const own = new Error('the file is gone')
  const open = async function* () {
    yield bytes.subarray(50)
    throw own
  }
  t.equal(await client.pushBlob('library/app', { digest, size: 100, open }).catch((it) => it), own)
  t.equal(double.images.blob('library/app', digest), undefined)
})

t.test('an endpoint that nothing can be sent to is refused', async (t) => {
  for (const url of ['', '192.168.1.106/v2', 'ftp://192.168.1.106/v2', 'http://user:secret@[/v2']) {
    t.throws(() => clientOf({ url }), { code: 'PP_REGISTRY_REQUEST', message: /^(?!.*secret)/ })
  }
  const client = {
    certificate: LOOPBACK_TLS.cert,
    key: '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----',
  }
  const endpoint = { namespace: null, headers: {}, credentials: null, tls: { ca: [], client, verify: true } }
  t.throws(() => openRegistryClient({ url: 'https://registry.test/v2', ...endpoint }), {
    code: 'PP_REGISTRY_REQUEST',
    message: /^https:\/\/registry\.test: (?!.*secret)/,
  })
})
