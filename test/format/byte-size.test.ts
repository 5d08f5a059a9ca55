import fc from 'fast-check'
import t from 'tap'
import { formatByteSize, parseByteSize } from '../../src/format/byte-size.ts'

t.test('sizes are read with their unit, and nothing else is', async (t) => {
  const table: [text: string, bytes: number | null][] = [
    ['0KiB', 0],
    ['256KiB', 262_144],
    ['16MiB', 16_777_216],
    ['4GiB', 4_294_967_296],
    ...[
      '',
      '16',
      '16MB',
      '16 MiB',
      '16mib',
      '1.5MiB',
      '-1MiB',
      '+1MiB',
      '0x1MiB',
      '1e3KiB',
      ' 1MiB',
      '1MiB\n',
      'MiB',
    ].map((it): [string, null] => [it, null]),
    [`${'9'.repeat(13)}KiB`, null],
  ]
  for (const [text, bytes] of table) t.equal(parseByteSize(text), bytes, JSON.stringify(text))
})

t.test('sizes are shown in the largest unit of which there is one', async (t) => {
  const table: [bytes: number, text: string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [16_777_216, '16 MiB'],
    [4_294_967_296, '4 GiB'],
    [2 ** 50, '1048576 GiB'],
  ]
  for (const [bytes, text] of table) t.equal(formatByteSize(bytes), text)
})

t.test('a whole number of units is shown as it was written', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1023 }), fc.constantFrom('KiB', 'MiB', 'GiB'), (amount, unit) => {
      t.equal(formatByteSize(parseByteSize(`${amount}${unit}`) ?? -1), `${amount} ${unit}`)
    }),
  )
})
