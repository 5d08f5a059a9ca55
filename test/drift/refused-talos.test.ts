import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { type DirectoryNode, directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { NODE_STATES } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const OTHER = 'harbor.lan'
const spegel = spegelIntent(['https://docker.io', `http://${HARBOR}`])
const harbor = mirror(HARBOR, [`http://${HARBOR}`])
/** Talos parses no endpoint with a placeholder for its host, and then writes no mirror at all. */
const unrendered = intentOf(talosIntent([harbor, mirror(OTHER, ['http://${HARBOR}'])]), spegel)
const tls = { host: '*', ca: null, clientCertificate: null, insecureSkipVerify: true, source: null }
const tlsOfAll = intentOf(talosIntent([harbor], { tls: new Map([['*', tls]]) }), spegel)

function judge(intent: typeof unrendered, tree: DirectoryNode | undefined) {
  if (tree === undefined) throw new TypeError('no such state')
  const { findings, registries } = evaluate(intent, observing(tree), daemonFacts(), nodeFacts())
  const effective = Object.fromEntries(registries.map((it) => [it.registry, it.effective]))
  return { findings: findings.map((it) => it.id), effective }
}

t.test('what Talos refuses keeps the mirrors of every registry from being effective', async (t) => {
  for (const [name, intent] of Object.entries({ unrendered, tlsOfAll })) {
    const { effective } = judge(intent, directoryNode())
    t.equal(effective[HARBOR], false, `${name}: a new node has no mirror`)
  }
  const { effective, findings } = judge(unrendered, NODE_STATES.A?.tree)
  t.match(
    effective,
    { [HARBOR]: true, [OTHER]: false },
    'what was written earlier stays in force, the refused one never is',
  )
  t.same(findings, [], 'and is no drift, nor blamed on Spegel')
})

t.test('what else is wrong with the node is still a drift', async (t) => {
  t.same(judge(unrendered, NODE_STATES.D?.tree).findings, [`${HARBOR}/plain-http-lost`])
  t.same(judge(unrendered, NODE_STATES['G invalid']?.tree).findings, [`${HARBOR}/hosts-file-invalid`])
})

t.test('a mirror elsewhere that Talos wrote earlier was declared', async (t) => {
  const elsewhere = mirror('docker.io', ['http://harbor.lan'])
  const intent = intentOf(talosIntent([elsewhere, mirror(OTHER, ['http://${HARBOR}'])]), null)
  const good = intentOf(talosIntent([elsewhere]), null)
  const written = directoryNode([
    [
      'docker.io',
      directoryNode([
        ['hosts.toml', fileNode("[host]\n  [host.'http://harbor.lan']\n    capabilities = ['pull', 'resolve']\n")],
      ]),
    ],
  ])
  t.same(judge(good, written).findings, [])
  t.same(judge(intent, written), { findings: [], effective: { 'docker.io': true, [OTHER]: false } })
})
