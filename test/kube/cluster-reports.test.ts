import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read-config.ts'
import type { Finding, NodeReport } from '../../src/drift/report.ts'
import { ClusterReports } from '../../src/kube/cluster-reports.ts'
import type { KubeApi, KubeError, KubeObject } from '../../src/kube/kube-api.ts'
import { nodeEvent } from '../../src/kube/node-events.ts'
import { finding, report } from '../render/sample-report.ts'
import { answeredApi } from './answered-api.ts'
import { startCluster } from './cluster.ts'
import { EVERYTHING, type Rule } from './rbac.ts'
import { fails } from './scripted-collection.ts'
import { VirtualClock } from './virtual-clock.ts'
import { WrittenObjects } from './written-objects.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = Date.parse('2026-09-01T12:00:00Z')
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'
const NODE = '/api/v1/nodes/k8s-1'

function configOf(text: string): Config {
  const env = { NODE_NAME: 'k8s-1', NODE_IP: '192.168.1.98' }
  return readConfig(`watch: { holdDown: 2m }\n${text}`, 'config.yaml', { env, hostname: 'k8s-1' })
}

/** Reports to an API in memory, on virtual time; the node booted a day ago, and Spegel was seen. */
function reporting(t: Test, text = '', api = new WrittenObjects(), before: ClusterReports | null = null) {
  const clock = new VirtualClock(START)
  const failures: string[] = []
  const reports = new ClusterReports({
    api: api as unknown as KubeApi,
    config: configOf(text),
    before,
    clock,
    onFailure: ({ what, needs }, failure) => failures.push(`${what}: ${failure?.reason ?? 'again'} (${needs})`),
  })
  t.teardown(() => reports.stop())
  const consider = (findings: Finding[], { spegelLastSeenAt = '2026-09-01T11:00:00Z' as string | null } = {}) => {
    const found: NodeReport = report({ findings, inputs: [] })
    reports.consider(found, {
      bootedAt: '2026-08-31T12:00:00Z',
      spegelLastSeenAt,
      now: new Date(clock.now()).toISOString(),
    })
  }
  return { api, clock, failures, reports, consider }
}

t.test('a finding that starts and ends is two Events of the Node', async (t) => {
  const { api, clock, consider } = reporting(t)
  consider([finding()])
  await clock.pass(MINUTE)
  consider([])
  await clock.pass(HOUR)
  t.match(api.created, [
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'default', name: /^k8s-1\.[0-9a-f]{16}$/ },
      regarding: { apiVersion: 'v1', kind: 'Node', name: 'k8s-1', uid: 'k8s-1' },
      type: 'Warning',
      reason: 'PeerMirrorMissing',
      note: /To mend it: kubectl -n kube-system delete pod spegel-x7k2p$/,
      eventTime: '2026-09-01T12:00:00.000000Z',
      reportingController: 'pullpath',
      reportingInstance: 'k8s-1',
    },
    { type: 'Normal', reason: 'PeerMirrorMissingEnded', eventTime: '2026-09-01T12:01:00.000000Z' },
  ])
  t.equal(api.asked.length, 2)
})

t.test('what drifts everywhere at once is written at most three a second, each once and in its order', async (t) => {
  const { api, clock, consider } = reporting(t)
  const registries = Array.from({ length: 20 }, (_, index) => `r${index}.test`)
  const findings = registries.map((registry) => finding({ id: `${registry}/mirror-missing`, registry }))
  consider(findings)
  const counts: number[] = []
  for (let tenth = 0; tenth < 150; tenth++) {
    const before = api.asked.length
    // An evaluation after the other, as registries drift one by one.
    consider(findings)
    await clock.pass(100)
    if (api.asked.length > before) counts.push(api.asked.length - before)
  }
  t.strictSame(counts, [3, 3, 3, 3, 3, 3, 2])
  t.strictSame(
    api.created.map((it) => /r\d+\.test/.exec(String(it.note))?.[0]),
    registries,
  )
  consider([])
  await clock.pass(HOUR)
  t.equal(api.created.length, 40, 'their ends too')
})

t.test('nothing is asked where nothing is found, and nothing where Events are off', async (t) => {
  const quiet = reporting(t)
  quiet.consider([])
  await quiet.clock.pass(24 * HOUR)
  const off = reporting(t, 'kubernetes: { events: false }')
  off.consider([finding()])
  await off.clock.pass(24 * HOUR)
  t.strictSame([...quiet.api.asked, ...off.api.asked], [])
})

