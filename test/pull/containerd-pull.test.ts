import fc from 'fast-check'
import t from 'tap'
import { DaemonRefusal } from '../../src/containerd/client/daemon-error.ts'
import { PullpathError } from '../../src/errors.ts'
import { type ContainerdPullOptions, pullByContainerd } from '../../src/pull/containerd-pull.ts'
import { daemonPullFailure, isNotMeasured } from '../../src/pull/pull-failure.ts'
import { chainIdsOf, phasesOf } from '../../src/pull/pull-marks.ts'
import type { SpegelSight } from '../../src/pull/spegel-sight.ts'
import type { Subject } from '../../src/pull/subject.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { CANARY, makeCanary, type StoredCanary, serveIn } from './stored-canary.ts'

const OPTIONS: ContainerdPullOptions = {
  image: 'canary',
  mirrors: { targets: 1, resolve: true, others: false, marksOwn: true },
  sight: null,
  hasDiskPressure: async () => false,
  deadline: 1_000,
  patience: 0,
}

function site() {
  const daemon = new MemoryDaemon()
  const { manifest, config, layers } = serveIn(daemon, CANARY.image, makeCanary())
  const object = (kind: 'manifest' | 'config' | 'layer') => {
    return ({ digest, bytes }: StoredCanary['config']) => ({ digest, size: bytes.length, kind, mediaType: '' })
  }
  const objects = [object('manifest')(manifest), object('config')(config), ...layers.map(object('layer'))]
  const subject: Subject = { reference: CANARY, digest: manifest.digest, imageId: config.digest, objects }
  const store = daemon.store('k8s.io')
  const pull = (more: Partial<ContainerdPullOptions> = {}) =>
    pullByContainerd(daemon.client(), subject, { ...OPTIONS, ...more })
  return { daemon, store, subject, pull }
}

/** Peers that have all or nothing, and counters that go on as given. */
function sightOf(held: number, ...counters: { hits: number; misses: number; given: null }[]): SpegelSight {
  return {
    counters: async () => counters.shift() ?? null,
    holders: async (_, objects) => ({ asked: 2, known: 2, held: new Map(objects.map((it) => [it.digest, held])) }),
  }
}

t.test('where the bytes came from follows from what Spegel says before and after', async (t) => {
  const none = { hits: 7, misses: 9, given: null }
  const requests = 5
  t.match(await site().pull({ sight: sightOf(0, none, { hits: 7, misses: 9 + requests, given: null }) }), {
    source: 'first',
  })
  t.match(await site().pull({ sight: sightOf(1, none, { hits: 7 + requests, misses: 9, given: null }) }), {
    source: 'peer',
  })
  t.match(await site().pull({ sight: sightOf(1, none, { hits: 7, misses: 9 + requests, given: null }) }), {
    source: 'fallback',
  })
  t.match(
    await site().pull({ sight: sightOf(1, none, { hits: 0, misses: 3, given: null }) }),
    { source: 'unknown' },
    'started again',
  )
  t.match(await site().pull(), { source: 'unknown' })
})

t.test('what was under way of somebody else at the same time makes counters no proof', async (t) => {
  const { daemon, store, pull } = site()
  daemon.beforePull = async () => {
    const other = `layer-sha256:${'f'.repeat(64)}`
    store.ingests.push({ ref: other, startedAt: Date.now(), updatedAt: Date.now(), offset: 0, total: 0 })
    daemon.emit({ at: Date.now(), namespace: 'k8s.io', topic: '/images/create', name: 'docker.io/library/other:v1' })
  }
  const sight = sightOf(1, { hits: 0, misses: 0, given: null }, { hits: 5, misses: 0, given: null })
  t.match(await pull({ sight }), { source: 'unknown', failure: null })
})

for (const [name, source] of [
  [`${CANARY.registry}/${CANARY.repository}-of-another:v1`, 'unknown'],
  [CANARY.image, 'peer'],
] as const) {
  t.test(`an image called ${name} meanwhile: ${source}`, async (t) => {
    const { daemon, pull } = site()
    daemon.beforePull = async () => {
      daemon.emit({ at: Date.now(), namespace: 'k8s.io', topic: '/images/create', name })
    }
    const sight = sightOf(1, { hits: 0, misses: 0, given: null }, { hits: 5, misses: 0, given: null })
    t.match(await pull({ sight }), { source, failure: null })
  })
}

t.test('the pull is made under a lease of its own, which is gone afterwards', async (t) => {
  const { daemon, store, pull } = site()
  const leases: string[] = []
  let isRefused = true
  daemon.beforePull = async (_, { lease = '' }) => {
    leases.push(lease)
    const expires = store.leases.get(lease)?.labels.get('containerd.io/gc.expire') ?? ''
    t.ok(Date.parse(expires) > Date.now())
    if (isRefused) throw new DaemonRefusal('PullImage', { code: 5, details: `${CANARY.image}: not found` })
  }
  t.match(await pull(), { failure: { reason: 'not-found' } })
  t.equal(store.leases.size, 0)
  isRefused = false
  t.match(await pull(), { failure: null })
  t.equal(new Set(leases).size, 2)
  t.equal(store.leases.size, 0)
})

t.test('nothing begins under disk pressure, nor while something is being written', async (t) => {
  const { store, pull } = site()
  t.match(await pull({ hasDiskPressure: async () => true }), { failure: { reason: 'disk-pressure' }, duration: 0 })
  const ingest = { ref: 'layer-x', startedAt: 0, offset: 0, total: 0 }
  store.ingests.push({ ...ingest, updatedAt: Date.now() })
  t.match(await pull(), { failure: { reason: 'busy' } })
  store.ingests.splice(0, 1, { ...ingest, updatedAt: Date.now() - 11_000 })
  t.match(await pull(), { failure: null }, 'one that was broken off long ago does not matter')
})

