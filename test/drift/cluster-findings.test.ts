import { Ajv } from 'ajv'
import t from 'tap'
import type { ClusterFacts } from '../../src/drift/cluster-facts.ts'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { NodeFacts } from '../../src/drift/facts.ts'
import { type EndpointProbe, NOTHING_PROBED, type SpegelHealth } from '../../src/drift/probes.ts'
import type { NodeReport } from '../../src/drift/report.ts'
import type { DirectoryNode } from '../../src/hosts/tree.ts'
import { SCHEMAS } from '../../src/server/schemas.ts'
import { cluster, daemonSet, heard, kubernetesNode, pod, REGISTRIES, release, stale } from '../fixtures/cluster.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { NODE_STATES } from '../fixtures/node-states.ts'

const ajv = new Ajv({ strict: false })
for (const schema of SCHEMAS) ajv.addSchema(schema)

const HARBOR = '192.168.1.106'
const talos = talosIntent([mirror(HARBOR, [`http://${HARBOR}`])])
const declared = intentOf(talos, spegelIntent(REGISTRIES))
const IN_SYNC = stateTree('A')
const TALOS_ALONE = stateTree('B')

function stateTree(name: string): DirectoryNode {
  const state = NODE_STATES[name]
  if (state === undefined) throw new TypeError(name)
  return state.tree
}

function reportOf(facts: Partial<ClusterFacts> | null, node: Partial<NodeFacts> = {}, tree = IN_SYNC): NodeReport {
  const known = nodeFacts({ cluster: facts === null ? null : cluster(facts), ...node })
  return evaluate(declared, observing(tree), daemonFacts(), known)
}

const SINCE = '2026-09-01T12:00:00.000Z'

interface Case {
  name: string
  facts: Partial<ClusterFacts> | null
  node?: Partial<NodeFacts>
  /** null: nothing is found. */
  reason: 'spegel-absent' | 'spegel-not-ready' | 'release-not-applied' | null
  cause?: { actor?: string; confidence?: string; text: RegExp }
  summary?: RegExp
  observed?: readonly string[]
  commands?: readonly (RegExp | string)[]
  note?: RegExp
  /** The tree that is on the node; in sync where it is not given. */
  tree?: DirectoryNode
}

const notReady = pod({ ready: false, words: 'ContainersNotReady: containers with unready status: [registry]' })
const crash = pod({
  ready: false,
  phase: 'Pending',
  words: 'PodInitializing',
  configuration: {
    state: 'failing',
    finishedAt: SINCE,
    words: 'CrashLoopBackOff: back-off 5m0s; it ended with exit code 1',
  },
})
const unheard = { value: null, knownUntil: null, failure: 'forbidden' }
const other = spegelIntent(['https://docker.io'], { prependExisting: false })
const NO_HOSTS: SpegelHealth = {
  url: 'http://192.168.1.98:30020',
  at: SINCE,
  validUntil: '2026-09-01T14:00:00.000Z',
  duration: 0.01,
  ready: false,
  lastReadyAt: '2026-09-01T11:50:00.000Z',
  failures: 3,
  words: 'status 500',
  registries: null,
}
const silent = { probes: { ...NOTHING_PROBED, spegel: NO_HOSTS } }

