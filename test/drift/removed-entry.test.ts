import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { directoryNode } from '../../src/hosts/tree.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { SPEGEL_WROTE, spegelDirectory, spegelFile, TALOS_HARBOR, talosDirectory } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const intent = intentOf(
  talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]),
  spegelIntent(['https://docker.io', `http://${HARBOR}`]),
)

function missingEntry(changedAt: number) {
  const backup = directoryNode([[HARBOR, talosDirectory(TALOS_HARBOR)]], { modifiedAt: SPEGEL_WROTE })
  const docker = spegelDirectory(spegelFile('https://registry-1.docker.io'))
  const tree = directoryNode(Object.entries({ _backup: backup, 'docker.io': docker }), { modifiedAt: changedAt })
  const { findings } = evaluate(intent, observing(tree), daemonFacts(), nodeFacts())
  return findings.find((it) => it.id === `${HARBOR}/mirror-missing`)
}

t.test('Spegel is blamed where nothing was made or removed since it wrote', async (t) => {
  t.match(missingEntry(SPEGEL_WROTE), { cause: { actor: 'spegel', confidence: 'proven' } })
})

t.test('nobody is blamed where an entry was made or removed after Spegel had written', async (t) => {
  const removedAt = SPEGEL_WROTE + 60_000
  t.match(missingEntry(removedAt), {
    cause: { actor: 'unknown', confidence: 'unknown', text: /somebody removed Spegel's entry for 192\.168\.1\.106/ },
    since: new Date(removedAt).toISOString(),
    remedy: [{ command: /^flux/ }, { command: /^kubectl .* delete pod/ }],
  })
})
