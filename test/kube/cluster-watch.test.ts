import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import type { ClusterAnswer } from '../../src/drift/cluster-facts.ts'
import { ClusterWatch } from '../../src/kube/cluster-watch.ts'
import type { KubeFailure } from '../../src/kube/kube-api.ts'
import { MemoryKube } from '../fixtures/memory-kube.ts'
import { noFault } from '../fixtures/no-fault.ts'
import {
  daemonSetObject,
  HARBOR_VALUES,
  nodeObject,
  PATHS,
  podObject,
  releaseObject,
} from '../fixtures/spegel-objects.ts'
import { VirtualClock } from './virtual-clock.ts'

const START = '2026-09-01T12:00:00.000Z'

/** Everything that the memory API answers has come to whoever asked. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

interface Watching {
  kube: MemoryKube
  clock: VirtualClock
  answers: ClusterAnswer[]
  last(): ClusterAnswer
}

async function watch(t: Test, kube: MemoryKube, spegel = 'from: daemonset'): Promise<Watching> {
  const text = `node: { name: k8s-1, ip: 192.168.1.98 }\nintent: { spegel: { ${spegel} } }\n`
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const answers: ClusterAnswer[] = []
  const clock = new VirtualClock(Date.parse(START))
  const cluster = new ClusterWatch({
    config,
    api: kube,
    clock,
    onAnswer: (answer) => answers.push(answer),
    onFault: noFault,
  })
  t.teardown(() => cluster.stop())
  await cluster.start()
  const last = () => {
    const answer = answers.at(-1)
    if (answer === undefined) throw new Error('nothing was heard')
    return answer
  }
  return { kube, clock, answers, last }
}

/** A cluster with Spegel as Flux installs it. */
function withSpegel(values = HARBOR_VALUES): MemoryKube {
  const kube = new MemoryKube(START)
  kube.put(PATHS.daemonSets, daemonSetObject(values))
  kube.put(PATHS.pods, podObject('spegel-x7k2p'))
  kube.put(PATHS.releases, releaseObject(values))
  kube.put(PATHS.nodes, nodeObject())
  return kube
}

const registriesOf = ({ spegel }: ClusterAnswer) => spegel?.intent?.spegel?.mirroredRegistries.map((it) => it.url)
const given = <T>(value: T | 'absent' | null | undefined): T => {
  if (value === null || value === undefined || value === 'absent') throw new Error(`it is ${value}`)
  return value
}
const UNREACHABLE: KubeFailure = { reason: 'unreachable', message: 'GET https://10.96.0.1/apis: connect ECONNREFUSED' }

t.test('everything that concerns this node is known, at one request for each', async (t) => {
  const { last, kube } = await watch(t, withSpegel())
  const { facts, spegel, failure } = last()
  t.equal(failure, null)
  t.same(registriesOf(last()), ['https://docker.io', 'http://192.168.1.106'])
  t.same(
    [spegel?.intent?.spegel?.form, spegel?.intent?.spegel?.source?.file],
    ['daemonset', 'daemonset kube-system/spegel'],
  )
  t.same(facts.intent, { source: 'daemonset kube-system/spegel', knownUntil: null })
  t.match(facts.pods.value, [{ name: 'spegel-x7k2p', ready: true }])
  t.match(facts.release?.value, { name: 'spegel', ready: true })
  t.equal(facts.node?.containerd?.value.text, '2.1.9')
  t.same(kube.requests, [
    'GET /api/v1/nodes/k8s-1',
    'FOLLOW /apis/apps/v1/namespaces/kube-system/daemonsets?fieldSelector=metadata.name=spegel',
    'FOLLOW /api/v1/namespaces/kube-system/pods?fieldSelector=spec.nodeName=k8s-1&labelSelector=app.kubernetes.io/component=spegel,app.kubernetes.io/name=spegel,app.kubernetes.io/instance=spegel',
    'FOLLOW /apis/helm.toolkit.fluxcd.io/v2/namespaces/kube-system/helmreleases?fieldSelector=metadata.name=spegel',
  ])
})

t.test('where Flux did not make the DaemonSet, no HelmRelease is asked for', async (t) => {
  const kube = withSpegel()
  kube.put(PATHS.daemonSets, daemonSetObject(HARBOR_VALUES, { byFlux: false }))
  const { last } = await watch(t, kube)
  t.equal(last().facts.release, null)
  t.notOk(kube.followed.includes(PATHS.releases))
})

