import t from 'tap'
import type { ClusterFacts } from '../../src/drift/cluster-facts.ts'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { NodeFacts } from '../../src/drift/facts.ts'
import type { Finding } from '../../src/drift/report.ts'
import { type DirectoryNode, directoryNode, type TreeNode } from '../../src/hosts/tree.ts'
import { cluster, daemonSet, heard, pod, REGISTRIES, stale } from '../fixtures/cluster.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { spegelDirectory, spegelFile, TALOS_HARBOR, talosDirectory } from '../fixtures/node-states.ts'

/** Talos wrote at 12:03:11, and Spegel's files are of 11:40:02 (node-states.ts). */
const HARBOR = '192.168.1.106'
const intent = intentOf(talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]), spegelIntent(REGISTRIES))
const spegelAlone = intentOf(null, spegelIntent(['https://docker.io']))

function tree(entries: Readonly<Record<string, TreeNode>>, changedAt = '2026-09-01T12:03:11.000Z'): DirectoryNode {
  return directoryNode(Object.entries(entries), { mode: 0o755, modifiedAt: Date.parse(changedAt) })
}

const WIPED = tree({ [HARBOR]: talosDirectory(TALOS_HARBOR) })
const finished = (finishedAt: string) => pod({ configuration: { state: 'finished', finishedAt, words: '' } })

interface Case {
  name: string
  facts: Partial<ClusterFacts>
  node?: Partial<NodeFacts>
  tree?: DirectoryNode
  declared?: typeof intent
  id?: string
  cause: { actor: string; confidence: string; text: RegExp }
  evidence?: readonly { text: RegExp; time: string | null }[]
  commands: readonly RegExp[]
}

const RECREATE = /^kubectl -n kube-system delete pod spegel-x7k2p$/
const BACKUP = directoryNode([], { mode: 0o755, modifiedAt: Date.parse('2026-09-01T11:40:02Z') })

