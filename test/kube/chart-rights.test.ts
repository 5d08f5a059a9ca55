/**
 * What the chart grants, against what the agent asks: the double enforces the roles of the golden files, which
 * test/package/chart.e2e.ts holds to what Helm renders. Nothing that is asked is refused, and nothing is granted that is not asked.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { ClusterReports } from '../../src/kube/cluster-reports.ts'
import { KubeError } from '../../src/kube/kube-api.ts'
import type { KubernetesObject } from '../package/chart/rendered.ts'
import { finding, report } from '../render/sample-report.ts'
import { answeredApi } from './answered-api.ts'
import { Heard, startCluster, type TestCluster } from './cluster.ts'
import type { JournalEntry } from './journal.ts'
import { authorize, type Rule } from './rbac.ts'
import { requestTarget } from './request-path.ts'
import { VirtualClock } from './virtual-clock.ts'

const GOLDEN = join(import.meta.dirname, '..', 'package', 'chart', 'golden')
const MINUTE = 60_000
const NODE = 'k8s-1'

interface Rendered {
  config: Config
  /** What the agent's account may. */
  rules: Rule[]
}

function rendered(name: string): Rendered {
  const text = readFileSync(join(GOLDEN, `${name}.yaml`), 'utf8')
  const objects = parseAllDocuments(text).map((it): KubernetesObject => it.toJS())
  const named = (kind: string) => objects.filter((it) => it.kind === kind)
  const account: string = named('DaemonSet')[0]?.spec.template.spec.serviceAccountName
  const bound = objects.filter(
    (it) => it.kind.endsWith('Binding') && it.subjects?.some((subject) => subject.name === account),
  )
  const rules = bound.flatMap(({ metadata: { namespace }, roleRef }): Rule[] => {
    const role = named(roleRef?.kind ?? '').find((it) => {
      return it.metadata.name === roleRef?.name && it.metadata.namespace === namespace
    })
    return (role?.rules ?? []).map((it) => (namespace === undefined ? it : { ...it, namespace }))
  })
  const configText = named('ConfigMap').find((it) => it.data?.['config.yaml'] !== undefined)?.data?.['config.yaml']
  const env = { NODE_NAME: NODE, NODE_IP: '192.168.1.98', SHORT_NAME: NODE }
  return { config: readConfig(configText ?? '', 'config.yaml', { env, hostname: NODE }), rules }
}

/** Where Spegel, its HelmRelease and that release's chart are, and which ConfigMaps it takes values from. */
interface Places {
  spegel: string
  release: string
  source: string
  configMaps: readonly string[]
}

const USUAL: Places = { spegel: 'kube-system', release: 'kube-system', source: 'kube-system', configMaps: [] }

/** What is read: one object, one list, or a collection that is followed. */
type Reading = { get: string } | { list: string } | { follow: string }

/** All that the agent reads with this configuration. */
function readings({ intent, canary, spegel, observe, containerd }: Config, places: Places): Reading[] {
  const flux = (kind: string) => `/apis/source.toolkit.fluxcd.io/v1/namespaces/${places.source}/${kind}/spegel`
  const ofSpegel: Reading[] = [
    { follow: `/apis/apps/v1/namespaces/${places.spegel}/daemonsets` },
    { follow: `/api/v1/namespaces/${places.spegel}/pods` },
    { follow: `/apis/helm.toolkit.fluxcd.io/v2/namespaces/${places.release}/helmreleases` },
    { get: flux('ocirepositories') },
    { get: flux('helmcharts') },
    ...places.configMaps.map((name) => ({ get: `/api/v1/namespaces/${places.release}/configmaps/${name}` })),
  ]
  const hasSlots = canary.interval > 0 && spegel.peersFrom === 'endpointslice'
  return [
    { get: `/api/v1/nodes/${NODE}` },
    ...(intent.spegel.from === 'none' ? [] : ofSpegel),
    ...(hasSlots ? [{ list: `/apis/discovery.k8s.io/v1/namespaces/${places.spegel}/endpointslices` }] : []),
    ...(observe.enabled && containerd.socket !== null ? [{ list: '/api/v1/namespaces/media/events' }] : []),
  ]
}

async function read(t: Test, { server, api }: TestCluster, reading: Reading): Promise<void> {
  if ('follow' in reading) {
    const heard = new Heard().follow(t, api, reading.follow)
    const { failure } = await heard.until((it) => it.objects !== null || it.failure !== null)
    t.equal(failure, null)
    if (failure === null) await server.journal.reaches(1, (it) => it.verb === 'watch' && it.path === reading.follow)
    return
  }
  try {
    await api.get('get' in reading ? reading.get : reading.list)
  } catch (error) {
    // Nothing of it is there, and it may be asked for.
    if (!(error instanceof KubeError && error.failure.reason === 'not-found')) throw error
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
      spegel: 'spegel',
      release: 'apps',
      source: 'flux-system',
      configMaps: ['spegel-values', 'cluster-settings'],
    },
    16,
  ],
] as const) {
  t.test(`${name}: all that is asked is granted, and all that is granted is asked`, async (t) => {
    const { config, rules } = rendered(name)
    const cluster = await startCluster(t, { rules })
    cluster.server.put('nodes', { metadata: { name: NODE }, status: {} })
    for (const it of readings(config, places)) await read(t, cluster, it)
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
  t.strictSame(rendered('without-kubernetes').rules, [])
  t.strictSame(rendered('rights-granted-elsewhere').rules, [])
})

t.test('what would be worth taking is refused', async (t) => {
  const { rules } = rendered('all-rights')
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
