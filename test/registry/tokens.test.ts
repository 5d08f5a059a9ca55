import t, { type Test } from 'tap'
import { Credentials } from '../../src/registry/credentials.ts'
import { clientOf } from './client-of.ts'
import type { AuthPlan } from './registry-auth.ts'
import { RegistryDouble } from './registry-double.ts'
import { digestOf } from './stored-images.ts'

const OWNER = Credentials.password('owner', 'secret')

async function start(test: Test, more: Partial<AuthPlan & { kind: 'bearer' }> = {}) {
  const users = { owner: 'secret' }
  const double = await RegistryDouble.start({ auth: { kind: 'bearer', users, anonymousPull: true, ...more } })
  test.teardown(() => double.stop())
  for (const repository of ['app', 'other']) {
    double.images.putManifest(repository, 'v1', { mediaType: 'application/json', bytes: Buffer.from('{}') })
  }
  const takeLines = () => double.received.splice(0).map((it) => `${it.method} ${it.target}`)
  return { double, takeLines }
}

const TOKEN = 'GET /token?service=double&scope='
const FETCH = 'GET /v2/app/manifests/v1'

t.test('a token serves all that needs the same, and no more', async (t) => {
  const { double, takeLines } = await start(t)
  const client = clientOf(double, { credentials: OWNER })
  await client.getManifest('app', 'v1')
  t.strictSame(takeLines(), [FETCH, `${TOKEN}repository%3Aapp%3Apull`, FETCH])
  await client.getManifest('app', 'v1')
  await client.headManifest('app', 'v1')
  t.strictSame(takeLines(), [FETCH, FETCH.replace('GET', 'HEAD')])
  await client.getManifest('other', 'v1')
  t.match(takeLines(), [/other/, `${TOKEN}repository%3Aother%3Apull`, /other/])
  await client.pushManifest('app', 'v2', { mediaType: 'x/y', bytes: Buffer.from('{}') })
  t.match(takeLines(), [/^PUT /, `${TOKEN}repository%3Aapp%3Apull%2Cpush`, /^PUT /])
})

t.test('two clients share no token', async (t) => {
  const { double, takeLines } = await start(t)
  for (const _ of [1, 2]) await clientOf(double).getManifest('app', 'v1')
  t.equal(takeLines().filter((it) => it.startsWith(TOKEN)).length, 2)
})

t.test('a token that the registry takes no more is replaced once', async (t) => {
  const { double, takeLines } = await start(t)
  const client = clientOf(double)
  await client.getManifest('app', 'v1')
  double.auth.expireTokens()
  takeLines()
  const { exchanges } = await client.getManifest('app', 'v1')
  t.match(takeLines(), [FETCH, TOKEN, FETCH])
  t.match(exchanges, [{ status: 401 }, { purpose: 'token', status: 200 }, { status: 200 }])
})

t.test('a token that has lived as long as it said is replaced before it is used', async (t) => {
  const { double, takeLines } = await start(t, { expiresIn: 1e-6 })
  const client = clientOf(double)
  await client.getManifest('app', 'v1')
  takeLines()
  await client.getManifest('app', 'v1')
  t.match(takeLines(), [TOKEN, FETCH])
})

t.test('an upload whose token is refused is sent again from its start', async (t) => {
  const { double, takeLines } = await start(t)
  const client = clientOf(double, { credentials: OWNER })
  const bytes = Buffer.alloc(100_000, 'x')
  double.faults.set('PUT /v2/app/blobs/', (times) => {
    if (times > 0) return null
    double.auth.expireTokens()
    const challenge = `Bearer realm="${double.origin}/token",service="double"`
    return { kind: 'status', status: 401, headers: { 'www-authenticate': challenge } }
  })
  const { existed } = await client.pushBlob('app', { digest: digestOf(bytes), size: bytes.length, open: () => [bytes] })
  t.equal(existed, false)
  t.strictSame(double.images.blob('app', digestOf(bytes))?.bytes, bytes)
  t.match(
    takeLines().map((it) => it.split(' ')[0]),
    ['HEAD', 'GET', 'HEAD', 'POST', 'PUT', 'GET', 'PUT'],
  )
})

t.test('an identity token is exchanged, by a form and not by a header', async (t) => {
  const { double } = await start(t, { anonymousPull: false, identityTokens: ['identity'] })
  await clientOf(double, { credentials: Credentials.identityToken('identity') }).getManifest('app', 'v1')
  const [asked] = double.received.filter((it) => it.target.startsWith('/token'))
  t.match(asked, { method: 'POST', target: '/token', authorization: null })
})

t.test('the realm keeps its own query', async (t) => {
  const { double, takeLines } = await start(t, { realm: '' })
  double.faults.set('GET /v2/app', () => ({
    kind: 'status',
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${double.origin}/token?account=x",service="double"` },
  }))
  await clientOf(double)
    .getManifest('app', 'v1')
    .catch(() => {})
  t.match(takeLines(), [FETCH, '/token?account=x&service=double&scope=repository%3Aapp%3Apull', FETCH])
})

t.test('a password goes with every request once it was asked for, and twice with none', async (t) => {
  const double = await RegistryDouble.start({ auth: { kind: 'basic', users: { owner: 'changed' } } })
  t.teardown(() => double.stop())
  const client = clientOf(double, { credentials: OWNER })
  for (const requests of [2, 1]) {
    await t.rejects(client.headManifest('app', 'v1'), { code: 'PP_REGISTRY_AUTH', access: 'credentials' })
    t.equal(double.received.splice(0).length, requests)
  }
})
