import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Pull } from '../../src/drift/pull.ts'
import { PullpathError } from '../../src/errors.ts'
import { KubeletEvents } from '../../src/pull/kubelet-events.ts'
import { ObservedPulls } from '../../src/pull/observed-pulls.ts'
import { ObservedSource } from '../../src/pull/observed-source.ts'
import { PerMinute } from '../../src/pull/per-minute.ts'
import type { SpegelSight } from '../../src/pull/spegel-sight.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { type OthersPull, pullByOthers } from './others-pull.ts'
import { bytesOf, makeCanary, serveIn } from './stored-canary.ts'

const APP = '192.168.1.106/library/app:v1'
const CANARY = '192.168.1.106/library/pullpath-canary:tag-0'
const PATIENCE = { settle: 0, lease: 0, container: 30, counters: 1_000_000 }

interface SiteOptions {
  mirrors?: { targets: number; resolve: boolean; others: boolean; marksOwn: boolean | null }
  sight?: SpegelSight | null
  /** What the counters of this node's Spegel are, one reading after the other. */
  pages?: { hits: number; misses: number; given: null }[]
  heads?: number
  message?: string
}

function site(t: Test, options: SiteOptions = {}) {
  const { mirrors, sight = null, pages, heads = 1_000, message } = options
  const daemon = new MemoryDaemon()
  const store = daemon.store('k8s.io')
  const observed: Pull[] = []
  let heard = () => {}
  const asked: string[] = []
  const page =
    pages === undefined
      ? null
      : async () => {
          const counters = pages.shift() ?? null
          return counters === null ? null : { counters: () => counters }
        }
  const pulls = new ObservedPulls({
    isOwn: ({ repository }) => repository.endsWith('pullpath-canary'),
    mirrorsOf: () => mirrors ?? { targets: 0, resolve: false, others: false, marksOwn: null },
    source: new ObservedSource({
      spegel: () => ({ sight, peers: 2, readPage: page }),
      heads: new PerMinute(heads),
    }),
    kubelet:
      message === undefined
        ? null
        : new KubeletEvents(
            {
              of: async ({ uid }) => {
                asked.push(uid)
                return { events: [{ message, fieldPath: 'spec.containers{app}', at: Date.now() }], failure: null }
              },
            },
            new PerMinute(2),
            0,
          ),
    onPull: (pull) => {
      observed.push(pull)
      heard()
    },
    onFault: (error) => t.fail(String(error)),
    patience: PATIENCE,
  })
  // The timers of what waits for containers do not keep a process alive.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => {
    clearInterval(alive)
    pulls.stop()
  })
  const serve = (reference: string, image = makeCanary({ layers: 1 })) => serveIn(daemon, reference, image)
  const pull = (reference: string, how: OthersPull = {}) => pullByOthers(daemon, reference, how)
  const next = async (count: number) => {
    while (observed.length < count) {
      await new Promise<void>((resolve) => {
        heard = resolve
      })
    }
    return observed.splice(0)
  }
  /** What was observed until one more pull, which is heard of last. */
  const soFar = async () => {
    serve('192.168.1.106/library/last:v1')
    await pull('192.168.1.106/library/last:v1')
    const all: Pull[] = []
    while (!all.some((it) => it.image.includes('last'))) all.push(...(await next(1)))
    daemon.remove('192.168.1.106/library/last:v1')
    return all.filter((it) => !it.image.includes('last'))
  }
  pulls.start(daemon.client())
  return { daemon, store, pulls, serve, pull, next, soFar, asked, observed }
}

t.test('a pull is observed once, by its tag, with all of its bytes', async (t) => {
  const { serve, pull, soFar } = site(t)
  const image = serve(APP)
  const from = Date.now()
  await pull(APP)
  const to = Date.now()
  const [told, ...others] = await soFar()
  t.same(others, [])
  t.match(told, { image: APP, method: 'observed', via: null, bytes: bytesOf(image), failure: null, source: 'unknown' })
  const begin = Date.parse(told?.startedAt ?? '')
  t.ok(begin >= from && begin + (told?.duration ?? 0) * 1000 <= to + 1)
})

t.test('what is there, is imported, or is pulled by Pullpath itself is not observed', async (t) => {
  const { serve, pull, soFar } = site(t)
  serve(APP)
  await pull(APP)
  await soFar()
  await pull(APP)
  serve('192.168.1.106/library/imported:v1')
  await pull('192.168.1.106/library/imported:v1', { isImport: true })
  serve(CANARY)
  await pull(CANARY)
  serve('192.168.1.106/library/measured:v1')
  await pull('192.168.1.106/library/measured:v1', { lease: 'pullpath-1', keepsLease: true })
  t.same(await soFar(), [])
})

t.test('another namespace is of no interest', async (t) => {
  const { daemon, soFar } = site(t)
  daemon.emit({ at: Date.now(), namespace: 'moby', topic: '/images/create', name: APP })
  t.same(await soFar(), [])
})

