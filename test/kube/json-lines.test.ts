import fc from 'fast-check'
import t from 'tap'
import { JsonLines } from '../../src/kube/json-lines.ts'

t.test('lines are the same however the bytes are cut', async () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.array(fc.nat(40), { maxLength: 30 }), (values, cuts) => {
      const bytes = Buffer.from(values.map((it) => `${JSON.stringify(it)}\n`).join(''))
      const lines = new JsonLines(1e6)
      const read: unknown[] = []
      let at = 0
      for (const size of [...cuts, bytes.length]) {
        const piece = Buffer.from(bytes.subarray(at, at + size))
        read.push(...lines.push(piece))
        piece.fill(0) // its owner uses it again
        at += size
      }
      return JSON.stringify(read) === JSON.stringify(values)
    }),
  )
})

t.test('an empty line is none', async (t) => {
  t.strictSame(new JsonLines(9).push(Buffer.from('\n{}\r\n\n')), [{}])
})

t.test('a line that is too long is refused before it is there', async (t) => {
  const lines = new JsonLines(10)
  lines.push(Buffer.from('"12345678'))
  t.throws(() => lines.push(Buffer.from('90')), RangeError)
})

t.test('what is no JSON is refused', async (t) => {
  t.throws(() => new JsonLines(10).push(Buffer.from('nope\n')), SyntaxError)
})