t.test('an agent that has not seen Spegel yet waits for the hold-down', async (t) => {
  const { api, clock, consider } = reporting(t)
  consider([finding()], { spegelLastSeenAt: null })
  await clock.pass(2 * MINUTE - 1)
  t.equal(api.asked.length, 0)
  await clock.pass(MINUTE)
  t.equal(api.created.length, 1)
})

t.test('a configuration that is taken over forgets nothing that was told', async (t) => {
  const first = reporting(t)
  first.consider([finding()])
  await first.clock.pass(MINUTE)
  first.reports.stop()
  const second = reporting(t, '', first.api, first.reports)
  second.consider([finding({ since: '2026-09-01T12:30:00Z' })])
  await second.clock.pass(MINUTE)
  second.consider([])
  await second.clock.pass(MINUTE)
  t.strictSame(
    first.api.created.map((it) => it.reason),
    ['PeerMirrorMissing', 'PeerMirrorMissingEnded'],
  )
})

t.test('an agent that starts again writes no second Event of the same start', async (t) => {
  const api = new WrittenObjects()
  for (const expected of [1, 2]) {
    const { clock, consider, failures } = reporting(t, '', api)
    consider([finding()])
    await clock.pass(HOUR)
    t.equal(api.created.length, expected, 'asked for once, by each')
    t.strictSame(failures, [])
  }
  t.equal(new Set(api.created.map((it) => (it.metadata as { name: string }).name)).size, 1)
})

t.test('what comes back is counted in the Event that is there, and anew once that is gone', async (t) => {
  const { api, clock, consider } = reporting(t)
  for (let round = 0; round < 2; round++) {
    consider([finding()])
    await clock.pass(10 * MINUTE)
    consider([])
    await clock.pass(10 * MINUTE)
  }
  t.match(api.patched, [
    { series: { count: 2, lastObservedTime: '2026-09-01T12:20:00.000000Z' } },
    { series: { count: 2, lastObservedTime: '2026-09-01T12:30:00.000000Z' } },
  ])
  t.strictSame(Object.keys(api.patched[0] ?? {}), ['series'], 'nothing else of an Event may change')
  api.forgetAll()
  consider([finding({ since: '2026-09-01T12:40:00Z' })])
  await clock.pass(MINUTE)
  t.equal(api.created.length, 3)
  t.notOk('series' in (api.created[2] ?? {}))
})

t.test('a finding that flaps for an hour asks twelve times', async (t) => {
  const { api, clock, consider } = reporting(t)
  for (let second = 0; second < 3600; second += 15) {
    consider(second % 30 === 0 ? [finding()] : [])
    await clock.pass(15_000)
  }
  t.ok(api.asked.length <= 12, `${api.asked.length}`)
  t.ok(api.asked.length >= 8, `${api.asked.length}`)
})

for (const [reason, most] of [
  ['unreachable', 90],
  ['throttled', 26],
  ['forbidden', 9],
] as const) {
  t.test(`${reason} for an hour: told once, asked for ever less, and then how it is`, async (t) => {
    const { api, clock, failures, consider } = reporting(t)
    consider([finding()])
    await clock.pass(MINUTE)
    api.failure = fails(reason)
    for (let minute = 0; minute < 60; minute++) {
      consider(minute % 2 === 0 ? [] : [finding({ since: 'later' })])
      consider(minute % 3 === 0 ? [] : [finding({ id: `${minute}`, registry: 'docker.io' })])
      await clock.pass(MINUTE)
    }
    t.ok(api.asked.length <= most, `${api.asked.length} requests`)
    const needs = 'create and patch of events.events.k8s.io in default'
    t.strictSame(failures, [`Events: ${reason} (${needs})`])
    api.failure = null
    consider([])
    const before = api.created.length
    await clock.pass(HOUR)
    t.strictSame(failures.slice(1), [`Events: again (${needs})`])
    t.strictSame(
      api.created.slice(before).map((it) => it.reason),
      ['PeerMirrorMissingEnded'],
      'of all that came and went meanwhile nothing is left to tell',
    )
  })
}

t.test('a longer pause that the API server asks for is kept', async (t) => {
  const { api, clock, consider } = reporting(t)
  api.failure = fails('throttled', 60_000)
  consider([finding()])
  await clock.pass(55_000)
  t.equal(api.asked.length, 1)
  api.failure = null
  await clock.pass(MINUTE)
  t.equal(api.asked.length, 2)
})

