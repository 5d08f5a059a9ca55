import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Follower } from '../../src/kube/follower.ts'
import type { FollowedObjects, KubeFailureReason, KubeObject } from '../../src/kube/kube-api.ts'
import { fails, ScriptedCollection } from './scripted-collection.ts'
import { VirtualClock } from './virtual-clock.ts'

const HOUR = 3600_000
const HALF_AN_HOUR = HOUR / 2
const object = (uid: string, more = {}): KubeObject => ({ metadata: { uid, name: uid, ...more } })

async function followed(t: Test, collection = new ScriptedCollection()) {
  const clock = new VirtualClock()
  const states: FollowedObjects[] = []
  const follower = new Follower(collection, clock, (state) => states.push(state)).start()
  t.teardown(() => follower.stop())
  await clock.pass(0)
  return { clock, collection, states, follower, last: () => states.at(-1) }
}

t.test('a watch that ends goes on where it was, without another list', async (t) => {
  const { clock, collection, states } = await followed(t)
  await clock.pass(0.9 * HOUR)
  collection.tell({ type: 'at', version: '40' })
  collection.end()
  await clock.pass(2_000)
  t.strictSame(collection.asked, ['list 0', 'watch 1', 'watch 40'])
  t.equal(states.length, 1, 'nothing is told that is no news')
})

t.test('events change what is known, and what was told before stays as it was', async (t) => {
  const collection = new ScriptedCollection()
  collection.listed = { objects: [object('a')], version: '5' }
  const { states } = await followed(t, collection)
  collection.tell(
    { type: 'put', object: object('b'), version: '6' },
    { type: 'gone', object: object('a'), version: '7' },
  )
  t.strictSame(
    states.map((it) => [...(it.objects?.keys() ?? [])]),
    [['a'], ['b']],
  )
})

t.test('a resource version that is gone means another list, of the newest', async (t) => {
  const { clock, collection } = await followed(t)
  await clock.pass(60_000)
  collection.listed = { objects: [object('a')], version: '90' }
  collection.break(fails('gone'))
  await clock.pass(2_000)
  t.strictSame(collection.asked, ['list 0', 'watch 1', 'list', 'watch 90'])
})

t.test(
  'an API server that is away for an hour: what is known is kept, its age is told, and it is soon back',
  async (t) => {
    const collection = new ScriptedCollection()
    collection.listed = { objects: [object('a')], version: '5' }
    const { clock, states, last } = await followed(t, collection)
    await clock.pass(600_000)
    collection.tell({ type: 'at', version: '8' })
    const asOf = new Date(clock.now()).toISOString()
    collection.failure = fails('unreachable')
    collection.break(fails('unreachable'))
    await clock.pass(HOUR)
    t.match(last(), { objects: new Map([['a', object('a')]]), asOf, failure: { reason: 'unreachable' } })
    t.equal(states.length, 2, 'a failure that stays the same is told once')
    t.ok(collection.asked.length < 90, `${collection.asked.length} attempts`)
    collection.failure = null
    const away = collection.asked.length
    await clock.pass(60_000)
    t.strictSame(collection.asked.slice(away), ['watch 8'])
    t.match(last(), { failure: null, objects: new Map([['a', object('a')]]) })
  },
)

t.test('a connection that breaks once and is had again is nothing to tell', async (t) => {
  const { clock, collection, states } = await followed(t)
  await clock.pass(HOUR / 2)
  collection.break(fails('unreachable'))
  await clock.pass(2_000)
  t.equal(collection.asked.length, 3)
  t.equal(states.length, 1)
})

t.test('watches that break again and again are told, and not asked for ever faster', async (t) => {
  const { clock, collection, last } = await followed(t)
  collection.break(fails('malformed'))
  await clock.pass(1_000)
  collection.break(fails('malformed'))
  await clock.pass(0)
  t.equal(last()?.failure?.reason, 'malformed')
  for (let second = 0; second < 3600; second++) {
    collection.break(fails('malformed'))
    await clock.pass(1_000)
  }
  t.ok(collection.asked.length < 30, `${collection.asked.length} in an hour`)
})

t.test('a denial for a day costs little, and is told', async (t) => {
  for (const reason of ['forbidden', 'not-found'] as const) {
    const collection = new ScriptedCollection()
    collection.failure = fails(reason)
    const { clock, states, last } = await followed(t, collection)
    await clock.pass(24 * HOUR)
    t.ok(collection.asked.length <= 24 * 6, `${reason}: ${collection.asked.length} in a day`)
    t.match(states, [{ objects: null, asOf: null, failure: { reason } }])
    collection.failure = null
    await clock.pass(HALF_AN_HOUR)
    t.match(last(), { failure: null })
  }
})

t.test('a pause that is asked for is kept', async (t) => {
  const collection = new ScriptedCollection()
  collection.watchFailure = fails('throttled', 120_000)
  const { clock } = await followed(t, collection)
  await clock.pass(119_000)
  t.equal(collection.asked.length, 2)
  await clock.pass(30_000)
  t.equal(collection.asked.length, 3)
})

t.test('an idle hour costs two requests at most, after the first list', async (t) => {
  const { clock, collection } = await followed(t)
  for (let minute = 0; minute < 24 * 60; minute++) {
    if (minute % 55 === 54) collection.end()
    await clock.pass(60_000)
  }
  t.ok(collection.asked.length <= 2 * 24, `${collection.asked.length} in a day`)
})

t.test('nothing is heard after it is stopped', async (t) => {
  const { clock, collection, states, follower } = await followed(t)
  follower.stop()
  collection.tell({ type: 'put', object: object('a'), version: '9' })
  await clock.pass(HOUR)
  t.equal(states.length, 1)
  t.equal(collection.asked.length, 2)
})

t.test(
  'whatever happens in whatever order, it follows again within half an hour, and knows what there is',
  async () => {
    const reason = fc.constantFrom<KubeFailureReason>(
      'unreachable',
      'gone',
      'forbidden',
      'throttled',
      'server',
      'malformed',
      'tls',
      'unauthorized',
    )
    const step = fc.oneof(
      fc.record({ does: fc.constant('fail' as const), reason, ms: fc.nat(HOUR) }),
      fc.record({ does: fc.constant('break' as const), reason, ms: fc.nat(HOUR) }),
      fc.record({ does: fc.constant('end' as const), ms: fc.nat(HOUR) }),
      fc.record({ does: fc.constant('tell' as const), uid: fc.constantFrom('a', 'b', 'c'), ms: fc.nat(HOUR) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const collection = new ScriptedCollection()
        const clock = new VirtualClock()
        const states: FollowedObjects[] = []
        const follower = new Follower(collection, clock, (state) => states.push(state)).start()
        const started = clock.now()
        await clock.pass(0)
        for (const step of steps) {
          if (step.does === 'fail') collection.failure = fails(step.reason)
          if (step.does === 'break') collection.break(fails(step.reason))
          if (step.does === 'end') collection.end()
          if (step.does === 'tell') collection.tell({ type: 'put', object: object(step.uid), version: '2' })
          await clock.pass(step.ms)
        }
        const hours = (clock.now() - started) / HOUR
        const isCheap = collection.asked.length <= 20 + hours * 130
        collection.failure = null
        collection.listed = { objects: [object('z')], version: '99' }
        await clock.pass(HALF_AN_HOUR)
        collection.break(fails('gone'))
        await clock.pass(HALF_AN_HOUR)
        follower.stop()
        const last = states.at(-1)
        return isCheap && last?.failure === null && [...(last.objects?.keys() ?? [])].join() === 'z'
      }),
      { numRuns: 60 },
    )
  },
)
