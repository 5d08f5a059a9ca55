import t from 'tap'
import type { ClusterAnswer, SpegelDaemonSet } from '../../src/drift/cluster-facts.ts'
import { isSameCluster } from '../../src/drift/cluster-news.ts'
import { cluster, daemonSet, heard, pod, stale } from '../fixtures/cluster.ts'

const answer = (facts: Partial<ClusterAnswer['facts']> = {}, rest: Partial<ClusterAnswer> = {}): ClusterAnswer => {
  return { facts: cluster(facts), spegel: null, failure: null, ...rest }
}
const withDaemonSet = (facts: Partial<SpegelDaemonSet>) => answer({ daemonSet: heard(daemonSet(facts)) })

t.test('on how many nodes Spegel is ready, or is to run, is no news to a rule', async (t) => {
  const before = withDaemonSet({ desired: 1000, ready: 1000 })
  t.ok(isSameCluster(before, withDaemonSet({ desired: 1000, ready: 3 })))
  t.ok(isSameCluster(before, withDaemonSet({ desired: 2, ready: null })))
  t.ok(isSameCluster(null, null))
})

t.test('everything else is', async (t) => {
  const before = withDaemonSet({ desired: 1000, ready: 1000 })
  for (const [what, after] of Object.entries({
    'one node alone': withDaemonSet({ desired: 1, ready: 1 }),
    'not said': withDaemonSet({ desired: null }),
    'a template': withDaemonSet({ desired: 1000, templateGeneration: '9' }),
    'no DaemonSet': answer({ daemonSet: heard('absent' as const) }),
    'a pod': answer({ ...before.facts, pods: heard([pod({ ready: false })]) }),
    'an age': answer({ daemonSet: stale(daemonSet({ desired: 1000, ready: 1000 }), '2026-09-01T12:00:00.000Z') }),
    'a failure': answer(before.facts, { failure: { reason: 'unreachable', message: 'ECONNREFUSED' } }),
    nothing: null,
  })) {
    t.notOk(isSameCluster(before, after), what)
  }
})
