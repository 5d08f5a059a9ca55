import fc from 'fast-check'
import t from 'tap'
import { homeTags, measuresOrigin } from '../../src/drift/home-tags.ts'
import { type NodeRing, nameAt } from '../../src/drift/node-ring.ts'

function ring(size: number, place: number): NodeRing {
  return { names: Array.from({ length: size }, (_, index) => `node-${index}`), place }
}

t.test('what a node probes is what a neighbour keeps, and never what it keeps itself', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 64 }), fc.nat(), (size, tags, pick) => {
      const place = pick % size
      const { own, probed } = homeTags(ring(size, place), tags)
      if (probed === null) return t.ok(own === null && (size === 1 || tags === 1), 'only where nobody differs')
      t.equal(own, place % tags)
      t.not(probed, own)
      t.ok(probed < tags)
      const neighbours = [place + 1, place - 1].map((it) => Number(nameAt(ring(size, 0), it).slice(5)))
      t.ok(neighbours.some((it) => homeTags(ring(size, it), tags).own === probed))
    }),
  )
})

t.test('around the end of the ring the node before is asked', async (t) => {
  // 9 nodes and 8 tags: the last and the first both keep home-0.
  t.same(homeTags(ring(9, 8), 8), { own: 0, probed: 7 })
  t.same(homeTags(ring(9, 0), 8), { own: 0, probed: 1 })
})

t.test('a few nodes ask the origin in each slot, and each of them once in a while', async (t) => {
  for (const [size, expected] of [
    [1, 1],
    [3, 3],
    [8, 8],
    [9, 5],
    [100, 8],
    [1000, 8],
  ] as const) {
    const turns = Array.from({ length: size }, (_, turn) => turn).filter((turn) => measuresOrigin(turn, size))
    t.equal(turns.length, expected, `${size} nodes`)
    t.ok(turns.includes(0))
  }
})
