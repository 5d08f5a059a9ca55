/**
 * What the chart grants, against what the agent asks: the double enforces the roles of the golden files, which
 * test/package/chart.e2e.ts holds to what Helm renders. Nothing that is asked is refused, and nothing is granted that is not asked.
 */
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { canaryNodes } from '../../src/canary-nodes.ts'
import type { Config } from '../../src/config/config.ts'
import type { ClusterAnswer } from '../../src/drift/cluster-facts.ts'
import { ClusterReports } from '../../src/kube/cluster-reports.ts'
import { ClusterWatch } from '../../src/kube/cluster-watch.ts'
import type { KubeError } from '../../src/kube/kube-api.ts'
import { pulledEvents } from '../../src/kube/pulled-events.ts'
import type { PutObject } from '../fixtures/memory-kube.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { daemonSetObject, nodeObject, podObject, releaseObject } from '../fixtures/spegel-objects.ts'
import { finding, report } from '../render/sample-report.ts'
import { Told } from '../watch/watched-node.ts'
import { answeredApi } from './answered-api.ts'
import { startCluster, type TestCluster } from './cluster.ts'
import type { JournalEntry } from './journal.ts'
import { authorize, type Rule } from './rbac.ts'
import { renderedAgent } from './rendered-agent.ts'
import { requestTarget } from './request-path.ts'
import { VirtualClock } from './virtual-clock.ts'

const MINUTE = 60_000
const NODE = 'k8s-1'

/** Where Spegel's HelmRelease and that release's chart are, and which ConfigMaps it takes values from. */
interface FluxPlaces {
  release: string
  source: string
  configMaps: readonly string[]
}

const USUAL: FluxPlaces = { release: 'kube-system', source: 'kube-system', configMaps: [] }
const VALUES = { spegel: { containerdRegistryConfigPath: '/etc/cri/conf.d/hosts', mirroredRegistries: [] } }

/** All that the agent reads with this configuration, by the parts that read it; Flux has installed Spegel. */
async function read(t: Test, { server, api }: TestCluster, config: Config, places: FluxPlaces): Promise<void> {
  const { namespace } = config.intent.spegel
  const at = (object: PutObject, more: object, where = namespace) => {
    return { ...object, ...more, metadata: { ...object.metadata, ...('labels' in more ? more : {}), namespace: where } }
  }
  const labels = { 'helm.toolkit.fluxcd.io/name': 'spegel', 'helm.toolkit.fluxcd.io/namespace': places.release }
  server.put('nodes', nodeObject())
  server.put('daemonsets', at(daemonSetObject(VALUES), { labels }))
  server.put('pods', at(podObject('spegel-x7k2p'), {}))
  const valuesFrom = places.configMaps.map((name) => ({ kind: 'ConfigMap', name }))
  const putRelease = (kind: string) => {
    const spec = { chartRef: { kind, name: 'spegel', namespace: places.source }, valuesFrom }
    server.put('helmreleases', at(releaseObject(VALUES), { spec }, places.release))
  }
  for (const plural of ['ocirepositories', 'helmcharts']) {
    server.put(plural, { metadata: { name: 'spegel', namespace: places.source }, spec: {} })
  }
  putRelease('OCIRepository')
  const told = new Told<ClusterAnswer>()
  const watch = new ClusterWatch({ config, api, onAnswer: (answer) => told.push(answer), onFault: noFault })
  t.teardown(() => watch.stop())
  await watch.start()
  await told.next(({ facts, failure }) => facts.node !== null && failure === null)
  if (config.intent.spegel.from !== 'none') {
    await server.journal.reaches(3, ({ verb }) => verb === 'watch')
    putRelease('HelmChart')
    await server.journal.reaches(1, ({ path }) => path.includes('/helmcharts/'))
  }
  const where = () => null
  const nodes = await canaryNodes(config, Promise.resolve({ state: 'open', api }), pino({ level: 'silent' }), where)
  await nodes?.read(new AbortController().signal)
  if (config.observe.enabled && config.containerd.socket !== null) {
    const { failure } = await pulledEvents(api).of({ namespace: 'media', uid: 'a' }, new AbortController().signal)
    t.equal(failure, null)
  }
}

