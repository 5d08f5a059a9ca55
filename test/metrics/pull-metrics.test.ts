import t from 'tap'
import type { Pull } from '../../src/drift/pull.ts'
import { PullMetrics } from '../../src/metrics/pull-metrics.ts'
import { PULL } from '../server/shown-node.ts'
import { sampleOf } from './exposition.ts'

const OF_PROBE = { source: 'first', method: 'probe' }
const PEER: Pull = { ...PULL, via: 'peer', source: 'peer', duration: PULL.duration / 4 }

async function shown(...pulls: Pull[]) {
  const metrics = new PullMetrics()
  for (const pull of pulls) metrics.count(pull)
  const text = await metrics.text()
  return (name: string, labels: Record<string, string> = {}) => sampleOf(text, `pullpath_${name}`, labels)
}

t.test('a pull is counted, and shown as the last one of its kind', async (t) => {
  const sample = await shown(PULL, PULL)
  t.equal(sample('pulls_total', OF_PROBE), 2)
  t.equal(sample('pull_bytes_total', OF_PROBE), 2 * PULL.bytes)
  t.equal(sample('pull_last_duration_seconds', OF_PROBE), PULL.duration)
  t.equal(sample('pull_last_bytes', OF_PROBE), PULL.bytes)
  t.equal(sample('pull_last_timestamp_seconds', OF_PROBE), Date.parse(PULL.startedAt) / 1000 + PULL.duration)
  t.equal(sample('pull_last_phase_duration_seconds', { ...OF_PROBE, phase: 'transfer' }), 1.35)
  t.equal(sample('pull_duration_seconds_count', { ...OF_PROBE, size_class: '10-100MB' }), 2)
  t.equal(sample('pull_duration_seconds_bucket', { ...OF_PROBE, size_class: '10-100MB', le: '1' }), 0)
  t.equal(sample('pull_duration_seconds_bucket', { ...OF_PROBE, size_class: '10-100MB', le: '2.5' }), 2)
})

t.test('one that failed is counted by its reason, and is nobody’s last duration', async (t) => {
  const sample = await shown({ ...PULL, source: 'unknown', failure: { reason: 'timeout', message: 'late' } })
  const labels = { source: 'unknown', method: 'probe' }
  t.equal(sample('pull_failures_total', { ...labels, reason: 'timeout' }), 1)
  t.equal(sample('pulls_total', labels), 1)
  t.equal(sample('pull_last_duration_seconds', labels), undefined)
})

t.test('phases that the last pull did not have vanish', async (t) => {
  const sample = await shown(PULL, {
    ...PULL,
    phases: [{ name: 'tls', digest: null, endpoint: null, start: 0, duration: 1, bytes: 0 }],
  })
  t.equal(sample('pull_last_phase_duration_seconds', { ...OF_PROBE, phase: 'transfer' }), undefined)
  t.equal(sample('pull_last_phase_duration_seconds', { ...OF_PROBE, phase: 'tls' }), 1)
})

t.test('the ratio is that of the last two legs, and is gone when they cannot be compared', async (t) => {
  t.equal((await shown(PULL, PEER))('peer_to_origin_ratio'), 0.25)
  t.equal((await shown(PULL))('peer_to_origin_ratio'), undefined)
  t.equal((await shown(PULL, PEER, { ...PEER, source: 'local' }))('peer_to_origin_ratio'), undefined)
  t.equal((await shown(PULL, PEER, { ...PULL, via: 'path' }))('peer_to_origin_ratio'), 0.25, 'others do not matter')
})

t.test('a node has six histograms of observed pulls at most, and counts the others', async (t) => {
  const pulls = [1e6, 2e7, 2e8, 6e8, 2e9, 6e9, 2e10].map((bytes) => ({
    ...PULL,
    via: null,
    method: 'observed' as const,
    bytes,
  }))
  const sample = await shown(...pulls, ...pulls)
  const labels = { source: PULL.source, method: 'observed' }
  t.equal(sample('pull_duration_seconds_count', { ...labels, size_class: '5-10GB' }), 2)
  t.equal(sample('pull_duration_seconds_count', { ...labels, size_class: 'GT10GB' }), undefined)
  t.equal(sample('pulls_total', labels), 14)
  t.equal(sample('pull_last_bytes', labels), 2e10)
})
