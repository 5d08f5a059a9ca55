import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { EndpointProbe } from '../../src/drift/probes.ts'
import { measureImage } from '../../src/pull/measure-image.ts'
import { probeOnce } from '../../src/pull/node-probes.ts'
import { readInputs } from '../../src/watch/read-inputs.ts'
import { HOSTS_DIR } from '../fixtures/intents.ts'
import { LOOPBACK_TLS } from '../registry/transport-failures.ts'
import { probedRegistry } from './probed-registry.ts'

const REGISTRY = 'harbor.test'
const BASIC = `Basic ${Buffer.from('owner:header-secret').toString('base64')}`
const HEADER = `[host.'URL'.header]\nAuthorization = '${BASIC}'\nX-Extra = ['one-secret', 'two-secret']\n`
const SECRETS = /secret|b3duZXI6|PRIVATE KEY/
const HARBOR_AUTH = { kind: 'bearer', users: { owner: 'header-secret' }, anonymousPull: false } as const
/** Whoever shows no certificate of this authority is turned away. */
const MUTUAL = { ...LOOPBACK_TLS, ca: LOOPBACK_TLS.cert, requestCert: true, rejectUnauthorized: true }
const CLIENT = `ca = 'own-ca.crt'\nclient = [['client.cert', 'client.key']]\n`
const FILES = { 'own-ca.crt': LOOPBACK_TLS.cert, 'client.cert': LOOPBACK_TLS.cert, 'client.key': LOOPBACK_TLS.key }

const OTHER_KEY = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
}).privateKey

interface Site {
  url: string
  /** What stands in the table of the endpoint; `URL` stands for its own. */
  table?: string
  files?: Record<string, string>
  containerd?: string
  /** The files that are gone when it is probed. */
  gone?: readonly string[]
  more?: string
}

/** What is read of a node that has this one endpoint, and its configuration. */
async function nodeOf(t: Test, { url, table = '', files = {}, containerd = '2.1.9', more = '' }: Site) {
  const root = t.testdir({
    'talos.yaml': `machine: { registries: { mirrors: { ${REGISTRY}: { endpoints: ['${url}'] } } } }\n`,
  })
  const hosts = join(root, 'node', HOSTS_DIR, REGISTRY)
  mkdirSync(hosts, { recursive: true })
  const toml = `[host.'${url}']\n${table.replaceAll('URL', url)}`
  for (const [name, text] of Object.entries({ 'hosts.toml': toml, ...files })) writeFileSync(join(hosts, name), text)
  const config = readConfig(
    `node: { name: k8s-1, ip: 127.0.0.1 }
host: { root: ${root}/node }
intent: { talos: { patches: [${root}/talos.yaml] }, spegel: { from: none } }
containerd: { version: ${containerd} }
probe: { timeout: 3s, images: { ${REGISTRY}: library/app:v1 } }
${more}`,
    'config.yaml',
    { env: {}, hostname: 'k8s-1' },
  )
  return { config, inputs: await readInputs(config), hosts }
}

/** The probe of the endpoint as containerd asks it, and everything that is shown of it. */
async function probedAt(t: Test, site: Site): Promise<{ probe: EndpointProbe; told: string; shown: string }> {
  const { config, inputs, hosts } = await nodeOf(t, site)
  for (const name of site.gone ?? []) rmSync(join(hosts, name))
  const probes = await probeOnce(config, inputs, { signal: new AbortController().signal, onTurn: () => {} })
  const { intent, observed, daemon, node } = inputs
  const report = evaluate(intent, observed, daemon, { ...node, now: new Date().toISOString(), probes })
  const [probe] = probes.endpoints
  if (probe === undefined) throw new Error(JSON.stringify(report.registries, null, 1))
  const told = probe.steps.map((it) => `${it.step} ${it.result}`).join(', ')
  return { probe, told, shown: JSON.stringify([report, probes]) + inspect(report, { depth: 20, showHidden: true }) }
}

t.test('the header of hosts.toml is brought along, and shown nowhere', async (t) => {
  const double = await probedRegistry(t, { auth: { kind: 'basic', users: HARBOR_AUTH.users } })
  const { probe, told, shown } = await probedAt(t, { url: double.origin, table: HEADER })
  t.equal(probe.failure, null)
  t.equal(told, 'ping passed, realm skipped, manifest passed, blob passed')
  for (const { authorization, headers } of double.received) {
    t.equal(authorization, BASIC)
    t.equal(headers['x-extra'], 'one-secret, two-secret')
  }
  t.notMatch(shown, SECRETS)
})

