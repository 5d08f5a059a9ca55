import fc from 'fast-check'
import t from 'tap'
import { legRatio } from '../../src/drift/leg-ratio.ts'
import type { Pull } from '../../src/drift/pull.ts'
import { PullHistory } from '../../src/pull/pull-history.ts'
import { PULL } from '../server/shown-node.ts'

function pull(id: number, more: Partial<Pull> = {}): Pull {
  return { ...PULL, id: `${id}`, ...more }
}

const FAILURE = { failure: { reason: 'timeout', message: '' }, source: 'unknown' } as const

t.test('pulls are listed from the newest on, by what is wanted', async (t) => {
  const history = new PullHistory()
  for (let id = 0; id < 6; id++) history.add(pull(id, id % 2 === 0 ? {} : { source: 'peer', method: 'containerd' }))
  const ids = (choice = {}) => history.list(choice).map((it) => it.id)
  t.same(ids(), ['5', '4', '3', '2', '1', '0'])
  t.same(ids({ source: 'peer', limit: 2 }), ['5', '3'])
  t.same(ids({ source: 'peer', method: 'probe' }), [])
  t.equal(history.find('3')?.source, 'peer')
  t.equal(history.find('9'), null)
})

t.test('what failed is kept longer than what succeeded', async (t) => {
  const history = new PullHistory()
  history.add(pull(0, FAILURE))
  for (let id = 1; id < 1_000; id++) history.add(pull(id))
  t.ok(history.find('0'))
  t.equal(history.find('1'), null)
})

t.test('it is bounded, and neither kind drives out the other', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 300, maxLength: 900 }), (fails) => {
      const history = new PullHistory()
      for (const [id, fail] of fails.entries()) history.add(pull(id, fail ? FAILURE : {}))
      const all = history.list()
      const successes = all.filter((it) => it.failure === null).length
      const newest = history.find(`${fails.length - 1}`)
      return all.length === 256 && newest !== null && successes >= Math.min(32, fails.filter((it) => !it).length)
    }),
    { numRuns: 50 },
  )
  t.pass()
})

t.test('two legs are compared only where they fetched the very same', async (t) => {
  const origin = pull(1, { duration: 2 })
  const peer = pull(2, { via: 'peer', source: 'peer', duration: 0.5 })
  t.equal(legRatio(origin, peer), 0.25)
  const phases = [
    { name: 'transfer', digest: `sha256:${'b'.repeat(64)}`, endpoint: null, start: 0, duration: 1, bytes: 1 },
  ]
  for (const [one, other] of [
    [null, peer],
    [origin, null],
    [peer, origin],
    [{ ...origin, ...FAILURE }, peer],
    [origin, { ...peer, ...FAILURE }],
    [origin, { ...peer, source: 'local' as const }],
    [origin, { ...peer, bytes: 1 }],
    [origin, { ...peer, phases }],
    [{ ...origin, via: 'path' as const }, peer],
  ] as const) {
    t.equal(legRatio(one, other), null)
  }
})
