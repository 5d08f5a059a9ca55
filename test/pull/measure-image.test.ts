import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { PullVia } from '../../src/drift/pull.ts'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { measureImage } from '../../src/pull/measure-image.ts'
import { isNotMeasured } from '../../src/pull/pull-failure.ts'
import { THIS_ARCHITECTURE } from '../../src/this-architecture.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, talosIntent } from '../fixtures/intents.ts'
import type { Fault } from '../registry/fault.ts'
import type { AuthPlan } from '../registry/registry-auth.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { digestOf } from '../registry/stored-images.ts'
import { bytesOf, CANARY, makeCanary, storeIn } from './stored-canary.ts'

const USERS = { owner: 'secret' }
const INDEX = 'application/vnd.oci.image.index.v1+json'
const bearer = (more: Partial<AuthPlan & { kind: 'bearer' }> = {}): AuthPlan => {
  return { kind: 'bearer', users: USERS, anonymousPull: true, ...more }
}

/** A node whose only registry is the double, which has the canary; its containerd, in memory, may not be asked to pull. */
async function site(
  t: Test,
  {
    auth = { kind: 'none' },
    password = '',
    timeout = '10s',
  }: { auth?: AuthPlan; password?: string; timeout?: string } = {},
) {
  const origin = await RegistryDouble.start({ auth })
  t.teardown(() => origin.stop())
  const canary = makeCanary()
  storeIn(origin, canary)
  const file = join(t.testdir({}), 'config.json')
  const text = Buffer.from(`owner:${password}`).toString('base64')
  writeFileSync(file, JSON.stringify({ auths: { [new URL(origin.origin).host]: { auth: text } } }))
  const registryAuth = password === '' ? '' : `registryAuth: { dockerConfigFile: ${file} }\n`
  const more = `node: { name: k8s-1, ip: 127.0.0.1 }\nprobe: { timeout: ${timeout} }\n${registryAuth}`
  const config = readConfig(more, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const hosts = directoryNode([
    [CANARY.registry, directoryNode([['hosts.toml', fileNode(`server = '${origin.origin}'\n`)]])],
  ])
  const inputs: Inputs = {
    intent: intentOf(talosIntent([mirror(CANARY.registry, [origin.origin])]), null),
    observed: observing(hosts),
    daemon: daemonFacts(),
    node: nodeFacts({ ip: '127.0.0.1' }),
    failures: new Map(),
  }
  const daemon = new MemoryDaemon()
  daemon.beforePull = () => Promise.reject(new Error('containerd was asked for what cannot be measured'))
  const measure = (via: PullVia, tag = 'tag-0') => {
    const reference = parseImageReference(CANARY.image.replace('tag-0', tag))
    const node = { config, inputs, client: daemon.client(), sight: null }
    return measureImage(reference, via, node, { image: 'canary' })
  }
  return { origin, canary, daemon, measure }
}

interface Case {
  reason: string
  fault?: Fault
  auth?: AuthPlan
  password?: string
  tag?: string
}

const manifest = (headers: string, body = '{}') => ({
  kind: 'raw' as const,
  bytes: `HTTP/1.1 200 OK\r\nContent-Type: ${INDEX}\r\n${headers}\r\n\r\n${body}`,
})

/** What is wrong with the manifest, or with the way to it: the same for a probe and for containerd, which is not asked. */
const CASES: Readonly<Record<string, Case>> = {
  'hangs after the request': { fault: { kind: 'hang', after: 'request' }, reason: 'timeout' },
  'hangs within the head': { fault: { kind: 'hang', after: 'half-head' }, reason: 'timeout' },
  'hangs within the body': { fault: { kind: 'hang', after: 'half-body' }, reason: 'timeout' },
  'sends it byte by byte': { fault: { kind: 'drip' }, reason: 'timeout' },
  'resets the connection': { fault: { kind: 'reset', after: 'request' }, reason: 'reset' },
  'ends too early': { fault: { kind: 'close', after: 'half-body' }, reason: 'truncated' },
  'sends 1 GB': { fault: { kind: 'endless', length: 1_000_000_000 }, reason: 'too-large' },
  'sends 1 GB without saying so': { fault: { kind: 'endless' }, reason: 'too-large' },
  'lies about the length': { fault: manifest('Content-Length: 1'), reason: 'wrong-length' },
  'lies about the digest': {
    fault: manifest(`Content-Length: 2\r\nDocker-Content-Digest: ${digestOf(Buffer.from('other'))}`),
    reason: 'digest-mismatch',
  },
  'sends what is no manifest': { fault: manifest('Content-Length: 2'), reason: 'manifest-invalid' },
  'redirects in a loop': {
    fault: { kind: 'status', status: 307, headers: { location: `/v2/${CANARY.repository}/manifests/tag-0` } },
    reason: 'redirect-loop',
  },
  'names a realm where nobody listens': {
    auth: bearer({ realm: 'http://127.0.0.1:1/token' }),
    reason: 'realm-unreachable',
  },
  'names a realm that is no URL': { auth: bearer({ realm: 'nonsense' }), reason: 'realm-invalid' },
  'gives what is no token': { auth: bearer({ answer: '[]' }), reason: 'token-invalid' },
  'takes its own token for expired': { auth: bearer(), fault: { kind: 'status', status: 401 }, reason: 'unauthorized' },
  'is asked with a wrong password': {
    auth: { kind: 'basic', users: USERS },
    password: 'wrong',
    reason: 'unauthorized',
  },
  'gives no token for a wrong password': {
    auth: bearer({ anonymousPull: false }),
    password: 'wrong',
    reason: 'token-refused',
  },
  'has no such canary': { tag: 'tag-7', reason: 'no-canary' },
  'has an index of other platforms alone': { tag: 'foreign', reason: 'platform-missing' },
}

for (const [name, { reason, fault, auth, password, tag }] of Object.entries(CASES)) {
  t.test(`a registry that ${name}`, async (t) => {
    // Only who hangs is waited for in vain: others must not be cut off by it on a busy machine.
    const timeout = reason === 'timeout' ? '300ms' : '10s'
    const { origin, daemon, measure } = await site(t, { timeout, ...(auth && { auth }), ...(password && { password }) })
    putIndex(origin, 'foreign', [entryOf('s390x', digestOf(Buffer.from('s390x')))])
    if (fault !== undefined) origin.faults.set('GET /v2/', fault)
    const messages = new Set<string>()
    for (const via of ['origin', 'path', 'containerd'] as const) {
      const { failure, source, duration } = await measure(via, tag)
      t.match(failure, { reason }, via)
      t.equal(isNotMeasured(failure), reason === 'no-canary')
      t.match([source, duration], ['unknown', 0])
      messages.add(failure?.message ?? '')
    }
    t.equal(messages.size, 1, 'one thing has one message')
    const { leases, ingests, images } = daemon.store('k8s.io')
    t.same([leases.size, ingests.length, images.size], [0, 0, 0])
    await origin.idle()
    if (auth !== undefined || tag !== undefined) return
    origin.faults.clear()
    t.match(await measure('origin'), { failure: null, source: 'first' }, 'the next one works')
  })
}

t.test('behind an index the manifest of this platform is measured, however many there are', async (t) => {
  const { origin, canary, measure } = await site(t)
  const own = { ...entryOf(THIS_ARCHITECTURE, canary.manifest.digest), size: canary.manifest.bytes.length }
  const lists = { one: [own], many: [entryOf('s390x', digestOf(Buffer.from('s390x'))), own] }
  for (const [tag, entries] of Object.entries(lists)) {
    const index = putIndex(origin, tag, entries)
    for (const via of ['origin', 'path'] as const) {
      t.match(await measure(via, tag), { failure: null, bytes: bytesOf(canary) + index.length })
    }
  }
})

t.test('a token that expires in the middle is replaced', async (t) => {
  const { origin, canary, measure } = await site(t, { auth: bearer() })
  origin.faults.set(`GET /v2/${CANARY.repository}/blobs/${canary.layers[0]?.digest}`, (times) => {
    if (times === 0) origin.auth.expireTokens()
    return null
  })
  t.match(await measure('origin'), { failure: null, source: 'first', bytes: bytesOf(canary) })
})

function entryOf(architecture: string, digest: string) {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  return { mediaType, digest, size: 500, platform: { os: 'linux', architecture } }
}

function putIndex({ images }: RegistryDouble, tag: string, manifests: readonly object[]): Buffer {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }))
  images.putManifest(CANARY.repository, tag, { mediaType: INDEX, bytes })
  return bytes
}
