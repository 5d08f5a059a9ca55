import t from 'tap'
import type { CriClient } from '../../src/containerd/client/daemon-client.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import { PullpathError } from '../../src/errors.ts'
import { proofTag, witnessTag } from '../../src/pull/canary-names.ts'
import { proveResolve } from '../../src/pull/resolve-prover.ts'
import { newImage, originImage } from '../containerd/client/images.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { manifestOf, originWith } from './origin.ts'

type BuiltImage = ReturnType<typeof newImage>

const REFERENCE = '192.168.1.106/library/pullpath-canary:proof-3'
const NOW = '2026-11-25T12:00:00.000Z'
const TLS =
  'failed to resolve reference: Head "https://192.168.1.106/v2/": http: server gave HTTP response to HTTPS client'

function proven(
  daemon: MemoryDaemon,
  origin: BuiltImage | PullpathError,
  more: Partial<CriClient> = {},
  signal?: AbortSignal,
) {
  const client = daemon.client()
  const at = { url: 'http://192.168.1.106/v2', namespace: null }
  const access = () => ({ headers: {}, tls: { ca: [], client: null, verify: true }, unread: [] })
  return proveResolve(
    { reference: parseImageReference(REFERENCE), tags: 8, origin: at, access },
    {
      cri: { ...client.cri, ...more },
      store: client.inNamespace('k8s.io'),
      origin: originWith(origin instanceof PullpathError ? origin : manifestOf(origin)),
      now: () => new Date(NOW),
      ...(signal && { signal }),
    },
  )
}

function daemonWith(image: BuiltImage, more: Partial<MemoryDaemon> = {}): MemoryDaemon {
  const daemon = Object.assign(new MemoryDaemon(), more)
  daemon.origin.set(REFERENCE, originImage(image))
  return daemon
}

const image = newImage(REFERENCE, 'a few bytes')
const absent = new PullpathError('PP_REGISTRY_NOT_FOUND', 'manifest at http://192.168.1.106: it is not there')
const down = new PullpathError('PP_REGISTRY_UNREACHABLE', 'manifest at http://192.168.1.106: nothing listens there')

t.test('what containerd can pull is proven, and nothing of it stays', async (t) => {
  const daemon = daemonWith(image)
  const proof = await proven(daemon, image)
  t.match(proof, {
    registry: '192.168.1.106',
    reference: REFERENCE,
    tags: 8,
    at: NOW,
    outcome: 'resolved',
    words: '',
    unfinished: false,
    layersKept: true,
    origin: { url: 'http://192.168.1.106/v2', words: '' },
  })
  t.ok((proof.duration ?? -1) >= 0)
  const store = daemon.store('k8s.io')
  t.same([...store.images.keys()], [])
  t.equal(store.content.size, 0)
})

t.test('layers that nothing keeps after the pull are told', async (t) => {
  t.match(await proven(daemonWith(image, { discardsLayers: true }), image), { outcome: 'resolved', layersKept: false })
})

t.test('what the origin serves and containerd cannot pull is a failure, in the words of containerd', async (t) => {
  t.match(await proven(daemonWith(image, { pullFailure: TLS }), image), {
    outcome: 'failed',
    words: TLS,
    unfinished: false,
    layersKept: null,
    origin: { words: '' },
  })
  t.match(
    await proven(new MemoryDaemon(), image),
    { outcome: 'failed', words: /: not found$/ },
    'also where it says that it was not found: a peer did',
  )
})

t.test('where neither gets it the origin is to blame', async (t) => {
  t.match(await proven(daemonWith(image, { pullFailure: 'connection refused' }), down), {
    outcome: 'origin-down',
    origin: { words: /nothing listens there/ },
  })
  t.match(await proven(daemonWith(image), down), { outcome: 'resolved', layersKept: null }, 'a peer may still have it')
})

t.test('without a canary nothing is pulled and nothing proven', async (t) => {
  const daemon = new MemoryDaemon()
  t.match(await proven(daemon, absent), { outcome: 'no-canary', duration: null, origin: { words: /not there/ } })
})

t.test('a daemon that hangs is no failure of the pull; a pull that does not end is', async (t) => {
  const daemon = daemonWith(image)
  const failing = (code: 'PP_DAEMON_SILENT' | 'PP_DAEMON_UNFINISHED'): Partial<CriClient> => {
    return { pullImage: () => Promise.reject(new PullpathError(code, 'not in time')) }
  }
  t.match(await proven(daemon, image, failing('PP_DAEMON_SILENT')), { outcome: 'unasked', unfinished: false })
  t.match(await proven(daemon, image, failing('PP_DAEMON_UNFINISHED')), { outcome: 'failed', unfinished: true })
})

t.test('one that is given up is no failure of the pull, and leaves nothing', async (t) => {
  const daemon = daemonWith(image)
  const ending = new AbortController()
  daemon.beforePull = async () => ending.abort()
  const store = daemon.store('k8s.io')
  const proof = await proven(daemon, image, {}, ending.signal)
  t.match(proof, { outcome: 'unasked', words: 'it was given up', origin: { words: '' } })
  t.same([store.leases.size, store.images.size], [0, 0])
  daemon.beforePull = () => Promise.reject(new Error('nobody should pull'))
  t.match(await proven(daemon, image, {}, ending.signal), { outcome: 'unasked', duration: null }, 'nor is it begun')
})

t.test('an image that others refer to as well is left to them', async (t) => {
  const daemon = daemonWith(image)
  const other = '192.168.1.106/library/other:v1'
  daemon.origin.set(other, originImage(image))
  await daemon.client().cri.pullImage(other, 1_000)
  t.match(await proven(daemon, image), { outcome: 'resolved' })
  const names = [...daemon.store('k8s.io').images.keys()]
  t.ok(names.includes(other))
  t.same(
    names.filter((it) => it.includes('pullpath-canary')),
    [],
    'only the names of the proof are gone',
  )
})

t.test('each node has a proof tag of its own among those that there are, always the same', async (t) => {
  const tags = ['k8s-1', 'k8s-2', 'k8s-3'].map((it) => proofTag(it, 8))
  for (const tag of tags) t.match(tag, /^proof-[0-7]$/)
  t.equal(proofTag('k8s-1', 8), tags[0])
  t.equal(proofTag('anything', 1), 'proof-0')
  t.not(witnessTag('k8s-1', 8), tags[0], 'and another one for its witness')
  t.equal(witnessTag('anything', 1), 'proof-0', 'where there is another one')
  const many = new Set(Array.from({ length: 200 }, (_, index) => proofTag(`node-${index}`, 8)))
  t.equal(many.size, 8, 'all of them are used')
})