/** All that the agent writes with this configuration: a start, an end, another start, and the condition. */
async function write(t: Test, cluster: TestCluster, config: Config): Promise<void> {
  const clock = new VirtualClock()
  const { api, answers } = answeredApi(cluster.api)
  const reports = new ClusterReports({ api, config, before: null, clock, onFailure: () => {} })
  t.teardown(() => reports.stop())
  const node = { bootedAt: null, spegelLastSeenAt: new Date(clock.now()).toISOString() }
  const { events, nodeCondition } = config.kubernetes
  for (const [findings, verb] of [
    [[finding()], 'create'],
    [[], 'create'],
    [[finding()], 'patch'],
  ] as const) {
    reports.consider(report({ findings: [...findings], inputs: [] }), {
      ...node,
      now: new Date(clock.now()).toISOString(),
    })
    await clock.pass(5_000)
    if (events) await answers.next(({ what }) => what.startsWith(`${verb} /apis/events`))
    await clock.pass(10 * MINUTE)
  }
  if (nodeCondition) await cluster.server.journal.reaches(1, (it) => it.path.endsWith('/status'))
}

/** One verb of one resource, of one object where only some are granted. */
interface Right {
  rule: Rule
  text: string
}

/** Every right by itself, so that each can be taken away alone. */
function rightsOf(rules: readonly Rule[]): Right[] {
  return rules.flatMap((rule) =>
    rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.flatMap((verb) =>
          (rule.resourceNames ?? [null]).map((name) => ({
            rule: {
              apiGroups: [group],
              resources: [resource],
              verbs: [verb],
              ...(name === null ? {} : { resourceNames: [name] }),
              ...(rule.namespace === undefined ? {} : { namespace: rule.namespace }),
            },
            text: [verb, resource, group, name, rule.namespace && `in ${rule.namespace}`].filter(Boolean).join(' '),
          })),
        ),
      ),
    ),
  )
}

function isAllowed(rules: readonly Rule[], { verb, path }: JournalEntry): boolean {
  const target = requestTarget(path, true)
  if (target === null) throw new Error(`${path} is no path of the API`)
  try {
    authorize({ name: 'the agent', rules }, verb, target, null)
    return true
  } catch {
    return false
  }
}

for (const [name, places, most] of [
  ['default', USUAL, 13],
  ['everything', USUAL, 13],
  ['without-containerd-socket', USUAL, 12],
  ['few-rights', USUAL, 1],
  [
    'all-rights',
    {
      release: 'apps',
      source: 'flux-system',
      configMaps: ['spegel-values', 'cluster-settings'],
    },
    16,
  ],
] as const) {
  t.test(`${name}: all that is asked is granted, and all that is granted is asked`, async (t) => {
    const { config, rules } = renderedAgent(name, NODE)
    const cluster = await startCluster(t, { rules })
    await read(t, cluster, config, places)
    await write(t, cluster, config)
    const { entries } = cluster.server.journal
    for (const it of entries) t.ok(isAllowed(rules, it), `${it.verb} ${it.path}`)
    const rights = rightsOf(rules)
    t.equal(rights.length, most)
    for (const { rule, text } of rights)
      t.ok(
        entries.some((it) => isAllowed([rule], it)),
        `${text} is used`,
      )
  })
}

t.test('without Kubernetes there is no right, and one that is granted elsewhere is not granted here', async (t) => {
  t.strictSame(renderedAgent('without-kubernetes', NODE).rules, [])
  t.strictSame(renderedAgent('rights-granted-elsewhere', NODE).rules, [])
})

t.test('what would be worth taking is refused', async (t) => {
  const { rules } = renderedAgent('all-rights', NODE)
  const { api } = await startCluster(t, { rules })
  for (const ask of [
    () => api.get('/api/v1/namespaces/kube-system/secrets'),
    () => api.get('/api/v1/namespaces/apps/configmaps/another'),
    () => api.get('/api/v1/namespaces/apps/configmaps'),
    () => api.get('/api/v1/pods'),
    () => api.get('/api/v1/nodes'),
    () => api.patch(`/api/v1/nodes/${NODE}`, 'merge', { spec: { unschedulable: true } }),
    () => api.patch('/apis/apps/v1/namespaces/spegel/daemonsets/spegel', 'merge', {}),
    () => api.create('/apis/events.k8s.io/v1/namespaces/spegel/events', {}),
  ]) {
    t.match(await ask().catch((error: KubeError) => error.failure), { reason: 'forbidden' })
  }
})
