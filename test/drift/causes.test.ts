import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { NodeFacts } from '../../src/drift/facts.ts'
import type { Finding } from '../../src/drift/report.ts'
import { type DirectoryNode, directoryNode, type TreeNode } from '../../src/hosts/tree.ts'
import type { Intent } from '../../src/intent/intent.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { spegelDirectory, spegelFile, spegelHarbor, TALOS_HARBOR, talosDirectory } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const talos = talosIntent([mirror(HARBOR, [`http://${HARBOR}`])])
const both = intentOf(talos, spegelIntent(['https://docker.io', `http://${HARBOR}`]))
const talosAlone = intentOf(talos, null)
const spegelAlone = intentOf(null, spegelIntent(['https://docker.io']))

const DOCKER = spegelDirectory(spegelFile('https://registry-1.docker.io'))
const BACKUP = directoryNode([[HARBOR, talosDirectory(TALOS_HARBOR)]], {
  modifiedAt: Date.parse('2026-09-01T11:40:02Z'),
})
const NO_ENTRY_KEPT = directoryNode([], { modifiedAt: Date.parse('2026-09-01T11:40:02Z') })
const TALOS_ALONE = { [HARBOR]: talosDirectory(TALOS_HARBOR) }

interface Case {
  name: string
  intent?: Intent
  tree: Readonly<Record<string, TreeNode>>
  node?: Partial<NodeFacts>
  /** `<registry>/<reason>`. */
  id: string
  cause: { actor: string; confidence: string; text: RegExp }
  evidence?: RegExp
  /** How the commands begin, in order. */
  commands: readonly RegExp[]
}

const RECREATE = /^kubectl -n kube-system delete pod/
const APPLY = /^task talos:apply-node IP=192\.168\.1\.98/
const RECONCILE = /^flux -n kube-system reconcile helmrelease spegel/

