import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { InTurn, type Turn } from '../../src/pull/in-turn.ts'
import { noFault } from '../fixtures/no-fault.ts'

t.beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  mock.method(performance, 'now', () => now)
  tick = async (milliseconds) => {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      now += 100
      mock.timers.tick(100)
      await nextTurn()
    }
  }
})
t.afterEach(() => mock.reset())

let tick: (milliseconds: number) => Promise<void>

const half = () => 0.5
const turnsOf = (done: string[], keys: string): Turn[] =>
  [...keys].map((key) => ({
    key,
    run: async () => {
      done.push(key)
    },
  }))

t.test('each has its turn every interval, the new ones soon', async (t) => {
  const done: string[] = []
  const inTurn = new InTurn(10_000, noFault, half)
  inTurn.set(turnsOf(done, 'ab'))
  await tick(400)
  t.same(done, [])
  await tick(200)
  t.same(done, ['a', 'b'])
  await tick(9_000)
  inTurn.set(turnsOf(done, 'bc'))
  await tick(600)
  t.same(done, ['a', 'b', 'c'], 'what is new does not wait for the others')
  await tick(600)
  t.same(done, ['a', 'b', 'c', 'b'], 'what was known keeps its time, what is gone has none')
  inTurn.stop()
  await tick(30_000)
  t.equal(done.length, 4)
})

t.test('never two at a time', async (t) => {
  let running = 0
  let most = 0
  const ends: (() => void)[] = []
  const slow = (key: string): Turn => ({
    key,
    run: async () => {
      running++
      most = Math.max(most, running)
      await new Promise<void>((resolve) => ends.push(resolve))
      running--
    },
  })
  const inTurn = new InTurn(1_000, noFault, half)
  inTurn.set(['a', 'b', 'c'].map(slow))
  for (let round = 0; round < 6; round++) {
    await tick(2_000)
    ends.shift()?.()
    await tick(100)
  }
  t.equal(most, 1)
  inTurn.stop()
})

t.test('two nodes that start together do not go on together', async (t) => {
  for (const [random, first, second] of [
    [0, 0, 9_000],
    [1, 1_000, 12_000],
  ] as const) {
    const done: string[] = []
    const inTurn = new InTurn(10_000, noFault, () => random)
    inTurn.set(turnsOf(done, 'a'))
    await tick(first + 100)
    t.equal(done.length, 1)
    await tick(second - first - 300)
    t.equal(done.length, 1)
    await tick(400)
    t.equal(done.length, 2)
    inTurn.stop()
  }
})

t.test('a fault of one turn is told, and all have their next', async (t) => {
  const done: string[] = []
  const told: unknown[] = []
  const fault = new TypeError('a fault')
  const faulty: Turn = {
    key: 'faulty',
    run: async () => {
      done.push('faulty')
      throw fault
    },
  }
  const inTurn = new InTurn(10_000, (error) => told.push(error), half)
  inTurn.set([faulty, ...turnsOf(done, 'a')])
  await tick(600)
  t.same(done, ['faulty', 'a'])
  await tick(10_000)
  t.same(done, ['faulty', 'a', 'faulty', 'a'])
  t.same(told, [fault, fault])
  inTurn.stop()
})
