import fc from 'fast-check'
import t from 'tap'
import { formatDuration, parseDuration } from '../../src/config/duration.ts'

const READ: readonly (readonly [string | number, number | null])[] = [
  ['250ms', 250],
  ['5s', 5000],
  ['1m', 60_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['0', 0],
  [0, 0],
  [5, null],
  ['5', null],
  ['', null],
  ['-1s', null],
  ['1 s', null],
  ['1d', null],
  ['1s!', null],
]

t.test('reads lengths of time', async (t) => {
  for (const [text, expected] of READ) t.equal(parseDuration(text), expected, JSON.stringify(text))
})

t.test('what is written is read again', async () => {
  fc.assert(fc.property(fc.nat(), (time) => parseDuration(formatDuration(time)) === time))
})