const cases: readonly Case[] = [
  {
    name: 'Talos rewrote the tree after the init container had finished',
    facts: {},
    cause: {
      actor: 'talos',
      confidence: 'proven',
      text: /^Talos rewrote the tree at 2026-09-01T12:03:11\.000Z, after Spegel's init container finished at 2026-09-01T11:40:02\.000Z/,
    },
    evidence: [
      { text: /init container configuration finished/, time: '2026-09-01T11:40:02.000Z' },
      { text: /Talos wrote its files/, time: '2026-09-01T12:03:11.000Z' },
    ],
    commands: [RECREATE],
  },
  {
    name: 'in the second in which it finished nothing is proven: Kubernetes cuts times off',
    facts: { pods: heard([finished('2026-09-01T12:03:11.000Z')]) },
    cause: {
      actor: 'spegel',
      confidence: 'likely',
      text: /nothing changed in the tree since, .* writes to another directory/,
    },
    commands: [/logs spegel-x7k2p -c configuration/, /describe daemonset spegel/],
  },
  {
    name: 'a second later it is',
    facts: { pods: heard([finished('2026-09-01T12:03:10.000Z')]) },
    cause: { actor: 'talos', confidence: 'proven', text: /^Talos rewrote the tree at/ },
    commands: [RECREATE],
  },
  {
    name: "Spegel's entries were removed, and Talos had nothing to write anew",
    facts: {},
    declared: spegelAlone,
    id: 'docker.io/peer-mirror-missing',
    tree: tree({}),
    cause: {
      actor: 'talos',
      confidence: 'likely',
      text: /entries were removed at .*12:03:11.*after its init container finished/,
    },
    commands: [RECREATE],
  },
  {
    name: 'the init container has not run since the boot',
    facts: {},
    node: { bootedAt: '2026-09-01T12:03:00.000Z' },
    cause: {
      actor: 'node',
      confidence: 'proven',
      text: /booted at .*12:03:00.*finished last at .*11:40:02.*has not run since/,
    },
    commands: [/^kubectl -n kube-system get pods/, RECREATE],
  },
  {
    name: 'the init container fails',
    facts: {
      pods: heard([
        pod({
          ready: false,
          configuration: { state: 'failing', finishedAt: null, words: 'CrashLoopBackOff: back-off 5m0s' },
        }),
      ]),
    },
    cause: {
      actor: 'spegel',
      confidence: 'proven',
      text: /init container, which writes its entries, fails: CrashLoopBackOff/,
    },
    commands: [/logs spegel-x7k2p -c configuration/, RECREATE],
  },
  {
    name: 'the init container has not finished yet',
    facts: {
      pods: heard([
        pod({ ready: false, configuration: { state: 'pending', finishedAt: null, words: 'PodInitializing' } }),
      ]),
    },
    cause: { actor: 'spegel', confidence: 'proven', text: /has not finished yet: PodInitializing/ },
    commands: [/^kubectl -n kube-system get pods/],
  },
  {
    name: 'there is no pod',
    facts: { pods: heard([]) },
    cause: { actor: 'spegel', confidence: 'proven', text: /no Spegel pod is on this node/ },
    commands: [/describe daemonset spegel/],
  },
  {
    name: 'pods that were never seen prove nothing, with or without a DaemonSet',
    facts: { daemonSet: heard('absent'), pods: { value: null, knownUntil: null, failure: 'GET pods: 403' } },
    cause: { actor: 'talos', confidence: 'likely', text: /either Talos rewrote it .* or .* never run/ },
    commands: [/^kubectl -n kube-system delete pod -l app\.kubernetes\.io\/component=spegel/],
  },
  {
    name: 'what a pod was when the API server went away proves nothing',
    facts: { pods: stale([pod()], '2026-09-01T12:00:00.000Z') },
    cause: { actor: 'talos', confidence: 'likely', text: /either Talos rewrote it .* or .* never run/ },
    commands: [/^kubectl -n kube-system delete pod -l app\.kubernetes\.io\/component=spegel/],
  },
  {
    name: "Talos' file beside Spegel's, written after the init container",
    facts: {},
    tree: tree({
      [HARBOR]: talosDirectory(TALOS_HARBOR),
      _backup: BACKUP,
      'docker.io': spegelDirectory(spegelFile('https://registry-1.docker.io')),
    }),
    cause: {
      actor: 'talos',
      confidence: 'proven',
      text: /has Talos' form .*12:03:11.*, after Spegel's init container on this node finished at .*11:40:02/,
    },
    commands: [RECREATE],
  },
  {
    name: 'the pod is older than the DaemonSet',
    facts: { daemonSet: heard(daemonSet({ templateGeneration: '3' })) },
    declared: spegelAlone,
    id: 'docker.io/peer-mirror-missing',
    tree: tree({ _backup: BACKUP }),
    cause: {
      actor: 'spegel',
      confidence: 'proven',
      text: /made before the DaemonSet was changed last: it wrote no entry for docker\.io/,
    },
    commands: [RECREATE],
  },
]

for (const {
  name,
  facts,
  node,
  declared = intent,
  id = `${HARBOR}/peer-mirror-missing`,
  cause,
  evidence,
  commands,
  ...more
} of cases) {
  t.test(name, async (t) => {
    const known = nodeFacts({ cluster: cluster(facts), ...node })
    const { findings } = evaluate(declared, observing(more.tree ?? WIPED), daemonFacts(), known)
    const finding: Finding | undefined = findings.find((it) => it.id === id)
    t.match(finding?.cause, cause)
    for (const expected of evidence ?? []) {
      t.ok(
        finding?.evidence.some((it) => expected.text.test(it.text) && it.time === expected.time),
        String(expected.text),
      )
    }
    t.equal(finding?.remedy.length, commands.length)
    for (const [index, command] of commands.entries()) t.match(finding?.remedy[index]?.command, command)
  })
}

t.test('a pod that was recreated heals it', async (t) => {
  const healed = evaluate(
    spegelAlone,
    observing(tree({ 'docker.io': spegelDirectory(spegelFile('https://registry-1.docker.io')), _backup: BACKUP })),
    daemonFacts(),
    nodeFacts({ cluster: cluster({ pods: heard([pod({ name: 'spegel-new' })]) }) }),
  )
  t.same(healed.findings, [])
})
