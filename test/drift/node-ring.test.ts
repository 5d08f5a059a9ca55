import fc from 'fast-check'
import t from 'tap'
import { nameAt, ringOf } from '../../src/drift/node-ring.ts'

const NAMES = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 50 })

t.test('every node finds the same ring, in whatever order and how often it was told the names', async (t) => {
  fc.assert(
    fc.property(NAMES, fc.nat(), fc.infiniteStream(fc.nat()), (names, pick, order) => {
      const own = names[pick % names.length] as string
      const ring = ringOf(names, own)
      const shuffled = [...names, ...names].map((name) => [order.next().value as number, name] as const)
      const again = ringOf(
        shuffled.sort(([a], [b]) => a - b).map(([, name]) => name),
        own,
      )
      t.same(again, ring)
      if (ring === null) return t.fail('it is one of them')
      t.equal(nameAt(ring, ring.place), own)
      t.equal(new Set(names.map((it) => ringOf(names, it)?.place)).size, names.length, 'a place of its own each')
    }),
  )
})

t.test('a ring goes round', async (t) => {
  const ring = ringOf(['k8s-2', 'k8s-10', 'k8s-1'], 'k8s-1')
  t.same(ring, { names: ['k8s-1', 'k8s-10', 'k8s-2'], place: 0 }, 'by code units, as no locale changes it')
  t.same(
    [-1, 3].map((it) => ring && nameAt(ring, it)),
    ['k8s-2', 'k8s-1'],
  )
})

t.test('a node that is not among the names has no place', async (t) => {
  t.equal(ringOf(['k8s-1'], 'k8s-2'), null)
  t.equal(ringOf([], 'k8s-1'), null)
})
