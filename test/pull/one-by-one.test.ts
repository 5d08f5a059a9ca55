import t from 'tap'
import { OneByOne } from '../../src/pull/one-by-one.ts'
import { noFault } from '../fixtures/no-fault.ts'

/** A task that is done when the test says so, and tells when it begins. */
function controlled() {
  let begun = 0
  let most = 0
  let running = 0
  let done = () => {}
  let onBegin = () => {}
  return {
    task: () => {
      begun += 1
      running += 1
      most = Math.max(most, running)
      onBegin()
      return new Promise<void>((resolve) => {
        done = () => {
          running -= 1
          resolve()
        }
      })
    },
    begins: () => new Promise<void>((resolve) => (onBegin = resolve)),
    end: () => done(),
    counts: () => ({ begun, most }),
  }
}

t.test('nothing is done before it is asked for', async (t) => {
  const it = controlled()
  const rounds = new OneByOne(it.task, { interval: 1, pause: 0 }, noFault)
  t.teardown(() => rounds.stop())
  const begins = it.begins()
  rounds.request()
  await begins
  t.same(it.counts(), { begun: 1, most: 1 })
  it.end()
})

t.test('it is done again by itself after the interval', async (t) => {
  const it = controlled()
  const rounds = new OneByOne(it.task, { interval: 5, pause: 0 }, noFault)
  t.teardown(() => rounds.stop())
  for (let round = 1; round <= 3; round++) {
    const begins = it.begins()
    if (round === 1) rounds.request()
    await begins
    it.end()
  }
  t.same(it.counts(), { begun: 3, most: 1 })
})

t.test('what is asked for meanwhile is done once more, and never at the same time', async (t) => {
  const it = controlled()
  const rounds = new OneByOne(it.task, { interval: 0, pause: 1 }, noFault)
  t.teardown(() => rounds.stop())
  const first = it.begins()
  rounds.request()
  await first
  const second = it.begins()
  for (let count = 0; count < 5; count++) rounds.request()
  t.same(it.counts(), { begun: 1, most: 1 })
  it.end()
  await second
  it.end()
  t.same(it.counts(), { begun: 2, most: 1 })
})

t.test('once it is stopped nothing begins any more', async (t) => {
  const it = controlled()
  const rounds = new OneByOne(it.task, { interval: 1, pause: 0 }, noFault)
  const begins = it.begins()
  rounds.request()
  await begins
  rounds.stop()
  rounds.request()
  it.end()
  await new Promise<void>((resolve) => setTimeout(resolve, 5))
  t.same(it.counts(), { begun: 1, most: 1 })
})

t.test('a fault of one round is told, and the next one comes', async (t) => {
  const fault = new TypeError('a fault')
  const told: unknown[] = []
  const third = Promise.withResolvers<void>()
  let round = 0
  const task = async () => {
    round += 1
    if (round === 3) third.resolve()
    else throw fault
  }
  const rounds = new OneByOne(task, { interval: 1, pause: 0 }, (error) => told.push(error))
  t.teardown(() => rounds.stop())
  rounds.request()
  await third.promise
  t.same(told, [fault, fault])
})