const cases: readonly Case[] = [
  { name: 'all is well', facts: {}, reason: null },
  { name: 'Kubernetes is not asked', facts: null, reason: null },
  {
    name: 'no pod, and nothing says why',
    facts: { pods: heard([]) },
    reason: 'spegel-absent',
    cause: { confidence: 'unknown', text: /waits for room on the node, is refused/ },
    commands: [
      'kubectl -n kube-system describe daemonset spegel',
      /^kubectl -n kube-system get pods -l app\.kubernetes\.io\/component=spegel,\S+ --field-selector status\.phase=Pending/,
    ],
  },
  {
    name: 'no pod, for a taint that it does not tolerate',
    facts: {
      pods: heard([]),
      node: kubernetesNode({ taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
    },
    reason: 'spegel-absent',
    cause: { actor: 'git', confidence: 'proven', text: /the node has the taint gpu=yes:NoSchedule/ },
    commands: [
      /in Spegel's values, add \{ key: gpu, operator: Exists, effect: NoSchedule \} to tolerations|spegel\.yaml/,
    ],
  },
  {
    name: 'a cordoned node keeps no DaemonSet away',
    facts: {
      pods: heard([]),
      node: kubernetesNode({ taints: [{ key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' }] }),
    },
    reason: 'spegel-absent',
    cause: { confidence: 'unknown', text: /waits for room/ },
  },
  {
    name: 'its node selector leaves this node out',
    facts: {
      pods: heard([]),
      daemonSet: heard(daemonSet({ placement: { nodeSelector: { pool: 'worker' }, affinity: null, tolerations: [] } })),
    },
    tree: TALOS_ALONE,
    reason: null,
    note: /leaves this node out: its nodeSelector asks for the label pool=worker/,
  },
  {
    name: 'its node affinity leaves this node out',
    facts: {
      pods: heard([]),
      daemonSet: heard(
        daemonSet({
          placement: {
            nodeSelector: {},
            affinity: [{ labels: [{ key: 'pool', operator: 'Exists', values: [] }], fields: [] }],
            tolerations: [],
          },
        }),
      ),
    },
    tree: TALOS_ALONE,
    reason: null,
    note: /its node affinity does not fit this node/,
  },
  {
    name: 'whether its node selector leaves this node out is not known',
    facts: {
      pods: heard([]),
      node: null,
      daemonSet: heard(daemonSet({ placement: { nodeSelector: { pool: 'worker' }, affinity: null, tolerations: [] } })),
    },
    reason: 'spegel-absent',
    cause: { confidence: 'unknown', text: /may leave this node out, which is not known/ },
  },
  {
    name: 'the DaemonSet was deleted, and Flux knows of it',
    facts: { daemonSet: heard('absent'), pods: heard([]), release: heard(release()) },
    reason: 'spegel-absent',
    summary: /There is no DaemonSet spegel in kube-system/,
    cause: { confidence: 'proven', text: /it was deleted, never installed, or has another name/ },
    commands: [/^kubectl get daemonsets -A/, 'flux -n flux-apps reconcile helmrelease spegel --force'],
  },
  {
    name: 'the DaemonSet is gone, and its pod still ends',
    facts: { daemonSet: heard('absent'), pods: heard([pod({ isTerminating: true })]) },
    reason: null,
  },
  { name: 'the pods could not be listed', facts: { pods: unheard }, reason: null },
  {
    name: 'a pod that is not ready',
    facts: { pods: heard([notReady]) },
    reason: 'spegel-not-ready',
    observed: ['pod kube-system/spegel-x7k2p: Running: ContainersNotReady: containers with unready status: [registry]'],
    cause: { actor: 'spegel', confidence: 'likely', text: /finds no peer, or is still starting/ },
    commands: [
      /get pods/,
      'kubectl -n kube-system logs spegel-x7k2p -c registry --tail=20',
      'kubectl -n kube-system delete pod spegel-x7k2p',
    ],
  },
  {
    name: 'an init container that fails',
    facts: { pods: heard([crash]) },
    reason: 'spegel-not-ready',
    cause: {
      confidence: 'proven',
      text: /init container, which writes its entries, fails: CrashLoopBackOff: back-off 5m0s/,
    },
    commands: ['kubectl -n kube-system logs spegel-x7k2p -c configuration --tail=20', /delete pod spegel-x7k2p/],
  },
  {
    name: 'a cluster of one node is never ready',
    facts: { daemonSet: heard(daemonSet({ desired: 1 })), pods: heard([notReady]) },
    node: silent,
    reason: null,
    note: /one node to run on, and no peer: it is never ready there/,
  },
  {
    name: 'even there its init container must not fail',
    facts: { daemonSet: heard(daemonSet({ desired: 1 })), pods: heard([crash]) },
    reason: 'spegel-not-ready',
  },
  {
    name: 'Kubernetes still holds it for ready, and it says otherwise',
    facts: {},
    node: silent,
    reason: 'spegel-not-ready',
    observed: ['http://192.168.1.98:30020/readyz: status 500, 3 times in a row'],
  },
  {
    name: 'both say it: one finding, by the pod',
    facts: { pods: heard([notReady]) },
    node: silent,
    reason: 'spegel-not-ready',
    observed: ['pod kube-system/spegel-x7k2p: Running: ContainersNotReady: containers with unready status: [registry]'],
  },
  {
    name: 'what a pod was an hour ago is no finding',
    facts: { pods: stale([notReady], SINCE) },
    reason: null,
  },
  {
    name: 'the release asks for what the DaemonSet has',
    facts: { release: heard(release()) },
    reason: null,
  },
  {
    name: 'Flux has not taken the edit up yet',
    facts: { release: heard(release({ spegel: other, isObserved: false, words: 'Helm upgrade succeeded' })) },
    reason: 'release-not-applied',
    summary: /asks for what the DaemonSet spegel does not have: mirroredRegistries, prependExisting/,
    observed: ['mirroredRegistries: https://docker.io, http://192.168.1.106', 'prependExisting: true'],
    cause: { actor: 'git', confidence: 'likely', text: /Flux has not applied spegel yet$/ },
    commands: ['flux -n flux-apps reconcile helmrelease spegel --with-source'],
  },
  {
    name: 'Flux is suspended',
    facts: { release: heard(release({ spegel: other, suspended: true })) },
    reason: 'release-not-applied',
    cause: { confidence: 'proven', text: /it is suspended/ },
    commands: ['flux -n flux-apps resume helmrelease spegel'],
  },
  {
    name: 'Flux failed',
    facts: { release: heard(release({ spegel: other, ready: false, words: 'Helm upgrade failed: timed out' })) },
    reason: 'release-not-applied',
    cause: { confidence: 'proven', text: /could not apply spegel: Helm upgrade failed: timed out/ },
    commands: ['kubectl -n flux-apps describe helmrelease spegel', /reconcile helmrelease spegel --with-source/],
  },
  {
    name: 'somebody changed the DaemonSet past Flux',
    facts: { release: heard(release({ spegel: other })) },
    reason: 'release-not-applied',
    cause: {
      confidence: 'likely',
      text: /holds spegel for applied \(chart 0\.7\.4\): the DaemonSet was changed past Flux/,
    },
    commands: ['flux -n flux-apps reconcile helmrelease spegel --force'],
  },
  {
    name: 'a Secret could explain it',
    facts: {
      release: heard(
        release({
          spegel: other,
          unseen: ['Secret flux-apps/spegel'],
          uncertain: ['mirroredRegistries', 'prependExisting'],
        }),
      ),
    },
    reason: null,
    note: /takes values from Secret flux-apps\/spegel, which is not read/,
  },
  {
    name: 'a Secret could explain a part of it',
    facts: { release: heard(release({ spegel: other, unseen: ['Secret a/b'], uncertain: ['prependExisting'] })) },
    reason: 'release-not-applied',
    observed: ['mirroredRegistries: https://docker.io, http://192.168.1.106'],
  },
  {
    name: 'another chart is asked for',
    facts: { daemonSet: heard(daemonSet({ chartVersion: '0.7.3' })), release: heard(release()) },
    reason: 'release-not-applied',
    observed: ['chart version: 0.7.3'],
  },
  {
    name: 'the release cannot be read',
    facts: { release: heard(release({ spegel: null, problem: 'spegel is no map' })) },
    reason: null,
    note: /cannot be read as Spegel's: spegel is no map/,
  },
]

for (const { name, facts, node, tree, reason, cause, summary, observed, commands, note } of cases) {
  t.test(name, async (t) => {
    const report = reportOf(facts, node, tree)
    const { findings, notes } = report
    t.ok(ajv.validate('NodeReport#', report), ajv.errorsText())
    t.same(
      findings.map((it) => it.id),
      reason === null ? [] : [`node/${reason}`],
    )
    const [finding] = findings
    if (cause !== undefined) t.match(finding?.cause, cause)
    if (summary !== undefined) t.match(finding?.summary, summary)
    if (observed !== undefined) t.same(finding?.observed, observed)
    if (commands !== undefined) {
      t.equal(finding?.remedy.length, commands.length)
      for (const [index, command] of commands.entries()) t.match(finding?.remedy[index]?.command, command)
    }
    if (note !== undefined)
      t.ok(
        notes.some((it) => note.test(it)),
        notes.join('\n'),
      )
  })
}

t.test('a release that was ready long ago was not left unapplied since then', async (t) => {
  const { findings } = reportOf({ release: heard(release({ spegel: other, isObserved: false, since: SINCE })) })
  t.same(
    findings[0]?.evidence.map((it) => it.time),
    [null, null],
  )
  const failed = reportOf({ release: heard(release({ spegel: other, ready: false, since: SINCE })) })
  t.equal(failed.findings[0]?.evidence[0]?.time, SINCE)
})

t.test("a node that Spegel leaves out is to have Talos' tree alone", async (t) => {
  const leftOut: Partial<ClusterFacts> = {
    pods: heard([]),
    daemonSet: heard(daemonSet({ placement: { nodeSelector: { pool: 'worker' }, affinity: null, tolerations: [] } })),
  }
  t.same(reportOf(leftOut, {}, TALOS_ALONE).findings, [])
  t.match(reportOf({}, {}, TALOS_ALONE).findings, [{ reason: 'peer-mirror-missing' }, { reason: 'mirror-missing' }])
})

t.test('a port at which nobody listens is told of the pod, once', async (t) => {
  const peer: EndpointProbe = {
    url: 'http://192.168.1.98:30020/v2',
    role: 'peer',
    registries: [HARBOR, 'docker.io'],
    at: SINCE,
    validUntil: '2026-09-01T14:00:00.000Z',
    phases: { resolve: null, connect: null, tls: null, processing: null, transfer: null },
    steps: [],
    failure: {
      reason: 'endpoint-down',
      step: 'ping',
      detail: 'refused',
      words: 'refused',
      status: null,
      phase: 'connect',
      names: null,
      since: SINCE,
    },
    failures: 3,
  }
  const probes = { ...NOTHING_PROBED, endpoints: [peer] }
  const ids = (facts: Partial<ClusterFacts>) =>
    reportOf(facts, { probes })
      .findings.map((it) => it.id)
      .sort()
  t.same(ids({}), ['192.168.1.106/endpoint-down', 'docker.io/endpoint-down'])
  t.same(ids({ pods: heard([]) }), ['node/spegel-absent'])
  t.same(ids({ pods: heard([crash]) }), ['node/spegel-not-ready'])
})

t.test('that there is nothing to read is told as the absent DaemonSet, not twice', async (t) => {
  const inputs = [{ input: 'intent_spegel', up: false, message: 'there is no daemonset kube-system/spegel' }] as const
  const { findings, registries } = reportOf({ daemonSet: heard('absent'), pods: heard([]) }, { inputs })
  t.same(
    findings.map((it) => it.reason),
    ['spegel-absent'],
  )
  t.ok(registries.every((it) => it.inSync === null))
})

t.test('the report shows what Kubernetes says, and how old it is', async (t) => {
  const known = '2026-09-01T12:00:00.000Z'
  const { kubernetes } = reportOf({
    pods: stale([pod()], known),
    release: heard(release()),
    intent: { source: 'daemonset kube-system/spegel', knownUntil: known },
  })
  t.same(kubernetes, {
    intent: { source: 'daemonset kube-system/spegel', knownUntil: known },
    daemonSet: { name: 'spegel', namespace: 'kube-system', desired: 3, ready: 3 },
    pods: [
      {
        name: 'spegel-x7k2p',
        phase: 'Running',
        ready: true,
        since: '2026-09-01T11:40:20.000Z',
        words: '',
        wroteAt: '2026-09-01T11:40:02.000Z',
        restarts: 0,
      },
    ],
    release: {
      name: 'spegel',
      namespace: 'flux-apps',
      ready: true,
      suspended: false,
      revision: '0.7.4',
      words: 'Helm upgrade succeeded',
    },
    stale: [{ what: 'pods', knownUntil: known, words: 'GET /apis: connect ECONNREFUSED' }],
  })
  t.equal(reportOf(null).kubernetes, null)
})