t.test('a header that is refused is told as such, without its value', async (t) => {
  const double = await probedRegistry(t, { auth: { kind: 'basic', users: { owner: 'changed' } } })
  const { probe, shown } = await probedAt(t, { url: double.origin, table: HEADER })
  t.match(probe.failure, { reason: 'endpoint-auth', step: 'manifest', detail: 'header-refused', names: null })
  t.match(shown, /refuses what hosts\.toml has containerd send it as Authorization/)
  t.notMatch(shown, SECRETS)
})

t.test('the header goes to the token realm of the same origin from containerd 2.1 on', async (t) => {
  for (const [containerd, walked] of [
    ['2.1.0', 'ping passed, realm passed, manifest passed, blob passed'],
    ['2.0.5', 'ping passed, realm passed, manifest failed'],
    ['1.7.24', 'ping passed, realm passed, manifest failed'],
  ] as const) {
    const double = await probedRegistry(t, { auth: HARBOR_AUTH })
    const { told, shown } = await probedAt(t, { url: double.origin, table: HEADER, containerd })
    t.equal(told, walked, containerd)
    const asked = double.received.filter((it) => it.target.startsWith('/token'))
    t.ok(asked.length > 0)
    for (const { authorization } of asked) t.equal(authorization, containerd === '2.1.0' ? BASIC : null)
    t.notMatch(shown, SECRETS)
  }
})

t.test('a redirect and a realm elsewhere get nothing of it; such a realm cannot be judged', async (t) => {
  const other = await probedRegistry(t, { auth: HARBOR_AUTH })
  const double = await probedRegistry(t)
  double.faults.set('GET /v2/library/app/blobs/', {
    kind: 'status',
    status: 307,
    headers: { location: `${other.origin}/blob` },
  })
  await probedAt(t, { url: double.origin, table: HEADER })
  const realm = `${other.origin.replace('127.0.0.1', 'localhost')}/token`
  other.faults.set('GET /token', { kind: 'status', status: 500 })
  const guarded = await probedRegistry(t, { auth: { ...HARBOR_AUTH, realm } })
  const { probe, told } = await probedAt(t, { url: guarded.origin, table: HEADER })
  t.ok(other.received.length >= 2)
  for (const { authorization, headers } of other.received) {
    t.equal(authorization, null)
    t.notOk('x-extra' in headers)
  }
  t.equal(probe.failure, null)
  t.equal(told, 'ping passed, realm skipped')
  other.faults.set('GET /token', { kind: 'status', status: 401 })
  const refused = await probedAt(t, { url: guarded.origin, table: HEADER })
  t.equal(refused.told, 'ping passed, realm passed, manifest skipped, blob skipped')
  const before = await probedAt(t, { url: guarded.origin, table: HEADER, containerd: '2.0.5' })
  t.match(before.probe.failure, { step: 'manifest', detail: 'token-refused' }, 'containerd 2.0 gives it no header')
  const gone = await probedRegistry(t, { auth: { ...HARBOR_AUTH, realm: 'http://localhost:1/token' } })
  const unreachable = await probedAt(t, { url: gone.origin, table: HEADER })
  t.match(unreachable.probe.failure, { step: 'realm', detail: 'refused' }, 'and nobody needs a header to answer')
  t.match(
    probe.steps.at(-1)?.words,
    /may want the certificate or header that this agent gives to 127\.0\.0\.1:\d+ alone/,
  )
})

