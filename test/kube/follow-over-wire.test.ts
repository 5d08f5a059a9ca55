import t, { type Test } from 'tap'
import { Heard, startCluster, type TestCluster } from './cluster.ts'
import { VirtualClock } from './virtual-clock.ts'

const PODS = '/api/v1/namespaces/kube-system/pods'
const MINUTE = 60_000
const pod = (name: string) => ({ metadata: { name, namespace: 'kube-system' }, spec: { nodeName: 'node-a' } })
/** The deadlines of requests; any other wait below a minute is a pause of the backoff. */
const isPause = (ms: number) => ms < MINUTE && ms !== 30_000
const isWatch = ({ verb }: { verb: string }) => verb === 'watch'

/** A pod that follows the pods, on a clock that stands still. */
async function following(
  t: Test,
): Promise<TestCluster & { clock: VirtualClock; heard: Heard; watches(count: number): Promise<void> }> {
  const clock = new VirtualClock()
  const cluster = await startCluster(t, { clock })
  cluster.server.put('pods', pod('a'))
  const heard = new Heard().follow(t, cluster.api, PODS)
  const watches = async (count: number) => {
    await cluster.server.journal.reaches(count, isWatch)
    // The watch's own end: its head has come.
    await clock.waits((ms) => ms > 3_000_000)
  }
  await watches(1)
  // A watch that breaks at once would be a fault of its own.
  await clock.pass(MINUTE)
  return { ...cluster, clock, heard, watches }
}

async function again(clock: VirtualClock): Promise<void> {
  await clock.pass(await clock.waits(isPause))
}

t.test('a watch that ends, or breaks, goes on where it was and misses nothing', async (t) => {
  const { server, clock, heard, watches } = await following(t)
  for (const [count, interrupt] of [
    [2, () => server.endWatches()],
    [3, () => server.cut()],
  ] as const) {
    interrupt()
    await clock.waits(isPause)
    server.put('pods', pod(`while-away-${count}`))
    await again(clock)
    await watches(count)
    await heard.until((it) => it.objects?.size === count)
    await clock.pass(MINUTE)
  }
  t.strictSame(heard.names(), ['a', 'while-away-2', 'while-away-3'])
  t.equal(
    server.journal.count(({ verb }) => verb === 'list'),
    1,
  )
  t.ok(heard.states.every((it) => it.failure === null))
})

t.test('an API server that refuses connections for an hour', async (t) => {
  const { server, clock, heard, watches } = await following(t)
  const asOf = new Date(clock.now()).toISOString()
  await server.refuse()
  for (const end = clock.now() + 60 * MINUTE; clock.now() < end; ) await again(clock)
  t.match(heard.last, { asOf, failure: { reason: 'unreachable', message: /ECONNREFUSED/ } })
  t.strictSame(heard.names(), ['a'])
  server.put('pods', pod('b'))
  await server.accept()
  await again(clock)
  await watches(2)
  await heard.until((it) => it.failure === null && it.objects?.size === 2)
  t.strictSame(heard.names(), ['a', 'b'])
})

t.test('a resource version that was compacted away means another list, however it is said', async (t) => {
  for (const how of ['event', 'status'] as const) {
    const { server, clock, heard, watches } = await following(t)
    server.cut()
    await clock.waits(isPause)
    server.remove('pods', 'kube-system', 'a')
    server.put('pods', pod('b'))
    server.store.compact()
    if (how === 'status') server.faults.add({ fault: { kind: 'status', code: 410 }, verb: 'watch', times: 1 })
    await again(clock)
    await server.journal.reaches(2, isWatch)
    await again(clock)
    await watches(3)
    await heard.until((it) => it.objects?.size === 1 && !heard.names().includes('a'))
    t.strictSame(heard.names(), ['b'], how)
    t.match(server.journal.entries.at(-2), { verb: 'list', query: { limit: '500' } }, 'the newest, not the cache')
    t.ok(heard.states.every((it) => it.failure === null))
  }
})