t.test('an Event that was written, and whose answer was lost, is written once', async (t) => {
  const { api, clock, consider } = reporting(t)
  Object.assign(api, { failure: fails('timeout'), isDoneAllTheSame: true })
  consider([finding()])
  await clock.pass(3_000)
  api.failure = null
  await clock.pass(HOUR)
  t.equal(api.created.length, 2)
  t.strictSame(api.created[0], api.created[1])
})

t.test('what the API server will never take is not asked again, and stands in nobody’s way', async (t) => {
  const { api, clock, failures, consider } = reporting(t)
  api.failure = fails('refused')
  consider([finding()])
  await clock.pass(HOUR)
  t.equal(api.asked.length, 1)
  t.match(failures, [/^Events: refused/])
  api.failure = null
  consider([finding(), finding({ id: 'docker.io/mirror-missing' })])
  await clock.pass(HOUR)
  t.equal(api.asked.length, 2)
})

t.test('nothing is asked after the end', async (t) => {
  const { api, clock, consider, reports } = reporting(t, 'kubernetes: { nodeCondition: true }')
  consider([finding()])
  reports.stop()
  consider([])
  await clock.pass(HOUR)
  t.strictSame(api.asked, [])
})

const CONDITION = 'kubernetes: { events: false, nodeCondition: true }'
const conditions = (api: WrittenObjects) => {
  return api.patched.flatMap((it) => (it.status as { conditions: Record<string, string>[] }).conditions)
}

