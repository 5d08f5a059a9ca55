import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { NODE_STATES } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const refused = intentOf(
  talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]),
  spegelIntent(['https://docker.io', `http://${HARBOR}`, 'quay.io']),
)

function reasons(state: keyof typeof NODE_STATES): string[] {
  const tree = NODE_STATES[state]?.tree
  if (tree === undefined) throw new TypeError(state)
  return evaluate(refused, observing(tree), daemonFacts(), nodeFacts()).findings.map((it) => it.id)
}

t.test('where Spegel refuses what Git declares, what an earlier Spegel wrote stays and is no drift', async (t) => {
  t.same(reasons('A'), [])
  t.same(reasons('B'), [], 'and on a new node Talos is alone')
  t.same(reasons('C'), [])
})

t.test('what else is wrong with the node is still a drift', async (t) => {
  t.ok(reasons('D').includes(`${HARBOR}/plain-http-lost`))
  t.ok(reasons('F').includes(`${HARBOR}/mirror-missing`))
  t.ok(reasons('G invalid').includes(`${HARBOR}/hosts-file-invalid`))
})
