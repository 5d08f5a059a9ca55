import fc from 'fast-check'
import t from 'tap'
import { type SpegelSetting, settingDifferences } from '../../src/drift/spegel-settings-difference.ts'
import { readDaemonSet } from '../../src/kube/daemonset-object.ts'
import { readHelmRelease, type Sources, sourcesOf } from '../../src/kube/helmrelease-object.ts'
import type { KubeObject } from '../../src/kube/kube-api.ts'
import { readNode } from '../../src/kube/node-object.ts'
import { readPods } from '../../src/kube/pod-object.ts'
import { SpegelIntentReader } from '../../src/kube/spegel-intent-reader.ts'
import { daemonSetOf, daemonSetOfRelease } from '../../src/kube/spegel-place.ts'
import {
  type ChartValues,
  daemonSetObject,
  HARBOR_VALUES,
  nodeObject,
  podObject,
  type ReleaseOptions,
  releaseObject,
} from '../fixtures/spegel-objects.ts'

const PLACE = { namespace: 'kube-system', name: 'spegel' }
const NOTHING: Sources = { objects: [], unread: [] }
const reader = new SpegelIntentReader()
const ofDaemonSet = (object: KubeObject) => readDaemonSet(object, PLACE, reader, null)
const ofRelease = (object: KubeObject, sources = NOTHING) => readHelmRelease(object, PLACE, sources, reader, null)