t.test('the certificates of hosts.toml are used: its authority, and its own with a key', async (t) => {
  const double = await probedRegistry(t, { tls: MUTUAL })
  const { probe, told, shown } = await probedAt(t, { url: double.origin, table: CLIENT, files: FILES })
  t.equal(probe.failure, null)
  t.equal(told, 'ping passed, realm skipped, manifest passed, blob passed')
  t.ok(double.received.every((it) => it.certified))
  t.ok(Number(probe.phases.tls) > 0)
  t.notMatch(shown, SECRETS)
  const both = `${LOOPBACK_TLS.cert}${LOOPBACK_TLS.key}`
  const table = `ca = ['own-ca.crt']\nclient = 'both.pem'\n`
  const one = await probedAt(t, { url: double.origin, table, files: { ...FILES, 'both.pem': both } })
  t.equal(one.probe.failure, null, 'in one file too')
  t.notMatch(one.shown, SECRETS)
  const skip = await probedAt(t, { url: double.origin, table: `skip_verify = true\n${CLIENT}`, files: FILES })
  t.equal(skip.probe.failure, null)
})

t.test('without its certificate it is turned away, as containerd is', async (t) => {
  const double = await probedRegistry(t, { tls: MUTUAL })
  const { probe } = await probedAt(t, { url: double.origin, table: `ca = 'own-ca.crt'\n`, files: FILES })
  t.not(probe.failure, null)
  const untrusted = await probedAt(t, { url: (await probedRegistry(t, { tls: LOOPBACK_TLS })).origin })
  t.match(untrusted.probe.failure, { reason: 'endpoint-tls', detail: 'certificate' })
})

t.test('a key that the agent cannot read makes the endpoint unknown, not faulty', async (t) => {
  const double = await probedRegistry(t, { tls: MUTUAL })
  const site = { url: double.origin, table: CLIENT, files: FILES }
  const { probe } = await probedAt(t, { ...site, gone: ['client.key'] })
  t.equal(probe.failure, null)
  t.match(probe.steps, [
    { step: 'ping', result: 'skipped', words: /client\.key, which containerd reads and this agent cannot/ },
  ])
})

t.test('nothing listens is a fault all the same', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const { probe } = await probedAt(t, { url, table: CLIENT, files: FILES, gone: ['client.key'] })
  t.match(probe.failure, { reason: 'endpoint-down' })
})

t.test('a key of another certificate is told: containerd fails every pull', async (t) => {
  const double = await probedRegistry(t, { tls: MUTUAL })
  const files = { ...FILES, 'client.key': OTHER_KEY }
  const { probe, shown } = await probedAt(t, { url: double.origin, table: CLIENT, files })
  t.match(probe.failure, { reason: 'endpoint-tls', detail: 'client-certificate' })
  t.match(shown, /is to be shown a certificate whose key is another one/)
  t.notMatch(shown, SECRETS)
  t.same(double.received, [])
})

t.test('the authority of an endpoint is good for its token realm too, as in containerd', async (t) => {
  const realm = await probedRegistry(t, { auth: { ...HARBOR_AUTH, anonymousPull: true }, tls: LOOPBACK_TLS })
  const plain = await probedRegistry(t, { auth: { ...HARBOR_AUTH, realm: `${realm.origin}/token` } })
  const trusted = await probedAt(t, { url: plain.origin, table: `ca = 'own-ca.crt'\n`, files: FILES })
  t.match(trusted.told, /^ping passed, realm passed/)
  const skipped = await probedAt(t, { url: plain.origin, table: 'skip_verify = true\n' })
  t.match(skipped.told, /^ping passed, realm passed/)
  const untrusted = await probedAt(t, { url: plain.origin })
  t.match(untrusted.probe.failure, { reason: 'endpoint-auth', step: 'realm', detail: 'certificate' })
})

t.test('a measured pull brings along the same', async (t) => {
  const double = await probedRegistry(t, { tls: MUTUAL, auth: { kind: 'basic', users: HARBOR_AUTH.users } })
  const reference = parseImageReference(`${REGISTRY}/library/app:v1`)
  const node = await nodeOf(t, { url: double.origin, table: `${CLIENT}${HEADER}`, files: FILES })
  const pulled = await measureImage(reference, 'path', { ...node, client: null, sight: null }, { image: 'absent' })
  t.equal(pulled.failure, null)
  t.notMatch(inspect(pulled, { depth: 20 }), SECRETS)
  const other = await nodeOf(t, { url: double.origin, table: CLIENT, files: { ...FILES, 'client.key': OTHER_KEY } })
  const pull = await measureImage(reference, 'path', { ...other, client: null, sight: null }, { image: 'absent' })
  t.match(pull.failure, { reason: 'credentials' }, 'and says where the key is another one')
})
