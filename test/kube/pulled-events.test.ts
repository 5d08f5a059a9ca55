import t from 'tap'
import { KubeError, type KubeObject, type KubeQuery } from '../../src/kube/kube-api.ts'
import { pulledEvents } from '../../src/kube/pulled-events.ts'
import { startCluster } from './cluster.ts'

function apiOf(answer: () => KubeObject) {
  const asked: { path: string; query: KubeQuery | undefined }[] = []
  return {
    asked,
    get: async (path: string, query?: KubeQuery) => {
      asked.push({ path, query })
      return answer()
    },
  }
}

const POD = { namespace: 'shop', uid: '0b5a7e0a-7a8c-4c0c-9c9b-0c7e3c2f2a11' }
const signal = new AbortController().signal

/** As the API server lists them (core/v1). */
function eventOf(more: object): object {
  return {
    metadata: { name: 'web-0.1234', namespace: 'shop' },
    involvedObject: { kind: 'Pod', name: 'web-0', uid: POD.uid, fieldPath: 'spec.containers{app}' },
    reason: 'Pulled',
    message: 'Successfully pulled image "app:v1" in 1s (1s including waiting). Image size: 1 bytes.',
    source: { component: 'kubelet', host: 'node-1' },
    firstTimestamp: '2026-11-25T04:00:00Z',
    lastTimestamp: '2026-11-25T04:00:00Z',
    count: 1,
    eventTime: null,
    ...more,
  }
}

t.test('one request asks for the events of one pod, by field selector', async (t) => {
  const api = apiOf(() => ({ items: [eventOf({})] }))
  const { events, failure } = await pulledEvents(api).of(POD, signal)
  t.equal(failure, null)
  t.match(events, [
    { fieldPath: 'spec.containers{app}', at: Date.UTC(2026, 10, 25, 4), message: /^Successfully pulled/ },
  ])
  t.same(api.asked, [
    {
      path: '/api/v1/namespaces/shop/events',
      query: { fieldSelector: `involvedObject.uid=${POD.uid},reason=Pulled` },
    },
  ])
})

t.test('the time is that of the last of many', async (t) => {
  for (const [more, at] of [
    [{ count: 12, lastTimestamp: '2026-11-25T04:05:00Z' }, Date.UTC(2026, 10, 25, 4, 5)],
    [{ lastTimestamp: null, eventTime: '2026-11-25T04:01:00.250000Z' }, Date.UTC(2026, 10, 25, 4, 1, 0, 250)],
    [
      { lastTimestamp: null, eventTime: '2026-11-25T04:01:00Z', series: { lastObservedTime: '2026-11-25T04:02:00Z' } },
      Date.UTC(2026, 10, 25, 4, 2),
    ],
    [{ lastTimestamp: null }, null],
  ] as const) {
    const { events } = await pulledEvents(apiOf(() => ({ items: [eventOf(more)] }))).of(POD, signal)
    t.equal(events[0]?.at, at)
  }
})

t.test('what is no such event is passed over', async (t) => {
  const items = [
    null,
    'event',
    {},
    eventOf({ message: 3 }),
    eventOf({ reason: 'Created' }),
    eventOf({ involvedObject: null }),
  ]
  t.match((await pulledEvents(apiOf(() => ({ items }))).of(POD, signal)).events, [{ fieldPath: '' }])
  t.same(await pulledEvents(apiOf(() => ({}))).of(POD, signal), { events: [], failure: null })
})

t.test('a refusal of the API server is a part of the answer, any other error is not', async (t) => {
  const refused = apiOf(() => {
    throw new KubeError({ reason: 'forbidden', message: 'GET /api/v1/namespaces/shop/events: 403' })
  })
  t.same(await pulledEvents(refused).of(POD, signal), {
    events: [],
    failure: 'GET /api/v1/namespaces/shop/events: 403',
  })
  const broken = apiOf(() => {
    throw new TypeError('a fault')
  })
  await t.rejects(pulledEvents(broken).of(POD, signal), TypeError)
})

t.test('client-node and an API server on the wire: the events of this pod, and no storm of others', async (t) => {
  const { server, api } = await startCluster(t)
  const put = (name: string, uid: string, more: object = {}) => {
    const involvedObject = { kind: 'Pod', name: 'web-0', namespace: 'shop', uid, fieldPath: 'spec.containers{app}' }
    const metadata = { name, namespace: 'shop' }
    server.put('events', {
      apiVersion: 'v1',
      kind: 'Event',
      ...eventOf({ involvedObject, metadata, ...more }),
    } as never)
  }
  for (let index = 0; index < 500; index++) put(`other-${index}`, `other-${index}`)
  put('created', POD.uid, { reason: 'Created', message: 'Created container: app' })
  put('pulled', POD.uid)
  const { events, failure } = await pulledEvents(api).of(POD, signal)
  t.equal(failure, null)
  t.equal(events.length, 1)
  t.match(events, [{ fieldPath: 'spec.containers{app}', at: Date.UTC(2026, 10, 25, 4) }])
  t.match(server.journal.entries, [{ verb: 'list' }])
  t.equal(server.journal.entries.length, 1)
  await server.stop()
  t.match(await pulledEvents(api).of(POD, signal), { events: [], failure: String })
})