t.test('one that is given up while it waits, or before, says so and pulls nothing', async (t) => {
  const { daemon, store, pull } = site()
  daemon.beforePull = () => Promise.reject(new Error('nobody should pull'))
  const other = `layer-sha256:${'f'.repeat(64)}`
  store.ingests.push({ ref: other, startedAt: Date.now(), updatedAt: Date.now(), offset: 0, total: 0 })
  const ending = new AbortController()
  const waiting = pull({ patience: 60_000, signal: ending.signal })
  setImmediate(() => ending.abort())
  t.match(await waiting, { failure: { reason: 'aborted' }, duration: 0 })
  store.ingests.length = 0
  t.match(await pull({ signal: ending.signal }), { failure: { reason: 'aborted' } })
  t.equal(store.leases.size, 0)
})

t.test('a pull that breaks off at its very end leaves no name of it', async (t) => {
  const { daemon, store, pull } = site()
  const ending = new AbortController()
  daemon.beforePull = async (reference) => {
    daemon.pull(reference)
    ending.abort()
  }
  t.match(await pull({ signal: ending.signal }), { failure: { reason: 'aborted' } })
  t.same([...store.images.keys()], [])
})

t.test('the canary is removed before, and only it', async (t) => {
  const { daemon, store, subject, pull } = site()
  await pull()
  t.match(await pull(), { failure: null, bytes: subject.objects.reduce((sum, it) => sum + it.size, 0) })
  const image = daemon.origin.get(CANARY.image)
  if (image !== undefined) daemon.origin.set('192.168.1.106/library/other:v1', image)
  await daemon.client().cri.pullImage('192.168.1.106/library/other:v1', 1_000)
  const names = [...store.images.keys()]
  t.match(await pull(), { failure: { reason: 'image-shared' } })
  t.match(await pull({ image: 'absent' }), { failure: { reason: 'image-present' } })
  t.same([...store.images.keys()], names)
})

t.test('what must be absent is removed again', async (t) => {
  const { store, pull } = site()
  t.match(await pull({ image: 'absent' }), { failure: null })
  t.same([...store.images.keys()], [])
  t.equal(store.content.size, 0)
})

t.test('a daemon that is away is told, and not counted as a pull that was not tried', async (t) => {
  const { daemon, pull } = site()
  daemon.failure = new PullpathError('PP_DAEMON_UNREACHABLE', 'nothing listens on the socket')
  const { failure } = await pull()
  t.match(failure, { reason: 'daemon-away' })
  t.equal(isNotMeasured(failure), false)
})

t.test("containerd's words are sorted into few reasons", async (t) => {
  for (const [words, reason] of [
    ['failed to copy: write /var/lib/x: no space left on device', 'disk-full'],
    ['Head "https://192.168.1.106/v2/": http: server gave HTTP response to HTTPS client', 'tls-not-spoken'],
    ['failed commit on ref "layer-sha256:a": unexpected commit digest sha256:b, expected sha256:a', 'digest-mismatch'],
    ['failed to copy: unexpected EOF', 'truncated'],
    ['dial tcp 192.168.1.106:80: connect: connection refused', 'refused'],
    ['dial tcp: lookup harbor.home on 192.168.1.1:53: no such host', 'unresolved'],
    ['pull access denied, authorization failed: no basic auth credentials', 'unauthorized'],
    ['failed to extract layer sha256:a: mount callback failed', 'unpack-failed'],
    ['something new', 'failed'],
  ] as const) {
    const error = new DaemonRefusal('runtime.v1.ImageService/PullImage', { code: 2, details: words })
    t.equal(daemonPullFailure(error, false).reason, reason, words)
  }
})

t.test('chain ids follow the rule of the specification, up to what is not known', async (t) => {
  const { layers } = makeCanary({ layers: 3, size: 10 })
  const objects = layers.map(({ digest, bytes }) => ({
    digest,
    kind: 'layer' as const,
    mediaType: '',
    size: bytes.length,
  }))
  const diffIds = new Map(layers.map(({ digest }) => [digest, digest]))
  t.same(
    chainIdsOf(objects, diffIds).map((it) => it.chainId),
    layers.map((it) => it.chainId),
  )
  diffIds.delete(layers[1]?.digest ?? '')
  t.equal(chainIdsOf(objects, diffIds).length, 1)
})

t.test('whatever was seen: each phase lies within the pull, and none is of what was not fetched', async (t) => {
  const { subject } = site()
  const digests = subject.objects.map((it) => it.digest)
  const time = fc.option(fc.integer({ min: 1_000, max: 2_000 }), { nil: undefined })
  const times = (keys: readonly string[]) =>
    fc
      .tuple(...keys.map(() => time))
      .map((it) => new Map(keys.flatMap((key, i) => (it[i] === undefined ? [] : [[key, it[i]]]))))
  const chains = digests.slice(2)
  fc.assert(
    fc.property(times(digests), times(digests), times(chains), times(chains), (begun, stored, prepared, committed) => {
      const marks = { called: 1_000, begun, stored, prepared, committed }
      const phases = phasesOf(subject, marks, new Map(chains.map((it) => [it, it])))
      return phases.every(({ name, start, duration, digest }) => {
        const isFetched = digest === null || name === 'unpack' || stored.has(digest)
        return isFetched && start >= 0 && duration >= 0 && start <= 1
      })
    }),
  )
  t.pass()
})