t.test('an edited DaemonSet is the intent at once, and its status alone changes nothing of it', async (t) => {
  const { kube, last } = await watch(t, withSpegel())
  const before = last().spegel?.intent
  kube.put(PATHS.daemonSets, daemonSetObject(HARBOR_VALUES, { desired: 4 }))
  t.equal(last().spegel?.intent, before, 'the same object')
  t.equal(given(last().facts.daemonSet.value).desired, 4)
  const edited = { spegel: { ...HARBOR_VALUES.spegel, mirroredRegistries: ['https://ghcr.io'] } }
  kube.put(PATHS.daemonSets, daemonSetObject(edited, { generation: 2 }))
  t.same(registriesOf(last()), ['https://ghcr.io'])
})

t.test('a pod that is deleted is gone, and the new one is known by its name; the Node is looked at once', async (t) => {
  const { kube, last } = await watch(t, withSpegel())
  kube.remove(PATHS.pods, 'spegel-x7k2p')
  t.same(last().facts.pods.value, [])
  await settled()
  kube.put(PATHS.pods, podObject('spegel-q9w8e', { ready: false }))
  t.match(last().facts.pods.value, [{ name: 'spegel-q9w8e', ready: false }])
  t.equal(kube.requests.filter((it) => it === 'GET /api/v1/nodes/k8s-1').length, 2)
})

t.test('a HelmRelease that is edited first asks for what the DaemonSet does not have', async (t) => {
  const { kube, last } = await watch(t, withSpegel())
  const edited = { spegel: { ...HARBOR_VALUES.spegel, prependExisting: false } }
  kube.put(PATHS.releases, releaseObject(edited, { generation: 2, status: { observedGeneration: 1 } }))
  await settled()
  const asked = given(last().facts.release?.value)
  t.same([asked.spegel?.prependExisting, asked.isObserved], [false, false])
  t.equal(last().spegel?.intent?.spegel?.prependExisting, true, 'the DaemonSet is the intent')
  kube.put(PATHS.daemonSets, daemonSetObject(edited, { generation: 2 }))
  t.equal(last().spegel?.intent?.spegel?.prependExisting, false)
})

t.test('the chart and the values that a HelmRelease names are read with it, and never a half of them', async (t) => {
  const kube = withSpegel()
  const spec = {
    chart: undefined,
    chartRef: { kind: 'OCIRepository', name: 'spegel' },
    values: { spegel: { prependExisting: true } },
    valuesFrom: [
      { kind: 'ConfigMap', name: 'spegel-values' },
      { kind: 'Secret', name: 'spegel-secret' },
    ],
  }
  const text = (url: string) =>
    `spegel: { mirroredRegistries: [${JSON.stringify(url)}], containerdRegistryConfigPath: /etc/cri/conf.d/hosts }\n`
  const configMap = (url: string) => ({ metadata: { name: 'spegel-values' }, data: { 'values.yaml': text(url) } })
  kube.put(PATHS.ociRepositories, {
    metadata: { name: 'spegel' },
    spec: { url: 'oci://ghcr.io/spegel-org/helm-charts/spegel', ref: { tag: '0.7.3' } },
  })
  kube.put(PATHS.configMaps, configMap('https://docker.io'))
  kube.put(PATHS.releases, releaseObject({}, { spec }))
  const { answers, last } = await watch(t, kube, 'from: helmrelease')
  t.same(registriesOf(last()), ['https://docker.io'])
  t.equal(last().spegel?.intent?.spegel?.version.text, '0.7.3')
  t.same(given(last().facts.release?.value).unseen, ['Secret kube-system/spegel-secret'])
  t.notOk(
    kube.requests.some((it) => /secret/i.test(it)),
    'a Secret is never asked for',
  )
  const seen = answers.flatMap((it) =>
    it.facts.release?.value == null ? [] : [given(it.facts.release.value).spegel?.version.text],
  )
  t.same([...new Set(seen)], ['0.7.3'])

  kube.put(PATHS.configMaps, configMap('https://ghcr.io'))
  kube.put(PATHS.releases, releaseObject({}, { spec, status: { lastAttemptedConfigDigest: 'sha256:2' } }))
  await settled()
  t.same(registriesOf(last()), ['https://ghcr.io'], 'read again when Flux has')

  kube.remove(PATHS.releases, 'spegel')
  kube.put(PATHS.configMaps, configMap('https://quay.io'))
  const again = releaseObject({}, { spec, status: { lastAttemptedConfigDigest: 'sha256:2' } })
  kube.put(PATHS.releases, { ...again, metadata: Object.assign({ uid: 'another' }, again.metadata) })
  await settled()
  t.same(registriesOf(last()), ['https://quay.io'], 'and where another stands in its place')
})

t.test('a HelmRelease installs where it says', async (t) => {
  const kube = withSpegel()
  kube.put(
    '/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-apps/helmreleases',
    releaseObject(HARBOR_VALUES, { spec: { targetNamespace: 'kube-system', releaseName: 'spegel' } }),
  )
  const { last } = await watch(t, kube, 'from: helmrelease, namespace: flux-apps')
  t.same(last().facts.where, { namespace: 'kube-system', daemonSet: 'spegel' })
  t.match(last().facts.pods.value, [{ name: 'spegel-x7k2p' }])
  t.equal(last().facts.intent?.source, 'helmrelease flux-apps/spegel')
  t.notOk(
    kube.requests.some((it) => it.includes('flux-apps/daemonsets')),
    'nobody is looked for where he is not',
  )
})

