/** The client against Debian's `docker-registry`: as it is, over TLS, with a password, and with tokens. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Credentials } from '../../src/registry/credentials.ts'
import { until } from '../package/examples/until.ts'
import { clientConformance } from './client-conformance.ts'
import { clientOf } from './client-of.ts'
import { type RealRegistry, startRealRegistry } from './real-registry.ts'
import { digestOf } from './stored-images.ts'
import { ISSUER, SERVICE, startTokenServer } from './token-server.ts'
import { LOOPBACK_TLS } from './transport-failures.ts'

const OWNER = Credentials.password('owner', 'correct horse')
const WRONG = Credentials.password('owner', 'wrong')
/** bcrypt of the password above, as registries want it. */
const HTPASSWD = 'owner:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n'
const TLS_FILES = { 'tls.crt': LOOPBACK_TLS.cert, 'tls.key': LOOPBACK_TLS.key }
const ca = [LOOPBACK_TLS.cert]
const INDEX = 'application/vnd.oci.image.index.v1+json'
const EMPTY = {
  mediaType: INDEX,
  bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] })),
}

const isThere = (process.env.PATH ?? '').split(':').some((it) => existsSync(join(it, 'docker-registry')))
if (isThere) await testAll()
else if (process.env.CI === 'true') t.fail('docker-registry is missing: eval "$(.ci/tools)" gets it')
else t.plan(0, 'docker-registry is missing: eval "$(.ci/tools)" gets it')

async function testAll(): Promise<void> {
  let count = 0
  const conforms = (t: Test, { url }: RealRegistry, options: Parameters<typeof clientOf>[1] = {}) =>
    clientConformance(t, async () => ({ client: clientOf({ url }, options), repository: `library/app-${++count}` }))
  const start = async (t: Test, ...args: Parameters<typeof startRealRegistry>) => {
    const registry = await startRealRegistry(...args)
    t.teardown(() => registry.stop())
    return registry
  }

  await t.test('for everybody', async (t) => {
    const registry = await start(t, 'http', '')
    conforms(t, registry)
    t.test('over https it is asked in vain', async (t) => {
      const asked = clientOf({ url: registry.url.replace('http:', 'https:') }).ping()
      await t.rejects(asked, { code: 'PP_REGISTRY_TLS', reason: 'tls-not-spoken' })
    })
    t.test('it writes down every request that the client counts', async (t) => {
      const { exchanges } = await clientOf(registry).pushBlob('library/logged', {
        digest: digestOf(Buffer.from('logged')),
        size: 6,
        open: () => [Buffer.from('logged')],
      })
      const logged = await until('its log has every request', async () => {
        const lines = registry.output().match(/"\w+ \/v2\/library\/logged\/\S+ HTTP\/1\.1" \d+/g) ?? []
        return lines.length < exchanges.length ? null : lines
      })
      t.strictSame(
        logged.map((it) => it.replace(/^"(\w+) .* (\d+)$/, '$1 $2')),
        exchanges.map(({ method, status }) => `${method} ${status}`),
      )
    })
  })

  await t.test('over TLS', async (t) => {
    const registry = await start(t, 'https', '', TLS_FILES)
    conforms(t, registry, { ca })
    t.test('over http it is asked in vain', async (t) => {
      const asked = clientOf({ url: registry.url.replace('https:', 'http:') }).getManifest('app', 'v1')
      await t.rejects(asked, { code: 'PP_REGISTRY_TLS', reason: 'tls-required', status: 400 })
    })
    t.test('its authority is not known', async (t) => {
      await t.rejects(clientOf(registry).ping(), { code: 'PP_REGISTRY_TLS', reason: 'certificate' })
    })
  })

  await t.test('with a password', async (t) => {
    const settings = 'auth: { htpasswd: { realm: real, path: $DIRECTORY/htpasswd } }'
    const registry = await start(t, 'http', settings, { htpasswd: HTPASSWD })
    conforms(t, registry, { credentials: OWNER })
    t.test('ping says what it asks for', async (t) => {
      t.match(await clientOf(registry).ping(), { status: 401, challenge: { scheme: 'basic' } })
    })
    t.test('without a password, or with a wrong one', async (t) => {
      const refused = { code: 'PP_REGISTRY_AUTH', reason: 'unauthorized', status: 401 }
      await t.rejects(clientOf(registry).getManifest('app', 'v1'), { ...refused, access: 'none' })
      const wrong = clientOf(registry, { credentials: WRONG }).getManifest('app', 'v1')
      await t.rejects(wrong, { ...refused, access: 'credentials' })
    })
  })

  await t.test('with tokens', async (t) => {
    const realm = await startTokenServer({ tls: LOOPBACK_TLS, owner: 'owner:correct horse' })
    t.teardown(() => realm.stop())
    const settings = `auth: { token: { realm: '${realm.realm}', service: ${SERVICE}, issuer: ${ISSUER}, rootcertbundle: $DIRECTORY/tls.crt } }`
    const registry = await start(t, 'http', settings, TLS_FILES)
    const owner = { ca, credentials: OWNER }
    conforms(t, registry, owner)
    await clientOf(registry, owner).pushManifest('public', 'v1', EMPTY)

    t.test('ping says what it asks for', async (t) => {
      const challenge = { scheme: 'bearer', realm: realm.realm, service: SERVICE }
      t.match(await clientOf(registry).ping(), { status: 401, challenge })
    })
    t.test('anybody pulls, and does not push', async (t) => {
      const anybody = clientOf(registry, { ca })
      const { exchanges } = await anybody.headManifest('public', 'v1')
      t.match(exchanges, [{ status: 401 }, { purpose: 'token', status: 200 }, { method: 'HEAD', status: 200 }])
      await t.rejects(anybody.pushManifest('public', 'v2', EMPTY), { code: 'PP_REGISTRY_AUTH', access: 'anonymous' })
    })
    t.test('a wrong password', async (t) => {
      const asked = clientOf(registry, { ca, credentials: WRONG }).headManifest('public', 'v1')
      await t.rejects(asked, { code: 'PP_REGISTRY_AUTH', reason: 'token-refused', status: 401 })
    })
    t.test('a token that has expired is replaced once in a call', async (t) => {
      const client = clientOf(registry, { ca })
      realm.lifetimes.push(-120)
      const refused = { code: 'PP_REGISTRY_AUTH', reason: 'unauthorized', access: 'anonymous' }
      await t.rejects(client.headManifest('public', 'v1'), refused)
      const { exchanges } = await client.headManifest('public', 'v1')
      t.match(exchanges, [{ status: 401 }, { purpose: 'token' }, { status: 200 }])
    })
    t.test('a realm whose certificate is not trusted', async (t) => {
      const unreachable = { code: 'PP_REGISTRY_AUTH', reason: 'realm-unreachable', causeReason: 'certificate' }
      await t.rejects(clientOf(registry).headManifest('public', 'v1'), unreachable)
    })
  })
}
