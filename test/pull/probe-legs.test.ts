import t, { type Test } from 'tap'
import type { Role } from '../../src/containerd/endpoint-report.ts'
import type { ProbeEndpoint } from '../../src/pull/probe-endpoints.ts'
import { type ProbeOptions, type ProbeVia, probe } from '../../src/pull/probe-legs.ts'
import type { PullProgress } from '../../src/pull/pull-record.ts'
import { openSpegelSight } from '../../src/pull/spegel-sight.ts'
import { readSubject } from '../../src/pull/subject.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { clientOf } from '../registry/client-of.ts'
import type { Fault } from '../registry/fault.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { bytesOf, CANARY, makeCanary, type StoredCanary, storeIn } from './stored-canary.ts'

const MIRRORS = { targets: 1, resolve: true, others: false, marksOwn: true }

function endpoint(double: RegistryDouble, role: Role): ProbeEndpoint {
  const namespace = role === 'origin' ? null : CANARY.registry
  return { role, resolve: true, isAside: false, connectWithin: 1_000, client: clientOf(double, { namespace }) }
}

async function site(t: Test, canary: StoredCanary = makeCanary()) {
  const [origin, mirror] = [await RegistryDouble.start(), await RegistryDouble.start()]
  t.teardown(() => Promise.all([origin.stop(), mirror.stop()]))
  storeIn(origin, canary)
  const subject = await readSubject(clientOf(origin), CANARY, {})
  origin.received.length = 0
  const measure = (via: ProbeVia, more: Partial<ProbeOptions> = {}) => {
    const [first, last] = [endpoint(mirror, 'peer'), endpoint(origin, 'origin')]
    const endpoints = { origin: [last], peer: [first], path: [first, last] }[via]
    return probe(via, subject, endpoints, { timeout: 2_000, mirrors: MIRRORS, sight: null, store: null, ...more })
  }
  return { canary, origin, mirror, subject, measure }
}

t.test('the origin leg fetches all of it from the registry, and says what each request took', async (t) => {
  const { canary, origin, mirror, measure } = await site(t)
  const progress: PullProgress[] = []
  const pull = await measure('origin', { onProgress: (it) => progress.push(it) })
  t.match(pull, { via: 'origin', method: 'probe', source: 'first', failure: null, bytes: bytesOf(canary) })
  t.same(
    origin.received.map(({ method, target }) => `${method} ${target.split('/').at(-1)}`).sort(),
    [`HEAD tag-0`, ...[canary.manifest, canary.config, ...canary.layers].map((it) => `GET ${it.digest}`)].sort(),
  )
  t.equal(mirror.received.length, 0)
  for (const { digest, bytes } of [canary.config, ...canary.layers]) {
    const transfer = pull.phases.find((it) => it.name === 'transfer' && it.digest === digest)
    t.equal(transfer?.bytes, bytes.length)
    t.ok(pull.phases.some((it) => it.name === 'connect' && it.digest === digest))
    t.match(
      progress.findLast((it) => it.digest === digest),
      { bytes: bytes.length, total: bytes.length },
    )
  }
  for (const { start, duration } of pull.phases) t.ok(start >= 0 && start + duration <= pull.duration + 0.005)
})

t.test('the peer leg asks the mirror by digest, with the registry as ns', async (t) => {
  const { canary, origin, mirror, measure } = await site(t)
  storeIn(mirror, canary)
  t.match(await measure('peer'), { source: 'peer', failure: null, bytes: bytesOf(canary) })
  t.equal(origin.received.length, 0)
  for (const { target } of mirror.received) t.match(target, /sha256:.*\?ns=192\.168\.1\.106$/)
})

t.test('what the mirror marks as its own is local only where this node has it', async (t) => {
  const { canary, mirror, measure } = await site(t)
  storeIn(mirror, canary)
  mirror.headers['oci-namespace'] = CANARY.registry
  const daemon = new MemoryDaemon()
  const store = daemon.client().inNamespace('k8s.io')
  t.match(await measure('peer', { store: null }), { source: 'unknown' })
  t.match(await measure('peer', { store }), { source: 'peer' }, 'the mirror of another node has it')
  for (const { digest, bytes } of [canary.manifest, canary.config, ...canary.layers]) {
    const times = { createdAt: 0, updatedAt: 0, labels: new Map() }
    daemon.store('k8s.io').content.set(digest, { digest, size: bytes.length, ...times })
  }
  t.match(await measure('peer', { store }), { source: 'local' })
})

t.test('along the path each object comes from the first endpoint that has it', async (t) => {
  const { canary, origin, mirror, measure } = await site(t)
  mirror.images.putManifest(CANARY.repository, 'tag-0', canary.manifest)
  mirror.images.putBlob(CANARY.repository, canary.config.bytes)
  t.match(await measure('path'), { source: 'mixed', failure: null, bytes: bytesOf(canary) })
  t.same(
    origin.received.map(({ target }) => target.split('/').at(-1)).sort(),
    canary.layers.map((it) => it.digest).sort(),
    'only the layers',
  )
})

t.test('along the path each phase says which endpoint it was of, and a refusal is no content', async (t) => {
  const { canary, origin, mirror, measure } = await site(t)
  mirror.images.putManifest(CANARY.repository, 'tag-0', canary.manifest)
  mirror.images.putBlob(CANARY.repository, canary.config.bytes)
  const { phases } = await measure('path')
  const asked = (digest: string | null) =>
    phases.filter((it) => it.digest === digest && it.name === 'transfer').map((it) => [it.endpoint, it.bytes])
  t.same(asked(null), [[mirror.origin, 0]], 'the resolve')
  for (const { digest, bytes } of [canary.manifest, canary.config]) {
    t.same(asked(digest), [[mirror.origin, bytes.length]])
  }
  for (const { digest, bytes } of canary.layers) {
    t.same(asked(digest), [
      [mirror.origin, 0],
      [origin.origin, bytes.length],
    ])
  }
})