const values: fc.Arbitrary<ChartValues> = fc.record({
  ...{ basicAuthSecretName: fc.constantFrom('', 'spegel-auth') },
  spegel: fc.record(
    {
      mirroredRegistries: fc.uniqueArray(
        fc.constantFrom('https://docker.io', 'https://ghcr.io', 'http://192.168.1.106', 'http://192.168.1.106:5000'),
      ),
      additionalMirrorTargets: fc.uniqueArray(fc.constantFrom('http://cache.lan', 'http://10.0.0.7:5000')),
      containerdRegistryConfigPath: fc.constantFrom('/etc/cri/conf.d/hosts', '/etc/containerd/certs.d'),
      containerdMirrorAdd: fc.boolean(),
      resolveTags: fc.boolean(),
      prependExisting: fc.boolean(),
      registryFilters: fc.uniqueArray(fc.constantFrom(':latest$', '^docker\\.io/')),
    },
    { requiredKeys: [] },
  ),
  service: fc.record({
    registry: fc.record(
      {
        hostPort: fc.constantFrom(29999, 30020),
        nodePort: fc.constantFrom(30021, 31000),
        nodeIp: fc.constantFrom('10.0.0.9'),
        usePreferSameNodeTrafficDistribution: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  }),
})

t.test('what the chart makes of a HelmRelease never differs from it', async (t) => {
  const version = fc.constantFrom('0.5.1', '0.6.0', '0.7.0', '0.7.4')
  fc.assert(
    fc.property(values, version, (given, chart) => {
      const asked = ofRelease(releaseObject(given, { version: chart }))
      const made = ofDaemonSet(daemonSetObject(given, { version: chart }))
      if (asked.intent?.spegel == null || made.intent?.spegel == null)
        throw new Error(asked.problem ?? made.problem ?? '')
      const found = settingDifferences(asked.intent.spegel, made.intent.spegel, made.facts.chartVersion)
      if (found.length > 0) throw new Error(JSON.stringify(found))
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('each setting that differs is named, with both of its values', async (t) => {
  const cases: readonly (readonly [SpegelSetting, ChartValues, string, string])[] = [
    ['mirroredRegistries', { spegel: { mirroredRegistries: ['https://ghcr.io'] } }, 'https://ghcr.io', 'none'],
    [
      'mirror targets',
      { service: { registry: { hostPort: 29999 } } },
      'http://$(NODE_IP):29999, http://$(NODE_IP):30021',
      'http://$(NODE_IP):30020, http://$(NODE_IP):30021',
    ],
    ['prependExisting', { spegel: { prependExisting: true } }, 'true', 'false'],
    ['resolveTags', { spegel: { resolveTags: false } }, 'false', 'true'],
    ['containerdMirrorAdd', { spegel: { containerdMirrorAdd: false } }, 'false', 'true'],
    ['basicAuthSecretName', { basicAuthSecretName: 'auth' }, 'set', 'not set'],
    ['registryFilters', { spegel: { registryFilters: [':latest$'] } }, ':latest$', 'none'],
    [
      'containerdRegistryConfigPath',
      { spegel: { containerdRegistryConfigPath: '/etc/cri/conf.d/hosts' } },
      '/etc/cri/conf.d/hosts',
      '/etc/containerd/certs.d',
    ],
  ]
  const made = ofDaemonSet(daemonSetObject({}))
  for (const [setting, given, asked, found] of cases) {
    const release = ofRelease(releaseObject(given))
    t.same(
      release.facts.spegel && made.facts.spegel && settingDifferences(release.facts.spegel, made.facts.spegel, '0.7.4'),
      [{ setting, asked, found }],
      setting,
    )
  }
  const older = ofRelease(releaseObject({}, { version: '0.7.3' })).facts.spegel
  t.match(older && made.facts.spegel && settingDifferences(older, made.facts.spegel, '0.7.4'), [
    { setting: 'chart version', asked: '0.7.3', found: '0.7.4' },
  ])
})

t.test('a place in an object is the path in it, not a line', async (t) => {
  const { intent } = ofDaemonSet(daemonSetObject(HARBOR_VALUES))
  t.same(intent?.spegel?.mirroredRegistries[1]?.source, {
    file: 'daemonset kube-system/spegel .spec.template.spec.initContainers[0].args[5]',
    line: 0,
    column: 0,
  })
  t.same(intent?.spegel?.source, { file: 'daemonset kube-system/spegel', line: 0, column: 0 })
  const spec = { template: { spec: { initContainers: [{ args: ['configuration', '--mirror-target=http://a'] }] } } }
  t.match(ofDaemonSet({ ...daemonSetObject({}), spec }), {
    intent: null,
    problem:
      'daemonset kube-system/spegel .spec.template.spec.initContainers[0].args[1]: Spegel knows no flag --mirror-target',
  })
})

t.test('a mistake in the release is told with its path', async (t) => {
  const { problem, intent } = ofRelease(
    releaseObject({ spegel: { mirroredRegistries: 'no list' as unknown as string[] } }),
  )
  t.equal(intent, null)
  t.match(problem, 'helmrelease kube-system/spegel .spec.values.spegel.mirroredRegistries: ')
  const listed = ofRelease(releaseObject({ spegel: { mirroredRegistries: ['192.168.1.106'] } })).intent
  t.match(listed?.problems, [
    {
      code: 'SPEGEL_REGISTRY_NO_SCHEME',
      source: { file: 'helmrelease kube-system/spegel .spec.values.spegel.mirroredRegistries[0]', line: 0 },
    },
  ])
})

t.test('values from a ConfigMap count, below those in the release itself', async (t) => {
  const release = releaseObject(
    { spegel: { prependExisting: true } },
    { spec: { valuesFrom: [{ kind: 'ConfigMap', name: 'spegel-values' }] } },
  )
  t.same(sourcesOf(release, PLACE), [{ kind: 'ConfigMap', namespace: 'kube-system', name: 'spegel-values' }])
  const text = 'spegel:\n  prependExisting: false\n  mirroredRegistries:\n    - http://192.168.1.106\n'
  const read = ofRelease(release, {
    objects: [
      {
        name: 'configmap kube-system/spegel-values',
        object: { kind: 'ConfigMap', metadata: { name: 'spegel-values' }, data: { 'values.yaml': text } },
      },
    ],
    unread: [],
  })
  t.equal(read.facts.spegel?.prependExisting, true)
  t.match(read.facts.spegel?.mirroredRegistries, [
    {
      url: 'http://192.168.1.106',
      source: { file: 'configmap kube-system/spegel-values .data["values.yaml"]', line: 0 },
    },
  ])
  t.same([read.facts.unseen, read.facts.uncertain], [[], []])
})

t.test('what a Secret may set is uncertain, unless the release itself sets it', async (t) => {
  const spec = { valuesFrom: [{ kind: 'Secret', name: 'spegel-secret' }] }
  const { facts } = ofRelease(releaseObject({ spegel: { prependExisting: true, mirroredRegistries: [] } }, { spec }))
  t.same(facts.unseen, ['Secret kube-system/spegel-secret'])
  t.same(facts.uncertain, [
    'containerdMirrorAdd',
    'containerdRegistryConfigPath',
    'mirror targets',
    'resolveTags',
    'basicAuthSecretName',
    'registryFilters',
  ])
  t.same(sourcesOf(releaseObject({}, { spec }), PLACE), [], 'a Secret is not asked for')
  const rendered = ofRelease(releaseObject({ spegel: { prependExisting: true } }, { spec: { postRenderers: [{}] } }))
  t.ok(rendered.facts.uncertain.includes('prependExisting'))
})

t.test('where a range of versions is asked for, Flux says which came of it', async (t) => {
  const { facts } = ofRelease(
    releaseObject({}, { version: '0.x', status: { history: [{ status: 'deployed', chartVersion: '0.7.2' }] } }),
  )
  t.same([facts.revision, facts.spegel?.version.text], ['0.7.2', '0.7.2'])
})

t.test('the state of a release is what Flux says', async (t) => {
  const failed = ofRelease(
    releaseObject({}, { generation: 3, ready: { status: 'False', message: 'install retries\nexhausted' } }),
  ).facts
  t.match(failed, { ready: false, words: 'install retries exhausted', isObserved: true, suspended: false })
  t.match(ofRelease(releaseObject({}, { spec: { suspend: true } })).facts, { suspended: true })
  const edited = releaseObject({}, { generation: 4, status: { observedGeneration: 3 } })
  t.match(ofRelease(edited).facts, { isObserved: false })
})

t.test("Flux's message is withheld where it may quote a Secret", async (t) => {
  const message = 'Helm upgrade failed: cannot unmarshal string s3cr3t-t0ken into Go value'
  const failed = { status: 'False', reason: 'UpgradeFailed', message }
  const secret = {
    valuesFrom: [
      { kind: 'ConfigMap', name: 'open' },
      { kind: 'Secret', name: 'closed' },
    ],
  }
  const configMap = { valuesFrom: [{ kind: 'ConfigMap', name: 'open' }] }
  const withheld =
    'its message is withheld, since it may quote a Secret: kubectl -n kube-system describe helmrelease spegel shows it'
  const unreasoned = { status: 'False', message }
  const cases: readonly (readonly [name: string, options: ReleaseOptions, words: string])[] = [
    ['a Secret among the values', { spec: secret, ready: failed }, `UpgradeFailed (${withheld})`],
    ['and no reason', { spec: secret, ready: unreasoned }, withheld],
    ['and nothing to withhold', { spec: secret, ready: { ...failed, message: ' ' } }, ''],
    [
      'a kind that is not known',
      { spec: { valuesFrom: [{ name: 'closed' }] }, ready: failed },
      `UpgradeFailed (${withheld})`,
    ],
    ['ConfigMaps alone', { spec: configMap, ready: failed }, message],
    ['no values from elsewhere', { ready: failed }, message],
    [
      'the Secret was taken out since, by an edit that Flux has not taken up',
      { generation: 3, status: { observedGeneration: 2 }, ready: failed },
      `UpgradeFailed (${withheld})`,
    ],
    [
      'or has, and says nothing new of it yet',
      { generation: 3, ready: { ...failed, observedGeneration: 2 } },
      `UpgradeFailed (${withheld})`,
    ],
    ['said of this spec', { generation: 3, ready: { ...failed, observedGeneration: 3 } }, message],
  ]
  for (const [name, options, words] of cases) {
    const { facts } = ofRelease(releaseObject({}, options))
    t.equal(facts.words, words, name)
    t.equal(JSON.stringify(facts).includes('s3cr3t'), words === message, name)
  }
})

t.test('the name of the DaemonSet follows from that of the release', async (t) => {
  t.same(daemonSetOf('kube-system', 'spegel'), { namespace: 'kube-system', name: 'spegel' })
  t.same(daemonSetOf('apps', 'mirror'), { namespace: 'apps', name: 'mirror-spegel' })
  const release = releaseObject({}, { spec: { targetNamespace: 'mirror-system' } })
  t.same(daemonSetOfRelease(release, { namespace: 'flux-system', name: 'mirror' }), {
    namespace: 'mirror-system',
    name: 'mirror-system-mirror-spegel',
  })
})

t.test('a pod says whether it is ready, and when its init container finished', async (t) => {
  const crash = {
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s' } },
    lastState: { terminated: { exitCode: 1, finishedAt: '2026-09-01T12:00:00Z' } },
  }
  const again = {
    state: { running: {} },
    lastState: { terminated: { exitCode: 0, finishedAt: '2026-09-01T12:00:00Z' } },
  }
  const image = { state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image' } } }
  const starting = { state: { waiting: { reason: 'PodInitializing' } } }
  const cases: readonly (readonly [string, KubeObject, Record<string, unknown>])[] = [
    [
      'ready',
      podObject('a'),
      {
        ready: true,
        words: '',
        isBroken: false,
        since: '2026-09-01T11:40:20.000Z',
        configuration: { state: 'finished', finishedAt: '2026-09-01T11:40:02.000Z' },
      },
    ],
    [
      'no peer yet',
      podObject('a', { ready: false }),
      { ready: false, words: 'ContainersNotReady: containers with unready status: [registry]', isBroken: false },
    ],
    [
      'crash looping',
      podObject('a', { ready: false, phase: 'Pending', configuration: crash, registry: starting }),
      {
        configuration: {
          state: 'failing',
          finishedAt: '2026-09-01T12:00:00.000Z',
          words: 'CrashLoopBackOff: back-off 5m0s; it ended with exit code 1',
        },
      },
    ],
    [
      'run again after a reboot',
      podObject('a', { ready: false, configuration: again }),
      { configuration: { state: 'pending', finishedAt: '2026-09-01T12:00:00.000Z' } },
    ],
    [
      'not begun',
      podObject('a', { ready: false, phase: 'Pending', configuration: starting }),
      { configuration: { state: 'pending', finishedAt: null, words: 'PodInitializing' } },
    ],
    [
      'no image',
      podObject('a', { ready: false, registry: image }),
      { isBroken: true, words: 'ImagePullBackOff: Back-off pulling image' },
    ],
    ['being deleted', podObject('a', { deleted: true }), { isTerminating: true }],
  ]
  for (const [name, object, expected] of cases) t.match(readPods([object], 'spegel')[0], expected, name)
  t.same(readPods([podObject('a')], 'another'), [], "a pod of another's DaemonSet")
})

t.test('garbage in the place of objects is read as nothing, and never throws', async (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('metadata', 'spec', 'status'), fc.anything()), (object) => {
      ofDaemonSet(object)
      ofRelease(object)
      readNode(object, '2026-09-01T12:00:00.000Z')
      readPods([object], 'spegel')
    }),
  )
  t.pass()
})

t.test("a Node's runtime counts where it is a containerd that has rules", async (t) => {
  const of = (runtime: string) => readNode(nodeObject({ runtime }), '2026-09-01T12:00:00.000Z').containerd
  t.match(of('containerd://2.1.9'), { value: { text: '2.1.9' }, origin: 'node', source: 'node k8s-1 .status.nodeInfo' })
  t.same([of('cri-o://1.30.1'), of('containerd://1.6.20'), of('containerd://next'), of('')], [null, null, null, null])
})
