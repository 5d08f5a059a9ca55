/** What one node asks of the API server, all parts of the agent together, by the hour of virtual days. */
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { canaryNodes } from '../../src/canary-nodes.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { ClientNodeApi } from '../../src/kube/client-node-api.ts'
import { ClusterReports } from '../../src/kube/cluster-reports.ts'
import { ClusterWatch } from '../../src/kube/cluster-watch.ts'
import type { PutObject } from '../fixtures/memory-kube.ts'
import { noFault } from '../fixtures/no-fault.ts'
import {
  daemonSetObject,
  HARBOR_VALUES,
  nodeObject,
  PATHS,
  podObject,
  releaseObject,
} from '../fixtures/spegel-objects.ts'
import { finding, report } from '../render/sample-report.ts'
import { endpoint, sliceOf } from './slices.ts'
import { VirtualClock } from './virtual-clock.ts'
import { type Refusal, VirtualExchange } from './virtual-exchange.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** What the issue allows a node an hour when nothing changes. */
const BUDGET = 30

const RELEASE_SPEC = {
  chart: undefined,
  chartRef: { kind: 'OCIRepository', name: 'spegel' },
  valuesFrom: [{ kind: 'ConfigMap', name: 'spegel-values' }],
}
const named = (name: string, more: object): PutObject => ({ metadata: { name, namespace: 'kube-system' }, ...more })
const OBJECTS = Object.entries({
  [PATHS.daemonSets]: daemonSetObject(HARBOR_VALUES),
  [PATHS.pods]: podObject('spegel-x7k2p'),
  [PATHS.releases]: releaseObject(HARBOR_VALUES, { spec: RELEASE_SPEC }),
  [PATHS.ociRepositories]: named('spegel', { spec: { url: 'oci://example/spegel', ref: { tag: '0.7.4' } } }),
  [PATHS.configMaps]: named('spegel-values', { data: { 'values.yaml': 'spegel: {}\n' } }),
  [PATHS.nodes]: nodeObject(),
  '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices': named('slice', {
    ...sliceOf([endpoint('192.168.1.98', 'k8s-1'), endpoint('192.168.1.99', 'k8s-2')]),
  }),
})

interface Day {
  /** Lines of the configuration. */
  spegel?: string
  /** Of the canary. */
  slot?: number
  refusal?: Refusal | null
  hours?: number
  /** Chance. */
  random?: number
}

/** An agent with Events and the Node condition on. What cannot be seen is a finding, of which the cluster is told. */
async function dayOf(
  t: Test,
  { spegel = 'from: daemonset', slot = HOUR, refusal = null, hours = 24, random }: Day = {},
) {
  const clock = new VirtualClock()
  if (random !== undefined) clock.random = () => random
  const withUid = OBJECTS.map(([path, it]) => [path, [{ ...it, metadata: { uid: path, ...it.metadata } }]] as const)
  const exchange = new VirtualExchange(clock, new Map(withUid))
  exchange.refusal = refusal
  const api = new ClientNodeApi(exchange, clock)
  const text = `node: { name: k8s-1, ip: 192.168.1.98 }
intent: { spegel: { ${spegel} } }
canary: { interval: ${slot / 1000}s }
kubernetes: { events: true, nodeCondition: true }
`
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  let isUnseen = false
  const watch = new ClusterWatch({
    config,
    api,
    clock,
    onAnswer: ({ failure }) => {
      isUnseen = failure !== null
    },
    onFault: noFault,
  })
  const reports = new ClusterReports({ api, config, before: null, clock, onFailure: () => {} })
  const nodes = await canaryNodes(
    config,
    Promise.resolve({ state: 'open', api }),
    pino({ level: 'silent' }),
    () => null,
    () => clock.now(),
  )
  t.teardown(() => {
    watch.stop()
    reports.stop()
  })
  void watch.start()
  for (let minute = 0; minute < hours * 60; minute++) {
    await clock.pass(MINUTE)
    const now = new Date(clock.now()).toISOString()
    reports.consider(report({ findings: isUnseen ? [finding()] : [], inputs: [] }), {
      bootedAt: null,
      spegelLastSeenAt: now,
      now,
    })
    if (clock.now() % slot < MINUTE) await nodes?.read(new AbortController().signal)
  }
  return { perHour: exchange.perHour(), counts: exchange.counts(), isUnseen }
}

function tell(t: Test, { perHour, counts }: Awaited<ReturnType<typeof dayOf>>): void {
  t.comment(`an hour: ${perHour.join(' ')}`)
  for (const [what, count] of counts) t.comment(`${String(count).padStart(4)}  ${what}`)
}

t.test('a day in which nothing changes costs at most 30 requests an hour', async (t) => {
  for (const spegel of ['from: daemonset', 'from: helmrelease']) {
    for (const slot of [HOUR, MINUTE]) {
      const day = await dayOf(t, { spegel, slot })
      tell(t, day)
      t.equal(day.isUnseen, false)
      t.equal(day.perHour.length, 24)
      t.ok(
        Math.max(...day.perHour) <= BUDGET,
        `${spegel}, a slot each ${slot / MINUTE} min: ${Math.max(...day.perHour)}`,
      )
    }
  }
})

/** With the shortest pauses that chance gives, and with those in the middle. */
const CHANCES = [0, 0.5]

for (const { what, refusals, first, later } of [
  {
    what: 'an API server that denies everything costs at most 60 requests in the first hour, then 30',
    refusals: [{ status: 403 }, { status: 401 }, { status: 404 }],
    ...{ first: [60, 60], later: [30, 30] },
  },
  {
    what: 'an API server that fails, or is too busy, is asked less and less',
    refusals: [{ status: 500 }, { status: 503 }, { status: 429, retryAfter: '1' }],
    ...{ first: [110, 90], later: [50, 40] },
  },
]) {
  t.test(what, async (t) => {
    for (const refusal of refusals) {
      for (const spegel of ['from: daemonset', 'from: helmrelease']) {
        for (const [at, random] of CHANCES.entries()) {
          const day = await dayOf(t, { refusal, spegel, random })
          tell(t, day)
          t.equal(day.isUnseen, true)
          const [begin = 0, ...rest] = day.perHour
          t.ok(begin <= (first[at] ?? 0), `${refusal.status}, ${spegel}: ${begin} in the first hour`)
          t.ok(Math.max(...rest) <= (later[at] ?? 0), `${refusal.status}, ${spegel}: ${Math.max(...rest)} later`)
        }
      }
    }
  })
}
