import t from 'tap'
import { REASONS, reasonsOf } from '../../src/drift/reasons.ts'
import type { Finding, NodeReport } from '../../src/drift/report.ts'
import { AgentMetrics } from '../../src/metrics/agent-metrics.ts'
import { CATALOGUE, type MetricEntry } from '../../src/metrics/catalogue.ts'
import { metricsPage } from '../../src/metrics/metrics-page.ts'
import { PullMetrics } from '../../src/metrics/pull-metrics.ts'
import { ReportMetrics } from '../../src/metrics/report-metrics.ts'
import { endpoint } from '../render/sample-report.ts'
import { PULL, reportOf } from '../server/shown-node.ts'
import { familiesOf, sampleOf, seriesOf } from './exposition.ts'

const ENTRIES: readonly MetricEntry[] = Object.values(CATALOGUE)
const INPUTS = [
  { input: 'hosts', up: true, message: '' },
  { input: 'intent_talos', up: false, message: 'broken' },
] as const

const SOURCES = ['first', 'peer', 'fallback', 'mixed', 'local', 'unknown'] as const

/** Those that may be told of a pull whose requests nobody saw, and of which something was fetched. */
const OBSERVED_SOURCES = ['first', 'peer', 'mixed', 'unknown'] as const
/** One in each size class. */
const SIZES = [1e6, 2e7, 2e8, 6e8, 2e9, 6e9, 2e10]
const PHASES = ['resolve', 'manifest', 'config', 'layer', 'unpack', 'kubelet'].map((name) => {
  return { name, digest: null, endpoint: null, start: 0, duration: 1, bytes: 0 }
})

async function everything(report: NodeReport): Promise<string> {
  const [reportMetrics, pullMetrics, agentMetrics] = [new ReportMetrics(), new PullMetrics(), new AgentMetrics('1.2.3')]
  reportMetrics.show(report)
  for (const source of SOURCES) {
    for (const method of ['probe', 'containerd'] as const) pullMetrics.count({ ...PULL, via: 'path', source, method })
  }
  // Whatever the node's pods pull: of every size, and with every phase.
  for (const source of OBSERVED_SOURCES) {
    for (const bytes of SIZES)
      pullMetrics.count({ ...PULL, via: null, source, method: 'observed', bytes, phases: PHASES })
  }
  for (const via of ['origin', 'peer'] as const) pullMetrics.count({ ...PULL, via, source: 'peer' })
  pullMetrics.count({ ...PULL, via: 'path', source: 'unknown', failure: { reason: 'timeout', message: '' } })
  agentMetrics.showInputs(INPUTS, 1_790_000_000_000)
  agentMetrics.countEvaluation(['start'], 0.001)
  agentMetrics.countReload(true, 1_790_000_000_000)
  const { body } = await metricsPage([reportMetrics, pullMetrics, agentMetrics], (error) => {
    throw error
  })
  return body
}

/** A report with `count` registries in the state of the first declared one, every one with every finding. */
function worstReport(count: number): NodeReport {
  const report = reportOf()
  const [sample] = report.registries
  const [finding] = report.findings
  if (sample?.observed == null || finding === undefined) throw new Error('the sample has no registry or no finding')
  const { observed } = sample
  const names = Array.from({ length: count }, (_, index) => `registry-${index}.example`)
  const endpoints = ['http://192.168.1.98:30020/v2', 'http://192.168.1.98:30021/v2', 'http://192.168.1.106/v2']
  const [probe] = report.probes.endpoints
  if (probe === undefined) throw new Error('the sample has no probe')
  return {
    ...report,
    probes: { ...report.probes, endpoints: endpoints.map((url) => ({ ...probe, url, registries: names })) },
    registries: names.map((registry) => ({
      ...sample,
      registry,
      observed: { ...observed, endpoints: endpoints.map((url) => endpoint(url)) },
    })),
    findings: names.flatMap((registry) => {
      return (['drift', 'conflict', 'fault'] as const).flatMap((kind) => {
        return reasonsOf(kind, 'registry').map((reason): Finding => ({ ...finding, id: '', kind, registry, reason }))
      })
    }),
  }
}