t.test('pods are looked for where the HelmRelease installs now, even if no DaemonSet is there', async (t) => {
  const kube = withSpegel()
  const { last } = await watch(t, kube, 'from: helmrelease')
  t.match(last().facts.pods.value, [{ name: 'spegel-x7k2p' }])
  kube.put(
    PATHS.releases,
    releaseObject(HARBOR_VALUES, { spec: { targetNamespace: 'elsewhere', releaseName: 'spegel' } }),
  )
  await settled()
  t.same(last().facts.where, { namespace: 'elsewhere', daemonSet: 'spegel' })
  t.equal(last().facts.daemonSet.value, 'absent')
  t.same(last().facts.pods.value, [], 'those of the namespace before are not its own')
  kube.put(PATHS.releases, releaseObject(HARBOR_VALUES, { spec: { releaseName: 'other-spegel' } }))
  await settled()
  t.same(last().facts.where, { namespace: 'kube-system', daemonSet: 'other-spegel' })
  t.same(last().facts.pods.value, [], 'nor those of the DaemonSet that has the old name')
  kube.put(PATHS.releases, releaseObject(HARBOR_VALUES))
  await settled()
  t.match(last().facts.pods.value, [{ name: 'spegel-x7k2p' }])
})

t.test('a Flux that has no such API is no failure, unless its HelmRelease is the intent', async (t) => {
  const missing: KubeFailure = { reason: 'not-found', message: 'GET helmreleases: 404 page not found' }
  const kube = withSpegel()
  kube.deny(PATHS.releases, missing)
  const { last } = await watch(t, kube)
  t.equal(last().failure, null)
  t.match(last().facts, { release: { value: null, failure: missing.message }, isFluxMissing: false })
  const asked = withSpegel()
  asked.deny(PATHS.releases, missing)
  const wanted = (await watch(t, asked, 'from: helmrelease')).last()
  t.match(wanted.failure?.message, '404 page not found')
  t.equal(wanted.facts.isFluxMissing, true)
  t.equal(wanted.spegel?.intent, null)
})

t.test('while the API server is away all stays as it was known, with its age', async (t) => {
  const { kube, clock, last } = await watch(t, withSpegel())
  const before = last().spegel?.intent
  kube.goAway(UNREACHABLE, START)
  await clock.pass(3_600_000)
  const { spegel, facts, failure } = last()
  t.equal(spegel?.intent, before)
  t.equal(spegel?.failure, null, 'nothing can have come to this node')
  t.same(facts.intent, { source: 'daemonset kube-system/spegel', knownUntil: START })
  t.same(facts.pods.knownUntil, START)
  t.match(facts.pods.value, [{ name: 'spegel-x7k2p' }])
  t.equal(failure?.reason, 'unreachable')
  t.match(failure?.message, `connect ECONNREFUSED; what is known is of ${START}`)
  kube.comeBack('2026-09-01T13:00:00.000Z')
  await clock.pass(600_000)
  t.equal(last().failure, null)
  t.equal(last().facts.pods.knownUntil, null)
})

t.test('what was never seen is not there', async (t) => {
  const kube = withSpegel()
  kube.goAway(UNREACHABLE, START)
  const { last } = await watch(t, kube)
  const { spegel, facts, failure } = last()
  t.equal(spegel?.intent, null)
  t.match(spegel?.failure, { reason: 'unreachable', message: /ECONNREFUSED, and it was never known/ })
  t.same([facts.daemonSet.value, facts.pods.value, facts.intent, facts.node], [null, null, null, null])
  t.match(failure?.message, /never known/)
})

t.test('what the role does not allow is named as the rule that is missing', async (t) => {
  const kube = withSpegel()
  const { last } = await watch(t, kube)
  kube.deny(PATHS.daemonSets, { reason: 'forbidden', message: 'GET daemonsets: 403' })
  kube.deny(PATHS.pods, { reason: 'forbidden', message: 'GET pods: 403' })
  const { spegel, failure } = last()
  t.equal(failure?.reason, 'refused')
  t.match(
    failure?.message,
    "GET daemonsets: 403 (the agent's role lacks list and watch of daemonsets.apps in kube-system); what is known is of",
  )
  t.match(failure?.message, "GET pods: 403 (the agent's role lacks list and watch of pods in kube-system)")
  t.same(registriesOf(last()), ['https://docker.io', 'http://192.168.1.106'], 'the last known')
  t.equal(spegel?.failure?.reason, 'refused', 'the cluster may have changed it since')
})

