import fc from 'fast-check'
import t from 'tap'
import { backoff } from '../../src/kube/backoff.ts'
import type { KubeFailureReason } from '../../src/kube/kube-api.ts'

const REASONS: KubeFailureReason[] = [
  'unreachable',
  'timeout',
  'tls',
  'unauthorized',
  'forbidden',
  'not-found',
  'conflict',
  'gone',
  'throttled',
  'refused',
  'server',
  'malformed',
]
const reason = fc.constantFrom(...REASONS)
const failures = fc.integer({ min: 1, max: 10_000 })
const random = fc.double({ min: 0, max: 0.999_999, noNaN: true })

t.test('a pause is finite, half a second at least, and half an hour at most', async () => {
  fc.assert(
    fc.property(reason, failures, random, (reason, failures, random) => {
      const ms = backoff(reason, failures, null, random)
      return ms >= 500 && ms <= 1_800_000
    }),
  )
})

t.test('a pause never gets shorter with more failures', async () => {
  fc.assert(
    fc.property(reason, failures, random, (reason, failures, random) => {
      return backoff(reason, failures + 1, null, random) >= backoff(reason, failures, null, random)
    }),
  )
})

t.test('a pause that the API server asked for is not cut short, up to a quarter of an hour', async () => {
  fc.assert(
    fc.property(reason, failures, random, fc.nat(10_000_000), (reason, failures, random, asked) => {
      const ms = backoff(reason, failures, asked, random)
      return ms >= Math.min(asked, 900_000) && ms <= 1_800_000
    }),
  )
})

t.test('nodes do not come back at once: half of a pause is chance', async (t) => {
  t.equal(backoff('unreachable', 20, null, 0), 30_000)
  t.ok(backoff('unreachable', 20, null, 0.999) > 59_900)
})

t.test('a denial that lasts costs the API server at most 10 requests in its first hour, then 4', async (t) => {
  for (const reason of ['forbidden', 'not-found', 'refused'] as const) {
    t.ok(attempts(reason, 0, 3600_000) <= 10, reason)
    t.ok(attempts(reason, 3600_000, 7200_000) <= 4, reason)
  }
})

/** With the shortest pauses that chance gives. */
function attempts(reason: KubeFailureReason, from: number, to: number): number {
  let count = 0
  for (let at = 0, failures = 1; at < to; at += backoff(reason, failures++, null, 0)) if (at >= from) count++
  return count
}
