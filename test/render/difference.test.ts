import fc from 'fast-check'
import t from 'tap'
import { differenceOf } from '../../src/render/difference.ts'

const URLS = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 8 })

t.test('both lists can be read back from the difference', async () => {
  fc.assert(
    fc.property(URLS, URLS, (expected, observed) => {
      const lines = differenceOf(expected, observed)
      const side = (sign: string) => lines.filter((it) => it.sign === ' ' || it.sign === sign).map((it) => it.text)
      return side('-').join() === expected.join() && side('+').join() === observed.join()
    }),
  )
})

t.test('what is common is not told twice', async (t) => {
  t.same(differenceOf(['p1', 'p2', 'origin'], ['origin', 'default']), [
    { sign: '-', text: 'p1' },
    { sign: '-', text: 'p2' },
    { sign: ' ', text: 'origin' },
    { sign: '+', text: 'default' },
  ])
})