t.test('lines that are none end a watch, and it is made again', async (t) => {
  for (const text of [
    '<html>',
    '[]',
    '{"type":"ADDED","object":null}',
    '{"type":"NEW","object":{"metadata":{"resourceVersion":"1"}}}',
  ]) {
    const { server, clock, heard, watches } = await following(t)
    server.faults.add({ fault: { kind: 'line', text }, verb: 'watch', times: 1 })
    server.endWatches()
    await again(clock)
    await server.journal.reaches(2, isWatch)
    await again(clock)
    await watches(3)
    t.strictSame(heard.names(), ['a'], text)
  }
})

t.test('a watch that brought bookmarks and brings nothing for five minutes is given up', async (t) => {
  const { server, clock, watches } = await following(t)
  for (const watch of server.watches) watch.bookmark()
  await clock.waits((ms) => ms === 5 * MINUTE)
  await clock.pass(5 * MINUTE)
  await again(clock)
  await watches(2)
  t.equal(server.journal.count(isWatch), 2)
})

t.test('a watch that never brought any is given up soon after its end', async (t) => {
  const { server, clock, watches } = await following(t)
  await clock.pass(49 * MINUTE)
  t.equal(server.journal.count(isWatch), 1)
  await clock.pass((await clock.waits((ms) => ms > 3_000_000)) - 50 * MINUTE)
  await again(clock)
  await watches(2)
})

t.test('a list that is not answered is given up, and told', async (t) => {
  const clock = new VirtualClock()
  const { server, api } = await startCluster(t, { clock })
  server.faults.add({ fault: { kind: 'hang' } })
  const heard = new Heard().follow(t, api, PODS)
  await server.journal.reaches(1)
  await clock.pass(30_000)
  const { failure } = await heard.until((it) => it.failure !== null)
  t.match(failure, { reason: 'timeout', message: /no answer within 30 s$/ })
})

t.test('whoever is asked to come later comes later', async (t) => {
  const { server, clock, watches } = await following(t)
  server.faults.add({ fault: { kind: 'status', code: 429, retryAfter: 50 }, verb: 'watch', times: 1 })
  server.endWatches()
  await again(clock)
  await server.journal.reaches(2, isWatch)
  const asked = await clock.waits((ms) => ms < 2 * MINUTE && ms !== 30_000)
  t.ok(asked >= 50_000)
  await clock.pass(asked)
  await watches(3)
})

t.test('a right that is missing is told in the words of the API server', async (t) => {
  const { server, api } = await startCluster(t, { rules: [] })
  const heard = new Heard().follow(t, api, '/api/v1/pods', { fieldSelector: 'spec.nodeName=node-a' })
  const { failure, objects } = await heard.until((it) => it.failure !== null)
  t.equal(objects, null)
  t.match(failure, {
    reason: 'forbidden',
    message: /cannot list resource "pods" in API group "" at the cluster scope$/,
  })
  t.equal(server.journal.entries.length, 1)
})

t.test('a storm of 10,000 Events elsewhere brings not one byte to this node', async (t) => {
  const { server, api } = await startCluster(t)
  const event = (name: string, node: string) => ({
    metadata: { name, namespace: 'default' },
    involvedObject: { kind: 'Node', name: node },
    reason: 'Pulled',
    type: 'Normal',
  })
  const selector = { fieldSelector: 'involvedObject.name=node-a,reason=Pulled' }
  const heard = new Heard().follow(t, api, '/api/v1/events', selector)
  await heard.until((it) => it.objects !== null)
  await server.journal.reaches(1, isWatch)
  while (server.watches.size === 0) await new Promise(setImmediate)
  const before = server.bytesSent
  for (let number = 0; number < 10_000; number++) server.put('events', event(`storm-${number}`, `node-${number + 1}`))
  // What is written is sent in the event loop's next phase.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  t.equal(server.bytesSent, before)
  server.put('events', event('mine', 'node-a'))
  await heard.until((it) => it.objects?.size === 1)
  t.strictSame(heard.names(), ['mine'])
  t.equal(heard.states.length, 2)
  t.equal(server.journal.entries.length, 2)
})