const cases: readonly Case[] = [
  {
    name: 'Talos wiped what this agent had seen of Spegel',
    tree: TALOS_ALONE,
    node: { spegelLastSeenAt: '2026-09-01T12:03:06.000Z' },
    id: `${HARBOR}/peer-mirror-missing`,
    cause: {
      actor: 'talos',
      confidence: 'proven',
      text: /rewrote the tree at .*12:03:11.* last been seen at .*12:03:06/,
    },
    evidence: /this agent last saw Spegel's entries/,
    commands: [RECREATE],
  },
  {
    name: 'what was seen before the boot proves nothing: at boot the tree is made anew',
    tree: TALOS_ALONE,
    node: { spegelLastSeenAt: '2026-09-01T11:00:00.000Z', bootedAt: '2026-09-01T12:03:00.000Z' },
    id: `${HARBOR}/peer-mirror-missing`,
    cause: { actor: 'node', confidence: 'likely', text: /booted at .*12:03:00.*init container has not run since/ },
    evidence: /the node booted/,
    commands: [/^kubectl -n kube-system get pods/, RECREATE],
  },
  {
    name: "Talos' text in a file with Spegel's mode",
    tree: { [HARBOR]: spegelDirectory(TALOS_HARBOR) },
    id: `${HARBOR}/peer-mirror-missing`,
    cause: { actor: 'talos', confidence: 'proven', text: /over Spegel's files/ },
    evidence: /mode 0644: Spegel had made it/,
    commands: [RECREATE],
  },
  {
    name: 'nothing of Spegel, long after the boot',
    tree: TALOS_ALONE,
    id: `${HARBOR}/peer-mirror-missing`,
    cause: { actor: 'talos', confidence: 'likely', text: /either Talos rewrote it .* or .* never run/ },
    evidence: /no _backup directory/,
    commands: [RECREATE],
  },
  {
    name: 'Spegel wrote the others',
    tree: { ...TALOS_ALONE, _backup: NO_ENTRY_KEPT, 'docker.io': DOCKER },
    id: `${HARBOR}/peer-mirror-missing`,
    cause: { actor: 'talos', confidence: 'likely', text: /has Talos' form .*12:03:11.*wrote the others at .*11:40:02/ },
    commands: [RECREATE],
  },
  {
    name: "Spegel moved Talos' entry away and wrote none",
    tree: { _backup: BACKUP, 'docker.io': DOCKER },
    id: `${HARBOR}/mirror-missing`,
    cause: { actor: 'spegel', confidence: 'proven', text: /moved Talos' entry .* into _backup at .*11:40:02/ },
    evidence: /Talos' entry is in _backup, where containerd does not look/,
    commands: [RECONCILE, RECREATE],
  },
  {
    name: 'Talos never had the entry',
    tree: { _backup: NO_ENTRY_KEPT, 'docker.io': DOCKER },
    id: `${HARBOR}/mirror-missing`,
    cause: { actor: 'git', confidence: 'likely', text: /was not applied here, is staged, or is not referenced/ },
    evidence: /neither .* nor its _backup holds an entry/,
    commands: [APPLY, RECREATE],
  },
  {
    name: 'an emptied directory of a registry that Spegel writes',
    tree: { _backup: NO_ENTRY_KEPT, 'docker.io': DOCKER, [HARBOR]: directoryNode() },
    id: `${HARBOR}/mirror-missing`,
    cause: { actor: 'unknown', confidence: 'unknown', text: /a writer was interrupted, or somebody emptied it/ },
    commands: [RECREATE],
  },
  {
    name: 'an emptied directory of a registry that Talos alone writes',
    intent: talosAlone,
    tree: { [HARBOR]: directoryNode() },
    id: `${HARBOR}/mirror-missing`,
    cause: { actor: 'unknown', confidence: 'unknown', text: /a writer was interrupted/ },
    commands: [APPLY],
  },
  {
    name: 'Spegel ran with another list',
    intent: spegelAlone,
    tree: { _backup: NO_ENTRY_KEPT },
    id: 'docker.io/peer-mirror-missing',
    cause: { actor: 'spegel', confidence: 'likely', text: /wrote no entry for docker\.io/ },
    commands: [RECONCILE, RECREATE],
  },
  {
    name: 'an address that the node had',
    tree: { _backup: BACKUP, 'docker.io': DOCKER, [HARBOR]: spegelDirectory(spegelHarbor('192.168.1.77')) },
    id: `${HARBOR}/peer-target-stale`,
    cause: {
      actor: 'spegel',
      confidence: 'likely',
      text: /wrote this node's address .* the node has 192\.168\.1\.98 now/,
    },
    commands: [RECREATE],
  },
  {
    name: "a broken file in Spegel's form",
    tree: { _backup: BACKUP, 'docker.io': DOCKER, [HARBOR]: spegelDirectory(`${spegelHarbor()}\nx =`) },
    id: `${HARBOR}/hosts-file-invalid`,
    cause: { actor: 'spegel', confidence: 'likely', text: /was last written at .*11:40:02.* in the form of Spegel/ },
    commands: [/^talosctl -n 192\.168\.1\.98 read/, RECREATE],
  },
  {
    name: 'a broken file of nobody, where Talos alone writes',
    intent: talosAlone,
    tree: { [HARBOR]: talosDirectory('by hand =') },
    id: `${HARBOR}/hosts-file-invalid`,
    cause: { actor: 'unknown', confidence: 'unknown', text: /in the form of neither Talos nor Spegel/ },
    commands: [/^talosctl -n 192\.168\.1\.98 read/, APPLY],
  },
  {
    name: 'a file in the place of the directory: there is no hosts.toml to show',
    tree: {
      _backup: BACKUP,
      'docker.io': DOCKER,
      [HARBOR]: talosDirectory('').entries.get('hosts.toml') ?? directoryNode(),
    },
    id: `${HARBOR}/hosts-file-invalid`,
    cause: {
      actor: 'unknown',
      confidence: 'unknown',
      text: /\/192\.168\.1\.106 is not what a writer makes/,
    },
    commands: [RECREATE],
  },
  {
    name: "an extra endpoint in Talos' form",
    intent: talosAlone,
    tree: {
      [HARBOR]: talosDirectory(`${TALOS_HARBOR}  [host.'http://old.lan']\n    capabilities = ['pull', 'resolve']\n`),
    },
    id: `${HARBOR}/endpoint-unexpected`,
    cause: { actor: 'talos', confidence: 'likely', text: /Talos wrote .* from another configuration than Git has now/ },
    commands: [APPLY],
  },
  {
    name: "an extra endpoint in nobody's form, where Spegel writes",
    tree: {
      _backup: BACKUP,
      'docker.io': DOCKER,
      [HARBOR]: spegelDirectory(`# by hand\n${spegelHarbor()}\n\n[host.'http://old.lan']\n`),
    },
    id: `${HARBOR}/endpoint-unexpected`,
    cause: { actor: 'unknown', confidence: 'unknown', text: /has neither Talos' form nor Spegel's/ },
    commands: [RECREATE],
  },
]

function evaluated(intent: Intent, tree: DirectoryNode, node: Partial<NodeFacts>): readonly Finding[] {
  return evaluate(intent, observing(tree), daemonFacts(), nodeFacts(node)).findings
}

for (const { name, intent = both, tree, node = {}, id, cause, evidence, commands } of cases) {
  t.test(name, async (t) => {
    const findings = evaluated(intent, directoryNode(Object.entries(tree)), node)
    const finding = findings.find((it) => it.id === id)
    if (finding === undefined) return t.fail(`no ${id} among ${findings.map((it) => it.id).join(', ')}`)
    t.match(finding.cause, cause)
    t.equal(finding.remedy.length, commands.length, finding.remedy.map((it) => it.command).join('\n'))
    t.match(
      finding.remedy.map((it) => it.command),
      commands,
    )
    if (evidence !== undefined) t.ok(finding.evidence.some((it) => evidence.test(it.text)))
  })
}
