import fc from 'fast-check'
import t from 'tap'
import {
  nodeOfTurn,
  slotAbandonment,
  slotAt,
  slotStart,
  slotTag,
  slotTimes,
  turnOf,
  turnTime,
} from '../../src/drift/canary-slot.ts'
import { type NodeRing, ringOf } from '../../src/drift/node-ring.ts'

const HOUR = 3_600_000
const INTERVAL = fc.integer({ min: 10_000, max: 24 * HOUR })
const SLOT = fc.integer({ min: 0, max: 1_000_000_000 })
const SIZE = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(1000))

function cluster(size: number): readonly NodeRing[] {
  const { names } = ringOf(
    Array.from({ length: size }, (_, index) => `node-${index}`),
    'node-0',
  ) as NodeRing
  return names.map((_, place) => ({ names, place }))
}

t.test(
  'of nodes that know the same names exactly one is first in a slot, and each has a turn of its own',
  async (t) => {
    fc.assert(
      fc.property(SLOT, SIZE, (slot, size) => {
        const rings = cluster(size)
        const turns = rings.map((ring) => turnOf(slot, ring))
        t.same(
          turns.toSorted((a, b) => a - b),
          Array.from({ length: size }, (_, turn) => turn),
        )
        t.ok(rings.every((ring, index) => nodeOfTurn(slot, turns[index] ?? -1, ring) === ring.names[ring.place]))
      }),
      { numRuns: 60 },
    )
  },
)

t.test('each node is first in its turn: once in as many slots as there are nodes', async (t) => {
  fc.assert(
    fc.property(SLOT, SIZE, (slot, size) => {
      const [ring] = cluster(size)
      const firsts = Array.from({ length: size }, (_, index) => ring && nodeOfTurn(slot + index, 0, ring))
      t.equal(new Set(firsts).size, size)
    }),
    { numRuns: 60 },
  )
})

t.test('where nodes know different names there may be two firsts in a slot, or none', async (t) => {
  const names = ['a', 'b', 'c', 'd']
  // A node has joined, and b has not heard of it.
  const known = (name: string) => (name === 'b' ? names.slice(0, 3) : names)
  const firsts = Array.from({ length: 12 }, (_, slot) =>
    names.filter((name) => turnOf(slot, ringOf(known(name), name) as NodeRing) === 0).join(''),
  )
  t.same(firsts, ['a', 'b', 'c', 'd', 'ab', '', 'c', 'bd', 'a', '', 'bc', 'd'])
})

t.test('the slots of a day follow each other without a gap', async (t) => {
  const midnight = Date.UTC(2026, 10, 26)
  const slots = Array.from({ length: 24 }, (_, hour) => slotAt(midnight + hour * HOUR, HOUR))
  for (const [index, slot] of slots.entries()) {
    t.equal(slotStart(slot, HOUR), midnight + index * HOUR)
    t.equal(slotAt(slotStart(slot, HOUR) + HOUR - 1, HOUR), slot)
    t.equal(slotTag(slot + 1, 8), (slotTag(slot, 8) + 1) % 8)
  }
  t.equal(new Set(slots.map((it) => slotTag(it, 8))).size, 8)
  fc.assert(
    fc.property(fc.nat(4e12), INTERVAL, (now, interval) => {
      const start = slotStart(slotAt(now, interval), interval)
      t.ok(start <= now && now < start + interval)
    }),
  )
})

t.test('the first has time to itself, the others follow in order, and half of the slot is left', async (t) => {
  fc.assert(
    fc.property(INTERVAL, fc.integer({ min: 1, max: 1000 }), (interval, size) => {
      const { first, others, end } = slotTimes(interval)
      t.ok(0 < first && first < others && others < end && end <= interval / 2)
      const times = Array.from({ length: size }, (_, turn) => turnTime(turn, size, interval))
      t.equal(times[0], first)
      t.ok(times.every((it, turn) => it < end && (turn === 0 || it >= others)))
      t.ok(times.every((it, turn) => turn === 0 || it > (times[turn - 1] ?? 0)))
    }),
    { numRuns: 60 },
  )
})

t.test(
  'with an hour clocks may differ by a minute: all have dropped, and none of the others comes before the first',
  async (t) => {
    const { first, others, patience } = slotTimes(HOUR)
    t.ok(first >= 60_000, 'whoever is 30 s behind has dropped when whoever is 30 s ahead pulls')
    t.ok(others - first - 60_000 - patience >= 60_000, 'a first that is late and behind still has a minute')
  },
)

t.test('a thousand nodes do not ask at once', async (t) => {
  const times = Array.from({ length: 1000 }, (_, turn) => turnTime(turn, 1000, HOUR))
  const within = (from: number) => times.filter((it) => it >= from && it < from + 10_000).length
  t.ok(Math.max(...times.map(within)) <= 7, 'at most 7 begin within 10 s')
})

t.test('what makes a node leave a slot out', async (t) => {
  const slot = 500_000
  const start = slotStart(slot, HOUR)
  const due = start + turnTime(3, 10, HOUR)
  for (const [what, now, expected] of [
    ['in time', due, null],
    ['as late as it may be', due + slotTimes(HOUR).patience, null],
    ['started in the middle of the slot', due + slotTimes(HOUR).patience + 1, 'late'],
    ['suspended until the next slot', start + HOUR, 'passed-over'],
    ['the clock was set back', start - 1, 'clock-set-back'],
  ] as const) {
    t.equal(slotAbandonment(slot, due, now, HOUR), expected, what)
  }
})