t.test('a Node that may not be read is told, and asked for again', async (t) => {
  const kube = new MemoryKube(START)
  kube.put(PATHS.daemonSets, daemonSetObject(HARBOR_VALUES))
  kube.deny(PATHS.nodes, { reason: 'forbidden', message: 'GET nodes: 403' })
  const { last, clock } = await watch(t, kube)
  t.match(last().failure?.message, "(the agent's role lacks get of nodes)")
  await clock.pass(3_600_000)
  t.ok(kube.requests.filter((it) => it.startsWith('GET')).length <= 7)
})

t.test('a DaemonSet that was never there is said, and one that is deleted leaves its intent in force', async (t) => {
  const kube = new MemoryKube(START)
  kube.put(PATHS.nodes, nodeObject())
  const { last } = await watch(t, kube)
  t.equal(last().facts.daemonSet.value, 'absent')
  t.match(last().spegel, {
    intent: null,
    failure: {
      reason: 'unreadable',
      message: /there is no daemonset kube-system\/spegel: .*intent\.spegel\.from: none/,
    },
  })
  kube.put(PATHS.daemonSets, daemonSetObject(HARBOR_VALUES))
  t.equal(last().spegel?.failure, null)
  kube.remove(PATHS.daemonSets, 'spegel')
  t.equal(last().facts.daemonSet.value, 'absent')
  t.same([registriesOf(last()), last().spegel?.failure], [['https://docker.io', 'http://192.168.1.106'], null])
})

t.test('a DaemonSet that cannot be read leaves the last intent, and says where it is wrong', async (t) => {
  const { kube, last } = await watch(t, withSpegel())
  const spec = { template: { spec: { initContainers: [{ args: ['configuration', '--mirror-target=http://a'] }] } } }
  kube.put(PATHS.daemonSets, { ...daemonSetObject(HARBOR_VALUES), spec })
  t.match(last().spegel?.failure, {
    reason: 'invalid',
    message: /initContainers\[0\]\.args\[1\]: Spegel knows no flag/,
  })
  t.same(registriesOf(last()), ['https://docker.io', 'http://192.168.1.106'])
})

t.test('where Spegel is not used only the Node is read; with files only its intent is theirs', async (t) => {
  const none = await watch(t, withSpegel(), 'from: none')
  t.same(none.kube.requests, ['GET /api/v1/nodes/k8s-1'])
  t.same([none.last().facts.where, none.last().spegel], [null, null])
  const files = await watch(t, withSpegel(), 'from: values')
  t.equal(files.last().spegel, null)
  t.match(files.last().facts.pods.value, [{ name: 'spegel-x7k2p' }])
})

t.test('a day in which nothing changes costs a few requests beside the watches', async (t) => {
  const { kube, clock } = await watch(t, withSpegel())
  const before = kube.requests.length
  await clock.pass(24 * 3_600_000)
  const asked = kube.requests.slice(before)
  t.ok(asked.length <= 6, `${asked.length} in a day`)
  t.ok(asked.length >= 4, 'the Node is looked at now and then')
})

t.test('after its end nothing is told and nothing asked', async (t) => {
  const kube = withSpegel()
  const text = 'node: { name: k8s-1, ip: 192.168.1.98 }\n'
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const clock = new VirtualClock(Date.parse(START))
  let told = 0
  const cluster = new ClusterWatch({ config, api: kube, clock, onAnswer: () => told++, onFault: noFault })
  await cluster.start()
  cluster.stop()
  const before = [told, kube.requests.length]
  kube.put(PATHS.daemonSets, daemonSetObject({}))
  await clock.pass(24 * 3_600_000)
  t.same([told, kube.requests.length], before)
  t.same(kube.followed, [])
})

t.test('a fault while hearing is told, and what comes next is heard', async (t) => {
  const kube = withSpegel()
  const text = 'node: { name: k8s-1, ip: 192.168.1.98 }\n'
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const fault = new TypeError('a fault')
  const faults: unknown[] = []
  let isBroken = false
  const answers: ClusterAnswer[] = []
  const onAnswer = (answer: ClusterAnswer) => {
    if (isBroken) throw fault
    answers.push(answer)
  }
  const clock = new VirtualClock(Date.parse(START))
  const cluster = new ClusterWatch({ config, api: kube, clock, onAnswer, onFault: (error) => faults.push(error) })
  t.teardown(() => cluster.stop())
  await cluster.start()
  isBroken = true
  t.doesNotThrow(() => kube.put(PATHS.pods, podObject('spegel-other')))
  t.ok(faults.length > 0 && faults.every((it) => it === fault))
  isBroken = false
  const before = answers.length
  kube.remove(PATHS.pods, 'spegel-other')
  t.ok(answers.length > before)
})