t.test('what happened while the daemon was away is not counted', async (t) => {
  const { daemon, store, serve, pull, soFar } = site(t)
  serve(APP)
  // It began before the events were lost, and ends after.
  store.leases.set('long', { id: 'long', createdAt: Date.now() - 60_000, labels: new Map() })
  daemon.failure = new PullpathError('PP_DAEMON_UNREACHABLE', 'away')
  await pull(APP)
  // Times are told in milliseconds: it comes back in a later one.
  const pulledAt = Date.now()
  while (Date.now() === pulledAt) await turn()
  daemon.failure = null
  daemon.emit({ at: Date.now(), namespace: 'k8s.io', topic: '/images/update', name: APP })
  t.same(await soFar(), [])
})

t.test(
  'the pod of the next container is named, and the kubelet is asked once a pull, a bounded number of times',
  async (t) => {
    const { daemon, store, serve, pull, next, asked } = site(t, {
      message: `Successfully pulled image "${APP}" in 0s (1s including waiting). Image size: 1 bytes.`,
    })
    const container = (image: string, id: string) => {
      const labels = new Map([
        ['io.kubernetes.pod.namespace', 'shop'],
        ['io.kubernetes.pod.name', 'web-0'],
        ['io.kubernetes.pod.uid', id],
        ['io.kubernetes.container.name', 'app'],
      ])
      store.containers.set(id, { id, labels, image, createdAt: Date.now() })
      daemon.emit({ at: Date.now() + 1, namespace: 'k8s.io', topic: '/containers/create', id, image })
    }
    serve(APP)
    await pull(APP)
    container(APP, 'uid-1')
    const [told] = await next(1)
    t.match(
      told?.phases.find((it) => it.name === 'kubelet'),
      { duration: 0 },
    )
    t.match(told?.evidence.slice(-3), [
      { text: 'the next container made of it is app of the pod shop/web-0' },
      { text: /with waiting: this agrees/ },
      { text: /says that the image has 1 bytes/ },
    ])
    for (let count = 0; count < 20; count++) {
      // A container that starts again and again pulls nothing.
      daemon.emit({ at: Date.now(), namespace: 'k8s.io', topic: '/images/update', name: APP })
      container(APP, 'uid-1')
    }
    for (let count = 0; count < 5; count++) {
      const name = `192.168.1.106/library/many-${count}:v1`
      serve(name)
      await pull(name)
      container(name, `many-${count}`)
    }
    const many = await next(5)
    t.equal(many.length, 5)
    t.equal(asked.length, 2, 'of six pulls, two are asked for: the bound of this test')
    t.equal(many.filter((it) => it.evidence.some(({ text }) => text.includes('too many pulls'))).length, 4)
  },
)

t.test(
  'the source follows from the counters at rest and from who has it afterwards, where they are proof',
  async (t) => {
    const mirrors = { targets: 1, resolve: true, others: false, marksOwn: null }
    const zero = { hits: 5, misses: 5, given: null }
    const all = { hits: 9, misses: 5, given: null }
    const sight = (held: number): SpegelSight => ({
      counters: async () => null,
      holders: async (_, objects) => ({ asked: 2, known: 2, held: new Map(objects.map((it) => [it.digest, held])) }),
    })
    const big = () => makeCanary({ layers: 1, size: 2_000_000 })
    for (const [name, options, image, source] of [
      ['nobody has it: nobody had it', { mirrors, sight: sight(0) }, big(), 'first'],
      ['somebody has it, which says nothing', { mirrors, sight: sight(1) }, big(), 'unknown'],
      ['a small one is not worth asking', { mirrors, sight: sight(0) }, makeCanary({ layers: 1 }), 'unknown'],
      ['no more questions this minute', { mirrors, sight: sight(0), heads: 2 }, big(), 'unknown'],
      ['as many hits as requests', { mirrors, pages: [zero, all] }, big(), 'peer'],
      ['a hit too many', { mirrors, pages: [zero, { ...all, hits: 10 }] }, big(), 'unknown'],
      ['nothing is known', { mirrors }, big(), 'unknown'],
    ] as const) {
      const { serve, pull, next } = site(t, {
        ...options,
        pages: 'pages' in options ? [...options.pages] : undefined,
      } as SiteOptions)
      await turn()
      serve(APP, image)
      await pull(APP)
      const [told] = await next(1)
      t.equal(told?.source, source, `${name}: ${told?.evidence.map((it) => it.text).join('; ')}`)
    }
  },
)

t.test('nothing is told any more once it is stopped', async (t) => {
  const { pulls, serve, pull, observed, daemon } = site(t)
  serve(APP)
  await pull(APP)
  pulls.stop()
  daemon.failure = new PullpathError('PP_DAEMON_UNREACHABLE', 'away')
  daemon.failure = null
  await turn()
  t.same(observed, [])
})
