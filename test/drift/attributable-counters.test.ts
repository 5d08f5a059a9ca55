import fc from 'fast-check'
import t from 'tap'
import { attributableCounters } from '../../src/drift/attributable-counters.ts'

const facts = (targets: number, resolve = true) => ({ targets, resolve, others: false, marksOwn: null })
const counters = (hits: number, misses: number) => ({ hits, misses, given: null })

t.test("counters are a pull's where their sum is that of its requests", async (t) => {
  for (const [name, hits, misses, mirrors, isOwn] of [
    ['all hit', 5, 0, facts(1), true],
    ['all missed', 0, 5, facts(1), true],
    ['some of both', 2, 3, facts(1), true],
    ['the tag is not asked of the mirror', 4, 0, facts(1, false), true],
    ['one hit more: of somebody else', 5, 1, facts(1), false],
    ['one miss more', 0, 6, facts(1), false],
    ['one less: not all asked the mirror', 4, 0, facts(1), false],
    ['two targets, all hit at the first', 5, 0, facts(2), true],
    ['two targets, all missed at both', 0, 10, facts(2), true],
    ['two targets, all missed at one', 0, 5, facts(2), false],
    ['two targets, some of both', 2, 6, facts(2), false],
    ['no mirror', 0, 0, facts(0), false],
  ] as const) {
    const given = counters(hits, misses)
    t.equal(attributableCounters(given, mirrors, 4), isOwn ? given : null, name)
  }
  t.equal(attributableCounters(null, facts(1), 4), null)
})

t.test('whatever else is counted meanwhile makes them nobody’s', async () => {
  const some = fc.integer({ min: 0, max: 20 })
  fc.assert(
    fc.property(some, some, some, some, fc.constantFrom(1, 2), (hits, misses, moreHits, moreMisses, targets) => {
      const own = attributableCounters(counters(hits, misses), facts(targets), hits + misses - 1)
      const both = attributableCounters(
        counters(hits + moreHits, misses + moreMisses),
        facts(targets),
        hits + misses - 1,
      )
      // With one target the sum betrays it; with two it does unless none of either hit.
      return moreHits + moreMisses === 0 || targets === 2 || own === null || both === null
    }),
  )
})