t.test('the condition: on change, then by heartbeats, with the time of its last change', async (t) => {
  const api = new WrittenObjects()
  api.put(NODE, { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  const { clock, consider } = reporting(t, CONDITION, api)
  consider([])
  await clock.pass(40 * MINUTE)
  consider([finding()])
  await clock.pass(MINUTE)
  t.match(conditions(api), [
    { type: 'RegistryMirrorsDrifted', status: 'False', reason: 'RegistryMirrorsAsDeclared' },
    { status: 'False', lastHeartbeatTime: '2026-09-01T12:33:02Z', lastTransitionTime: '2026-09-01T12:00:02Z' },
    { status: 'True', reason: 'PeerMirrorMissing', lastTransitionTime: '2026-09-01T12:40:02Z' },
  ])
  t.strictSame(
    api.asked.map((it) => it.what),
    [`GET ${NODE}`, ...Array(3).fill(`PATCH ${NODE}/status strategic`)],
  )
  await clock.pass(24 * HOUR)
  t.ok(api.asked.length <= 4 + 48, `${api.asked.length}`)
})

t.test('the condition of an earlier agent keeps the time of its change', async (t) => {
  const api = new WrittenObjects()
  const before = { type: 'RegistryMirrorsDrifted', status: 'True', lastTransitionTime: '2026-08-01T00:00:00Z' }
  api.put(NODE, { status: { conditions: [before] } })
  const { clock, consider } = reporting(t, CONDITION, api)
  consider([finding()])
  await clock.pass(MINUTE)
  t.match(conditions(api), [{ status: 'True', lastTransitionTime: '2026-08-01T00:00:00Z' }])
})

t.test('the condition waits for the hold-down too, and flaps no more than once a minute', async (t) => {
  const api = new WrittenObjects()
  api.put(NODE, {})
  const { clock, consider } = reporting(t, CONDITION, api)
  consider([finding()], { spegelLastSeenAt: null })
  await clock.pass(MINUTE)
  t.strictSame(api.asked, [])
  await clock.pass(2 * MINUTE)
  t.match(conditions(api), [{ status: 'True' }])
  for (let second = 0; second < 600; second += 10) {
    consider(second % 20 === 0 ? [] : [finding()])
    await clock.pass(10_000)
  }
  await clock.pass(MINUTE)
  t.ok(conditions(api).length <= 12, `${conditions(api).length}`)
  t.equal(conditions(api).at(-1)?.status, 'True', 'and ends as it is')
})

t.test('a Node that is gone, or a right that is missing, stops nothing else', async (t) => {
  const { api, clock, failures, consider } = reporting(t, 'kubernetes: { nodeCondition: true }')
  consider([finding()])
  await clock.pass(HOUR)
  t.equal(api.created.length, 1)
  t.strictSame(failures, ['the Node condition: not-found (get of nodes and patch of nodes/status)'])
})

// ------------------------------------------------------------------------------------------------------ over the wire

const RULES: Rule[] = [
  { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'], namespace: 'default' },
]
/** As kubectl looks for the Events of a Node (describe.go: by its name as the UID, too). */
const OF_NODE = { fieldSelector: 'involvedObject.kind=Node,involvedObject.name=k8s-1,involvedObject.uid=k8s-1' }

/** Reports on virtual time, over client-node's own code; every answer can be waited for. */
async function overWire(t: Test, text: string, rules = RULES) {
  const clock = new VirtualClock(START)
  const { server, api } = await startCluster(t, { rules })
  server.put('nodes', { metadata: { name: 'k8s-1' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  const { api: heard, answers } = answeredApi(api)
  const reports = new ClusterReports({
    api: heard,
    config: configOf(text),
    before: null,
    clock,
    onFailure: () => {},
  })
  t.teardown(() => reports.stop())
  const node = { bootedAt: null, spegelLastSeenAt: '2026-09-01T11:00:00Z' }
  const consider = (findings: Finding[]) => {
    reports.consider(report({ findings, inputs: [] }), { ...node, now: new Date(clock.now()).toISOString() })
    return clock.pass(5_000)
  }
  /** What kubectl reads; the agent itself may not. */
  const read = async (path: string, query = {}): Promise<KubeObject> => {
    server.users.set('token-1', { name: 'admin', rules: EVERYTHING })
    return await api.get(path, query)
  }
  return {
    server,
    api,
    clock,
    consider,
    read,
    answered: (verb: string) => answers.next((it) => it.what.startsWith(verb)),
  }
}

t.test('the API server takes the Events and their repetition, and kubectl finds them at the Node', async (t) => {
  const { clock, consider, read, answered } = await overWire(t, '')
  await consider([finding()])
  t.match(await answered('create'), { failure: null })
  await consider([])
  t.match(await answered('create'), { failure: null })
  await clock.pass(10 * MINUTE)
  await consider([finding()])
  t.match(await answered('patch'), { failure: null })
  const { items } = await read('/api/v1/events', OF_NODE)
  t.match(items, [
    { reason: 'PeerMirrorMissing', type: 'Warning', message: /To mend it/, series: { count: 2 } },
    { reason: 'PeerMirrorMissingEnded', type: 'Normal', metadata: { namespace: 'default' } },
  ])
})

t.test('an agent that was started again is told that its Event is there, and leaves it', async (t) => {
  const { api, consider, answered } = await overWire(t, '')
  await consider([finding()])
  await answered('create')
  const body = nodeEvent('k8s-1', { kind: 'started', finding: finding(), at: START, count: 1, first: finding().since })
  t.match(await api.create(EVENTS, body).catch((error: KubeError) => error.failure), { reason: 'conflict' })
})

t.test('the condition stands beside those of the kubelet, which stay', async (t) => {
  const { consider, read, answered } = await overWire(t, CONDITION)
  await consider([finding()])
  await answered('patch')
  const { status } = await read(NODE)
  t.match(status, {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'RegistryMirrorsDrifted', status: 'True', reason: 'PeerMirrorMissing', message: /^192/ },
    ],
  })
})

t.test('by the command of docs/install.md the condition is gone, and no other', async (t) => {
  const page = readFileSync(new URL('../../docs/install.md', import.meta.url), 'utf8')
  const [, patch = ''] = /--subresource=status --type=strategic \\\n\s+--patch '(.*)'/.exec(page) ?? []
  const { consider, read, answered, api } = await overWire(t, CONDITION)
  await consider([finding()])
  await answered('patch')
  await read(NODE)
  await api.patch(`${NODE}/status`, 'strategic', JSON.parse(patch))
  t.strictSame((await read(NODE)).status, { conditions: [{ type: 'Ready', status: 'True' }] })
})

t.test('without the rights the API server says no, and nothing is written', async (t) => {
  const { server, consider, answered, read } = await overWire(t, 'kubernetes: { nodeCondition: true }', [])
  await consider([finding()])
  for (const what of ['create', 'get']) t.match(await answered(what), { failure: { reason: 'forbidden' } })
  t.equal(server.journal.entries.length, 2)
  t.match(await read('/api/v1/events'), { items: [] })
})