t.test('what is exposed stands in the catalogue, and what stands there is exposed', async (t) => {
  const body = await everything(reportOf())
  const families = familiesOf(body)
  t.same([...families].sort(), ENTRIES.map(({ name, type }) => [name, type]).sort())
  const series = seriesOf(body)
  for (const { name, type, labels } of ENTRIES) {
    const own = series.filter((it) => it.name === name || (type === 'histogram' && it.name === `${name}_bucket`))
    t.ok(own.length > 0, `${name} has a series`)
    const expected = type === 'histogram' ? [...labels, 'le'] : [...labels]
    for (const it of own) t.same(Object.keys(it.labels).sort(), expected.sort(), name)
  }
})

t.test('every text of the catalogue is a sentence, every name in base units', async (t) => {
  for (const { name, help, type } of ENTRIES) {
    t.match(help, /^[A-Z].*\.$/, name)
    t.equal(name.endsWith('_total'), type === 'counter', name)
    t.notMatch(name, /_(ms|milliseconds|kb|percent)\b/)
  }
})

t.test('state sets have every reason that the kind can have, 0 where all is well', async (t) => {
  const body = await everything({ ...reportOf(), findings: [] })
  for (const kind of ['drift', 'conflict', 'fault'] as const) {
    const series = seriesOf(body).filter(({ name }) => name === `pullpath_${kind}`)
    t.ok(series.every(({ value }) => value === 0))
    const reasons = (registry: string) => {
      return series.flatMap(({ labels }) => (labels.registry === registry ? [String(labels.reason)] : []))
    }
    t.same(reasons('192.168.1.106'), reasonsOf(kind, 'registry'))
    t.same(reasons(''), reasonsOf(kind, 'node'))
  }
  const all = new Set(seriesOf(body).flatMap(({ labels }) => labels.reason ?? []))
  t.same(
    Object.keys(REASONS).filter((reason) => !all.has(reason)),
    [],
  )
})

t.test('a finding is 1, and says since when', async (t) => {
  const body = await everything(reportOf())
  const labels = { registry: '192.168.1.106', reason: 'peer-mirror-missing' }
  t.equal(sampleOf(body, 'pullpath_drift', labels), 1)
  const finding = reportOf().findings.find(({ id }) => id === '192.168.1.106/peer-mirror-missing')
  t.equal(sampleOf(body, 'pullpath_finding_since_timestamp_seconds', labels), Date.parse(finding?.since ?? '') / 1000)
})

t.test('what could not be seen is 0, never in sync', async (t) => {
  const report = reportOf()
  const unseen = report.registries.map((it) => ({ ...it, effective: null, inSync: null, observed: null }))
  const body = await everything({ ...report, registries: unseen })
  for (const { registry, declaredBy } of unseen) {
    const expected = declaredBy.length === 0 ? undefined : 0
    t.equal(sampleOf(body, 'pullpath_mirror_effective', { registry }), expected, registry)
    t.equal(sampleOf(body, 'pullpath_registry_in_sync', { registry }), expected, registry)
  }
  t.same(
    seriesOf(body).filter(({ name }) => name === 'pullpath_endpoint_info'),
    [],
  )
})

t.test('a directory that nobody declared has no series', async (t) => {
  const body = await everything(reportOf())
  t.ok(reportOf().registries.some(({ registry }) => registry === 'secrets.example'))
  t.same(
    seriesOf(body).filter(({ labels }) => labels.registry === 'secrets.example'),
    [],
  )
})

t.test('label sets that vanish from the report vanish from the page', async (t) => {
  const metrics = new ReportMetrics()
  metrics.show(worstReport(3))
  t.ok((await metrics.text()).includes('registry-2.example'))
  metrics.show(worstReport(2))
  const after = await metrics.text()
  t.notOk(after.includes('registry-2.example'))
  t.ok(after.includes('registry-1.example'))
  metrics.show({ ...worstReport(2), findings: [] })
  t.equal(sampleOf(await metrics.text(), 'pullpath_finding_since_timestamp_seconds'), undefined)
})

