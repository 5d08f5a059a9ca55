import fc from 'fast-check'
import t from 'tap'
import { parsePulledMessage } from '../../src/drift/pulled-message.ts'
import { parseGoDuration } from '../../src/format/go-duration.ts'
import { PULLED_MESSAGES } from '../fixtures/pulled-messages.ts'

t.test('the messages of the releases are read, and nothing else is taken for a pull', async (t) => {
  for (const { kubelet, message, told } of PULLED_MESSAGES)
    t.same(parsePulledMessage(message), told, `${kubelet}: ${message}`)
})

/** As Go writes a duration in milliseconds (time.Duration.String), after kubelet's Truncate(time.Millisecond). */
function goText(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  if (milliseconds < 1000) return `${milliseconds}ms`
  const [hours, minutes] = [Math.floor(milliseconds / 3_600_000), Math.floor(milliseconds / 60_000) % 60]
  const seconds = `${(milliseconds % 60_000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

t.test('whatever duration Go writes is read as the same', async (t) => {
  const duration = fc.integer({ min: 0, max: 400 * 3_600_000 })
  fc.assert(
    fc.property(duration, duration, fc.maxSafeNat(), fc.boolean(), (pull, waiting, bytes, isCombined) => {
      const message = `${isCombined ? '(combined from similar events): ' : ''}Successfully pulled image "app:v1" in ${goText(pull)} (${goText(pull + waiting)} including waiting). Image size: ${bytes} bytes.`
      const told = parsePulledMessage(message)
      const isSame = (a: number, b: number) => Math.abs(a - b) < 1e-6
      return (
        told !== null &&
        isSame(told.pull, pull / 1000) &&
        isSame(told.withWaiting ?? -1, (pull + waiting) / 1000) &&
        told.bytes === bytes
      )
    }),
  )
  t.equal(goText(62_003), '1m2.003s')
})

t.test('a duration of nanoseconds, with every unit of Go, is read to the nanosecond', async () => {
  const part = (max: number) => fc.integer({ min: 0, max })
  fc.assert(
    fc.property(part(200), part(59), part(59), part(999), part(999), part(999), (h, m, s, ms, us, ns) => {
      const expected = h * 3_600_000 + m * 60_000 + s * 1000 + ms + us / 1e3 + ns / 1e6
      const texts = ['µs', 'μs', 'us'].map((micro) => `${h}h${m}m${s}s${ms}ms${us}${micro}${ns}ns`)
      return texts.every((text) => Math.abs((parseGoDuration(text) ?? -1) - expected) < 1e-6)
    }),
  )
})

t.test('no text makes it fail', async () => {
  const near = fc.array(
    fc.constantFrom(
      'Successfully pulled image "',
      '" in ',
      '1s',
      ' (',
      ' including waiting)',
      '. Image size: ',
      ' bytes.',
      '9'.repeat(40),
    ),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        near.map((it) => it.join('')),
      ),
      (text) => {
        const told = parsePulledMessage(text)
        return told === null || (told.pull >= 0 && Number.isFinite(told.pull) && (told.bytes ?? 0) >= 0)
      },
    ),
  )
})
