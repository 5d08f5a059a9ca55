import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import type { ClusterAnswer, SpegelHelmRelease } from '../../src/drift/cluster-facts.ts'
import { ClusterWatch } from '../../src/kube/cluster-watch.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { daemonSetObject, HARBOR_VALUES, nodeObject, podObject, releaseObject } from '../fixtures/spegel-objects.ts'
import { Told } from '../watch/watched-node.ts'
import type { Json } from './api-object.ts'
import { startCluster, type TestCluster } from './cluster.ts'
import type { Rule } from './rbac.ts'
import { VirtualClock } from './virtual-clock.ts'

const MINUTE = 60_000
const isPause = (ms: number) => ms < MINUTE && ms !== 30_000
const IN_NAMESPACE = { namespace: 'kube-system' }

/** All that it needs; nothing is listed in the whole cluster, and no Secret is ever read. */
const RULES = {
  nodes: { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
  pods: { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'], ...IN_NAMESPACE },
  daemonSet: {
    ...{ apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['list', 'watch'], resourceNames: ['spegel'] },
    ...IN_NAMESPACE,
  },
  release: {
    apiGroups: ['helm.toolkit.fluxcd.io'],
    ...{ resources: ['helmreleases'], verbs: ['list', 'watch'], resourceNames: ['spegel'], ...IN_NAMESPACE },
  },
  sources: {
    apiGroups: ['source.toolkit.fluxcd.io'],
    ...{ resources: ['ocirepositories', 'helmcharts'], verbs: ['get'], ...IN_NAMESPACE },
  },
  values: {
    ...{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'], resourceNames: ['spegel-values'] },
    ...IN_NAMESPACE,
  },
} satisfies Record<string, Rule>

const RELEASE_SPEC = {
  chart: undefined,
  chartRef: { kind: 'OCIRepository', name: 'spegel' },
  valuesFrom: [
    { kind: 'ConfigMap', name: 'spegel-values' },
    { kind: 'Secret', name: 'spegel-secret' },
  ],
}
const INLINE = { spegel: { ...HARBOR_VALUES.spegel, prependExisting: true } }

interface Watching extends TestCluster {
  clock: VirtualClock
  put(plural: string, object: unknown): void
  /** The first answer that fits, of those to come and those not waited for yet. */
  until(fits: (answer: ClusterAnswer) => boolean): Promise<ClusterAnswer>
}

async function watching(t: Test, without: readonly (keyof typeof RULES)[] = []): Promise<Watching> {
  const clock = new VirtualClock(Date.parse('2026-09-01T12:00:00Z'))
  const rules = Object.entries(RULES).flatMap(([name, rule]) => ((without as string[]).includes(name) ? [] : [rule]))
  const cluster = await startCluster(t, { clock, rules })
  const put = (plural: string, object: unknown) => void cluster.server.put(plural, object as Json)
  put('daemonsets', daemonSetObject(INLINE))
  put('pods', podObject('spegel-x7k2p'))
  put('pods', podObject('spegel-elsewhere', { node: 'k8s-2' }))
  put('helmreleases', releaseObject(INLINE, { spec: RELEASE_SPEC }))
  put('ocirepositories', {
    metadata: { name: 'spegel', namespace: 'kube-system' },
    spec: { url: 'oci://ghcr.io/spegel-org/helm-charts/spegel', ref: { tag: '0.7.4' } },
  })
  put('configmaps', {
    metadata: { name: 'spegel-values', namespace: 'kube-system' },
    data: { 'values.yaml': 'spegel:\n  resolveTags: true\n' },
  })
  put('nodes', nodeObject())
  const config = readConfig('node: { name: k8s-1, ip: 192.168.1.98 }\n', 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const told = new Told<ClusterAnswer>()
  const watch = new ClusterWatch({
    config,
    api: cluster.api,
    clock,
    onAnswer: (answer) => told.push(answer),
    onFault: noFault,
  })
  t.teardown(() => watch.stop())
  await watch.start()
  return { ...cluster, clock, put, until: (fits) => told.next(fits) }
}

const isWhole = ({ facts }: ClusterAnswer) => {
  return [facts.daemonSet, facts.pods, facts.release].every((it) => it?.value != null) && facts.node !== null
}
const releaseOf = ({ facts }: ClusterAnswer): SpegelHelmRelease | null => {
  const value = facts.release?.value ?? null
  return value === 'absent' ? null : value
}
const podsOf = ({ facts }: ClusterAnswer) => facts.pods.value?.map((it) => it.name) ?? null

t.test('all that concerns this node comes over the wire, within the rules and with no Secret read', async (t) => {
  const { server, until } = await watching(t)
  const answer = await until(isWhole)
  t.equal(answer.failure, null)
  t.same(podsOf(answer), ['spegel-x7k2p'])
  t.equal(answer.spegel?.intent?.spegel?.prependExisting, true)
  t.same([releaseOf(answer)?.problem, releaseOf(answer)?.unseen], [null, ['Secret kube-system/spegel-secret']])
  t.equal(answer.facts.node?.containerd?.value.text, '2.1.9')
  t.equal(
    server.journal.count(({ path }) => /secrets/.test(path)),
    0,
  )
  t.equal(
    server.journal.count(({ verb }) => verb === 'list'),
    3,
    'one list a collection',
  )
})

t.test('what is edited, deleted and made anew is known at once', async (t) => {
  const { server, put, until } = await watching(t)
  await until(isWhole)
  const edited = { spegel: { ...INLINE.spegel, prependExisting: false } }
  put('helmreleases', releaseObject(edited, { spec: RELEASE_SPEC, status: { observedGeneration: 1 } }))
  const asked = await until((it) => releaseOf(it)?.spegel?.prependExisting === false)
  t.equal(asked.spegel?.intent?.spegel?.prependExisting, true)
  put('daemonsets', daemonSetObject(edited))
  await until((it) => it.spegel?.intent?.spegel?.prependExisting === false)
  server.remove('pods', 'kube-system', 'spegel-x7k2p')
  await until((it) => podsOf(it)?.length === 0)
  put('pods', podObject('spegel-q9w8e', { ready: false }))
  await until((it) => podsOf(it)?.[0] === 'spegel-q9w8e')
  t.pass()
})

t.test('an API server that is gone for an hour leaves what was known, and its age', async (t) => {
  const { server, clock, put, until } = await watching(t)
  const before = (await until(isWhole)).spegel?.intent
  await server.refuse()
  for (const end = clock.now() + 60 * MINUTE; clock.now() < end; ) await clock.pass(await clock.waits(isPause))
  const gone = await until((it) => {
    return [it.facts.daemonSet, it.facts.pods, it.facts.release].every((heard) => heard?.failure != null)
  })
  t.equal(gone.spegel?.intent, before)
  t.equal(gone.spegel?.failure, null)
  t.match(gone.failure?.message, /; what is known is of 2026-09-01T12:0/)
  t.ok(Date.parse(gone.facts.intent?.knownUntil ?? '') < Date.parse('2026-09-01T12:10:00Z'))
  put('pods', podObject('spegel-q9w8e'))
  server.remove('pods', 'kube-system', 'spegel-x7k2p')
  await server.accept()
  const back = until((it) => it.failure === null && podsOf(it)?.[0] === 'spegel-q9w8e')
  let isBack = false
  void back.then(() => {
    isBack = true
  })
  while (!isBack) {
    await clock.pass(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal((await back).facts.pods.knownUntil, null)
})

t.test('a rule that is missing is named, whichever it is', async (t) => {
  const cases: readonly (readonly [keyof typeof RULES, RegExp])[] = [
    ['pods', /list and watch of pods in kube-system/],
    ['daemonSet', /list and watch of daemonsets\.apps in kube-system/],
    ['release', /list and watch of helmreleases\.helm\.toolkit\.fluxcd\.io in kube-system/],
    ['nodes', /get of nodes/],
  ]
  for (const [rule, words] of cases) {
    const { until } = await watching(t, [rule])
    const { failure } = await until((it) => it.failure !== null)
    t.equal(failure?.reason, 'refused', rule)
    t.match(failure?.message, words)
  }
})

t.test('a ConfigMap that may not be read is a note, and what it may set is uncertain', async (t) => {
  const { until } = await watching(t, ['values'])
  const answer = await until((it) => releaseOf(it) !== null)
  t.equal(answer.failure, null)
  t.match(releaseOf(answer)?.unseen, [
    /^ConfigMap kube-system\/spegel-values \(.*403|^ConfigMap .*forbidden/i,
    'Secret kube-system/spegel-secret',
  ])
  t.ok(releaseOf(answer)?.uncertain.includes('resolveTags'))
})
