import fc from 'fast-check'
import t from 'tap'
import { Settling } from '../../src/watch/settling.ts'

const SETTLE = 250

function settling() {
  return new Settling<string>((a, b) => a === b)
}

t.test('the first value counts after two equal readings', async (t) => {
  const it = settling()
  t.equal(it.offer('a', 0, SETTLE), false)
  t.equal(it.accepted, null)
  t.equal(it.offer('a', 100, SETTLE), false, 'too early')
  t.equal(it.offer('a', 250, SETTLE), true)
  t.same(it.accepted, { value: 'a' })
  t.equal(it.pendingSince, null)
})

t.test('a state between two writes never counts', async (t) => {
  const it = settling()
  it.offer('old', 0, 0)
  it.offer('old', 0, 0)
  t.equal(it.offer('', 1000, SETTLE), false, 'truncated')
  t.equal(it.offer('new', 1100, SETTLE), false)
  t.equal(it.pendingSince, 1100, 'the time runs from the last difference')
  t.equal(it.offer('new', 1250, SETTLE), false)
  t.equal(it.offer('new', 1350, SETTLE), true)
})

t.test('a value that comes back within the time was no change', async (t) => {
  const it = settling()
  it.offer('a', 0, 0)
  it.offer('a', 0, 0)
  it.offer('b', 10, SETTLE)
  t.equal(it.offer('a', 20, SETTLE), false)
  t.equal(it.pendingSince, null)
  t.equal(it.offer('b', 30, SETTLE), false, 'and its time starts anew')
  t.equal(it.offer('b', 270, SETTLE), false)
})

t.test('a value that never rests is taken all the same, in the end', async (t) => {
  const it = settling()
  let time = 0
  let taken = false
  for (; !taken && time < 60_000; time += 100) taken = it.offer(`value ${time}`, time, SETTLE)
  t.ok(taken)
  t.ok(time >= 40 * SETTLE, `at ${time}`)
})

t.test('whatever the readings: what is accepted was read twice, or never rested', async () => {
  const readings = fc.array(
    fc.record({ value: fc.constantFrom('a', 'b', 'c'), wait: fc.integer({ min: 1, max: 400 }) }),
  )
  fc.assert(
    fc.property(readings, (list) => {
      const it = settling()
      const seen: { value: string; time: number }[] = []
      let time = 0
      for (const { value, wait } of list) {
        time += wait
        const isAccepted = it.offer(value, time, SETTLE)
        if (isAccepted && time < 40 * SETTLE) {
          const since = seen.findLastIndex((reading) => reading.value !== value) + 1
          const first = seen[since]
          if (first === undefined || time - first.time < SETTLE) return false
        }
        seen.push({ value, time })
      }
      return true
    }),
  )
})
