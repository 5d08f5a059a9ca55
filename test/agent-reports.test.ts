import { readFileSync, writeFileSync } from 'node:fs'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startAgent } from '../src/agent.ts'
import { nodeAt } from '../src/hosts/tree.ts'
import { openKube } from '../src/kube/open-kube.ts'
import { type NodeDirectory, writeHostsFile, writeNodeDirectory } from './fixtures/node-directory.ts'
import type { ApiServer } from './kube/api-server.ts'
import { startCluster } from './kube/cluster.ts'
import { Told } from './watch/watched-node.ts'

const HARBOR = '192.168.1.106/hosts.toml'
const WATCH = 'watch: { settle: 20ms, rescan: 100ms, holdDown: 0 }\n'
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'

interface Stored {
  reason?: string
  type?: string
  message?: string
  status?: { conditions?: unknown[] }
}

/** An agent on a node in sync whose service account is that of a doubled API server. */
async function inCluster(t: Test, kubernetes = '') {
  const { server, account } = await startCluster(t)
  server.put('nodes', { metadata: { name: 'k8s-1' }, status: {} })
  const [events, nodes] = [new Told<Stored>(), new Told<Stored>()]
  server.store.listen(({ storage, object }) => (storage === 'events' ? events : nodes).push(object as Stored))
  const node = writeNodeDirectory(t.testdir({}), ['192.168.1.106'], { more: `${WATCH}${kubernetes}` })
  const log = new Told<Record<string, unknown>>()
  const agent = await startAgent({
    configFile: node.configFile,
    env: {},
    logger: pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line)) }),
    openKube: ({ kubernetes: { enabled } }) => {
      return openKube(enabled, { root: account.root, userAgent: 'pullpath/test' })
    },
  })
  t.teardown(() => agent.stop())
  return { server, node, agent, log, nodes, event: (reason: string) => events.next((it) => it.reason === reason) }
}

function writesOf({ journal }: ApiServer): string[] {
  const writes = journal.entries.filter((it) => !['get', 'list', 'watch'].includes(it.verb))
  return writes.map((it) => `${it.verb} ${it.path}`)
}

function contentOf(tree: NodeDirectory['tree']): string {
  const file = nodeAt(tree, HARBOR)
  if (file?.kind !== 'file' || file.text === null) throw new Error(`there is no ${HARBOR}`)
  return file.text
}

t.test('an entry that Talos wrote over is an Event of the Node, and its return another', async (t) => {
  const { node, server, event } = await inCluster(t)
  writeHostsFile(node, HARBOR, contentOf(node.talosTree))
  t.match(await event('PeerMirrorMissing'), {
    type: 'Warning',
    message: /^192\.168\.1\.106: .* To mend it: kubectl /,
    involvedObject: { kind: 'Node', name: 'k8s-1', uid: 'k8s-1' },
  })
  writeHostsFile(node, HARBOR, contentOf(node.tree))
  t.match(await event('PeerMirrorMissingEnded'), { type: 'Normal' })
  t.strictSame([...new Set(writesOf(server))], [`create ${EVENTS}`], 'and nothing else is written')
})

t.test('secrets of the hosts tree and of the machine configuration are in no Event', async (t) => {
  const { node, event } = await inCluster(t)
  const patch = readFileSync(node.talosFile, 'utf8')
  const auth = '    config:\n      192.168.1.106: { auth: { username: ops, password: hunter2 } }\n'
  writeFileSync(node.talosFile, `${patch}${auth}`)
  const header = '[host."http://192.168.1.106".header]\nauthorization = "Bearer hunter2"\n'
  writeHostsFile(node, HARBOR, `server = "http://192.168.1.106"\n[host."http://192.168.1.106"]\n${header}`)
  t.notMatch(JSON.stringify(await event('PeerMirrorMissing')), /hunter2|Bearer/)
})

t.test('the condition follows, and the configuration can turn both on and off', async (t) => {
  const { node, server, agent, log, event, nodes } = await inCluster(t, 'kubernetes: { events: false }\n')
  writeHostsFile(node, HARBOR, contentOf(node.talosTree))
  await log.next((it) => it.msg === 'finding appeared')
  t.strictSame(writesOf(server), [])
  const before = readFileSync(node.configFile, 'utf8')
  writeFileSync(node.configFile, before.replace('events: false', 'nodeCondition: true'))
  agent.reload()
  const { status } = await nodes.next((it) => it.status?.conditions !== undefined)
  t.match(status?.conditions, [{ type: 'RegistryMirrorsDrifted', status: 'True', reason: 'PeerMirrorMissing' }])
  await event('PeerMirrorMissing')
})

t.test('an API server that refuses it is told of once, and holds nothing up', async (t) => {
  const { node, server, log } = await inCluster(t)
  server.users.set('token-1', { name: 'agent', rules: [] })
  writeHostsFile(node, HARBOR, contentOf(node.talosTree))
  t.match(await log.next((it) => it.msg === 'the cluster cannot be told'), {
    what: 'Events',
    needs: 'create and patch of events.events.k8s.io in default',
    reason: 'forbidden',
  })
  writeHostsFile(node, HARBOR, contentOf(node.tree))
  await log.next((it) => it.msg === 'finding cleared')
})