t.test('what comes from the origin although a peer has it is a fallback, and else a first pull', async (t) => {
  const { canary, measure } = await site(t)
  const peer = await RegistryDouble.start()
  t.teardown(() => peer.stop())
  const sight = openSpegelSight({ peers: [peer.origin], metrics: null })
  t.match(await measure('path', { sight }), { source: 'first' })
  t.ok(peer.received.length > 0)
  for (const { method, headers } of peer.received) t.match([method, headers['x-spegel-mirrored']], ['HEAD', 'true'])
  storeIn(peer, canary)
  const { source, evidence } = await measure('path', { sight })
  t.equal(source, 'fallback')
  t.match(evidence.find((it) => it.source === 'HEAD to the peers')?.text, /4 of 4 objects/)
  t.match(await measure('path', { sight: null }), { source: 'unknown' })
})

t.test('a mirror that knows another image by the tag is told', async (t) => {
  const { mirror, measure } = await site(t)
  storeIn(mirror, makeCanary())
  t.match(await measure('path'), { source: 'unknown', failure: { reason: 'tag-differs', message: /at the origin/ } })
})

const FAULTS: readonly (readonly [string, string, Fault, string])[] = [
  ['hangs at the head', 'HEAD', { kind: 'hang', after: 'request' }, 'timeout'],
  ['resets the manifest', 'GET /v2/library/pullpath-canary/manifests', { kind: 'reset', after: 'request' }, 'reset'],
  ['has no such layer', 'GET /v2/library/pullpath-canary/blobs', { kind: 'status', status: 404 }, 'not-found'],
  ['fails at a layer', 'GET /v2/library/pullpath-canary/blobs', { kind: 'status', status: 500 }, 'status'],
  [
    'hangs within a layer',
    'GET /v2/library/pullpath-canary/blobs',
    { kind: 'hang', after: 'half-body' },
    'wrong-length',
  ],
  [
    'lies about a layer',
    'GET /v2/library/pullpath-canary/blobs',
    { kind: 'raw', bytes: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n` },
    'wrong-length',
  ],
  ['redirects in a loop', 'HEAD', { kind: 'status', status: 302, headers: { location: '/' } }, 'redirect-loop'],
]

t.test('each way to fail has its reason, and the next measurement works', async (t) => {
  const { origin, measure } = await site(t)
  for (const [name, request, fault, reason] of FAULTS) {
    origin.faults.set(request, fault)
    const { failure, source, duration } = await measure('origin', { timeout: 200 })
    t.match(failure, { reason, message: new RegExp(origin.origin) }, name)
    t.equal(source, 'unknown')
    t.ok(duration > 0)
    origin.faults.clear()
    t.match(await measure('origin'), { failure: null, source: 'first' }, `after one that ${name}`)
  }
})

t.test('a layer that is not what it should be, byte for byte', async (t) => {
  const { canary, origin, measure } = await site(t)
  const [layer] = canary.layers
  if (layer === undefined) throw new Error('no layer')
  const answer = (length: number, body: Buffer) =>
    Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`), body])
  const { length } = layer.bytes
  for (const [name, bytes, reason] of [
    ['other bytes', answer(length, Buffer.alloc(length)), 'digest-mismatch'],
    ['half of them', answer(length, layer.bytes.subarray(0, length / 2)), 'truncated'],
    ['one more', answer(length + 1, Buffer.concat([layer.bytes, Buffer.of(0)])), 'wrong-length'],
    ['an empty body', answer(0, Buffer.of()), 'wrong-length'],
  ] as const) {
    origin.faults.set(`GET /v2/${CANARY.repository}/blobs/${layer.digest}`, { kind: 'raw', bytes })
    t.match(await measure('origin'), { failure: { reason }, source: 'unknown' }, name)
    t.match(await measure('path'), { failure: { reason } }, `${name}, along the path`)
    origin.faults.clear()
    t.match(await measure('origin'), { failure: null }, `after ${name}`)
  }
})

t.test('a measurement that is given up says so', async (t) => {
  const { origin, measure } = await site(t)
  origin.faults.set('GET /v2/library/pullpath-canary/blobs', { kind: 'hang', after: 'request' })
  const ending = new AbortController()
  const measuring = measure('origin', { signal: ending.signal })
  while (!origin.received.some((it) => it.target.includes('/blobs/'))) await origin.nextRequest()
  ending.abort()
  t.match(await measuring, { failure: { reason: 'aborted' } })
})

t.test('where nobody gives it, the error that tells most is the one that is told', async (t) => {
  const blobs = `GET /v2/${CANARY.repository}/blobs`
  const absent = { kind: 'status', status: 404 } as const
  for (const [name, peer, own, reason] of [
    ['a peer has nothing, the origin refuses', absent, { kind: 'status', status: 401 }, 'unauthorized'],
    ['a peer has nothing, the origin fails', absent, { kind: 'status', status: 500 }, 'status'],
    [
      'a peer fails otherwise than the origin',
      { kind: 'reset', after: 'request' },
      { kind: 'status', status: 500 },
      'status',
    ],
    ['a peer fails, the origin has nothing', { kind: 'reset', after: 'request' }, absent, 'not-found'],
  ] as const) {
    const { origin, mirror, measure } = await site(t)
    mirror.faults.set(blobs, peer)
    origin.faults.set(blobs, own)
    t.match(await measure('path'), { failure: { reason, message: new RegExp(origin.origin) } }, name)
  }
})
