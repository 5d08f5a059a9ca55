import t from 'tap'
import { nodeNames } from '../../src/drift/cluster-members.ts'
import { KubeError, type KubeFailure, type KubeObject, type KubeQuery } from '../../src/kube/kube-api.ts'
import { SpegelEndpoints } from '../../src/kube/spegel-endpoints.ts'
import { endpoint, slicesOf } from './slices.ts'

const HOUR = 3_600_000
const UNREACHABLE: KubeFailure = { reason: 'unreachable', message: 'GET …/endpointslices: connection refused' }

/** An API server that has slices, or fails; and a clock. */
function cluster(
  names: readonly string[] = ['k8s-1', 'k8s-2', 'k8s-3'],
  place = { namespace: 'kube-system', name: 'spegel' },
) {
  const it = {
    names,
    failure: null as Error | null,
    now: Date.UTC(2026, 10, 26),
    asked: [] as { path: string; query: KubeQuery }[],
    told: [] as (string | null)[],
  }
  const api = {
    get: async (path: string, query: KubeQuery = {}): Promise<KubeObject> => {
      it.asked.push({ path, query })
      if (it.failure !== null) throw it.failure
      return { kind: 'EndpointSliceList', items: slicesOf(it.names.map((name) => endpoint(addressOf(name), name))) }
    },
  }
  const endpoints = new SpegelEndpoints(api, {
    place: () => place,
    keep: 3 * HOUR,
    pause: 120_000,
    onFailure: (failure) => it.told.push(failure?.reason ?? null),
    now: () => it.now,
  })
  const read = () => endpoints.read(new AbortController().signal)
  return Object.assign(it, { read })
}

function addressOf(name: string): string {
  const place = Number(name.slice(4))
  return `10.244.${place >> 8}.${place & 255}`
}

t.test('one request reads all of them, of the headless service beside the DaemonSet, wherever that is', async (t) => {
  for (const place of [
    { namespace: 'kube-system', name: 'spegel' },
    { namespace: 'spegel-system', name: 'p2p-spegel' },
  ] as const) {
    const it = cluster(undefined, place)
    const members = await it.read()
    t.same(it.asked, [
      {
        path: `/apis/discovery.k8s.io/v1/namespaces/${place.namespace}/endpointslices`,
        query: { labelSelector: `kubernetes.io/service-name=${place.name}-bootstrap`, resourceVersion: '0' },
      },
    ])
    t.same(members && nodeNames(members), ['k8s-1', 'k8s-2', 'k8s-3'])
    t.match(members, { unnamed: 0, asOf: '2026-11-26T00:00:00.000Z' })
  }
})

t.test('a thousand nodes are one request too', async (t) => {
  const it = cluster(Array.from({ length: 1000 }, (_, place) => `k8s-${place}`))
  const members = await it.read()
  t.equal(members?.pods.length, 1000)
  t.equal(it.asked.length, 1)
})

t.test('whoever asks again within the pause has the same answer', async (t) => {
  const it = cluster()
  await it.read()
  it.now += 119_000
  await it.read()
  t.equal(it.asked.length, 1)
  it.now += 1000
  await it.read()
  t.equal(it.asked.length, 2)
  it.now -= HOUR
  await it.read()
  t.equal(it.asked.length, 3, 'a clock that was set back does not keep it from asking')
})

t.test('what was there a moment ago is still asked, but takes no turn; then it is forgotten', async (t) => {
  const it = cluster()
  await it.read()
  it.names = ['k8s-1', 'k8s-3']
  it.now += HOUR
  const members = await it.read()
  t.same(members && nodeNames(members), ['k8s-1', 'k8s-3'])
  t.match(
    members?.pods.find((pod) => pod.node === 'k8s-2'),
    { address: '10.244.0.2', isGone: true },
  )
  it.now += HOUR
  t.equal((await it.read())?.pods.length, 2)
})

t.test(
  'an API server that is away for an hour changes nothing, and one that is away for long is no longer believed',
  async (t) => {
    const it = cluster()
    await it.read()
    it.failure = new KubeError(UNREACHABLE)
    for (let hour = 1; hour <= 3; hour++) {
      it.now += HOUR
      t.same((await it.read())?.asOf, '2026-11-26T00:00:00.000Z', `${hour} h`)
    }
    it.now += HOUR
    t.equal(await it.read(), null)
    it.failure = null
    it.now += HOUR
    t.equal((await it.read())?.pods.length, 3, 'and it comes back')
    t.same(it.told, ['unreachable', null], 'each change is told once')
  },
)

t.test('without endpoints it says what may be wrong', async (t) => {
  const it = cluster([])
  t.equal(await it.read(), null)
  t.same(it.told, ['not-found'])
})

t.test('a fault of the program is not taken for a failure of the API', async (t) => {
  const it = cluster()
  it.failure = new TypeError('a fault')
  await t.rejects(it.read(), TypeError)
})
