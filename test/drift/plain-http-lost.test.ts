import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { directoryNode } from '../../src/hosts/tree.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { spegelDirectory, spegelFile, TALOS_HARBOR, talosDirectory } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const intent = intentOf(talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]), spegelIntent([`http://${HARBOR}`]))

function reasonsWithServer(server: string) {
  const tree = directoryNode([
    ['_backup', directoryNode([[HARBOR, talosDirectory(TALOS_HARBOR)]])],
    [HARBOR, spegelDirectory(spegelFile(server))],
  ])
  return evaluate(intent, observing(tree), daemonFacts(), nodeFacts()).findings.map((it) => it.reason)
}

t.test('plain http is lost where the registry is asked over https, not where another one is asked', async (t) => {
  t.same(reasonsWithServer(`https://${HARBOR}`), ['plain-http-lost'])
  t.same(reasonsWithServer('http://10.0.0.9'), ['origin-dropped'])
})