t.test('inputs that are not configured any more vanish', async (t) => {
  const metrics = new AgentMetrics('1.2.3')
  metrics.showInputs(INPUTS, 1_790_000_000_000)
  metrics.countInputError('intent_talos', 'invalid')
  const before = await metrics.text()
  t.equal(sampleOf(before, 'pullpath_input_up', { input: 'hosts' }), 1)
  t.equal(sampleOf(before, 'pullpath_input_up', { input: 'intent_talos' }), 0)
  t.equal(sampleOf(before, 'pullpath_input_errors_total', { input: 'intent_talos', reason: 'invalid' }), 1)
  t.equal(sampleOf(before, 'pullpath_input_errors_total', { input: 'hosts', reason: 'unreadable' }), 0)
  t.equal(sampleOf(before, 'pullpath_input_last_success_timestamp_seconds', { input: 'hosts' }), 1_790_000_000)
  t.equal(sampleOf(before, 'pullpath_input_last_success_timestamp_seconds', { input: 'intent_talos' }), undefined)
  metrics.showInputs(INPUTS.slice(0, 1), 1_790_000_001_000)
  const after = seriesOf(await metrics.text())
  t.same(
    after.filter(({ labels }) => labels.input === 'intent_talos'),
    [],
  )
  t.ok(after.some(({ labels }) => labels.input === 'hosts'))
})

/** As bad as a node comes: five findings of each registry, endpoints that are addresses and speak plain http. */
function badReport(count: number): NodeReport {
  const { probes, findings, ...report } = worstReport(count)
  const phases = { resolve: null, tls: null }
  const endpoints = probes.endpoints.map((it) => ({ ...it, phases: it.phases && { ...it.phases, ...phases } }))
  const each = findings.length / Math.max(count, 1)
  return { ...report, probes: { ...probes, endpoints }, findings: findings.filter((_, index) => index % each < 5) }
}

t.test('20 registries stay below 1,500 series, however bad the node, and grow with registries alone', async (t) => {
  const sizes = await Promise.all([0, 20, 40].map(async (count) => seriesOf(await everything(badReport(count))).length))
  const [none = 0, twenty = 0, forty = 0] = sizes
  t.comment(`${twenty} series`)
  t.ok(twenty < 1500, `${twenty} series`)
  t.equal(forty - twenty, twenty - none)
})

t.test('a hosts.toml of any length has a bounded number of series', async (t) => {
  const report = worstReport(1)
  const [sample] = report.registries
  if (sample?.observed == null) throw new Error('no registry')
  const endpoints = Array.from({ length: 1000 }, (_, index) => endpoint(`http://mirror-${index}.example/v2`))
  const long = { ...report, registries: [{ ...sample, observed: { ...sample.observed, endpoints } }] }
  const series = seriesOf(await everything(long)).filter(({ name }) => name === 'pullpath_endpoint_info')
  t.equal(series.length, 32)
})

t.test('labels are escaped', async (t) => {
  const report = worstReport(1)
  const [sample] = report.registries
  if (sample?.observed == null) throw new Error('no registry')
  const endpoints = [endpoint('http://a/"quoted"\\back\nline')]
  const odd = { ...report, registries: [{ ...sample, observed: { ...sample.observed, endpoints } }] }
  t.match(await everything(odd), 'url="http://a/\\"quoted\\"\\\\back\\nline"')
})

t.test('a part that fails is left out, the rest is served', async (t) => {
  const broken = new ReportMetrics()
  broken.text = () => Promise.reject(new Error('broken'))
  const errors: unknown[] = []
  const { body, contentType } = await metricsPage([broken, new AgentMetrics('1.2.3')], (error) => errors.push(error))
  t.match(contentType, 'text/plain; version=0.0.4')
  t.equal(sampleOf(body, 'pullpath_build_info', { version: '1.2.3' }), 1)
  t.match(errors, [{ message: 'broken' }])
})
