import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import type { Probes } from '../../src/drift/probes.ts'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { ProbeRounds } from '../../src/pull/probe-rounds.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, talosIntent } from '../fixtures/intents.ts'

/** Takes connections and never says a word. */
async function silent(t: Test) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const it of sockets) it.destroy()
    server.close()
  })
  const address = server.address()
  return { sockets, origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}` }
}

t.test('endpoints that hang are asked one at a time: nothing piles up, and nothing stays open', async (t) => {
  const hanging = await Promise.all([silent(t), silent(t)])
  const names = hanging.map((_, index) => `registry-${index}.test`)
  const files = hanging.map(({ origin }) => directoryNode([['hosts.toml', fileNode(`server = '${origin}'\n`)]]))
  const inputs = {
    intent: intentOf(talosIntent(hanging.map(({ origin }, index) => mirror(names[index] ?? '', [origin]))), null),
    observed: observing(directoryNode(files.map((file, index) => [names[index] ?? '', file]))),
    daemon: daemonFacts(),
    node: nodeFacts({ ip: '127.0.0.1' }),
    failures: new Map(),
  }
  const text = 'node: { name: k8s-1, ip: 127.0.0.1 }\n'
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  // Much more often than a probe of them can end.
  const eager = { ...config, probe: { ...config.probe, interval: 5, timeout: 100 } }
  const outcomes: Probes[] = []
  const enough = Promise.withResolvers<void>()
  const rounds = new ProbeRounds(eager, { endpoints: [], harbor: null, spegel: null }, (found) => {
    outcomes.push(found)
    // An evaluation follows every answer.
    void rounds.consider(inputs)
    if (outcomes.length === 6) enough.resolve()
  })
  await rounds.consider(inputs)
  await enough.promise
  rounds.stop()
  const connections = hanging.flatMap((it) => it.sockets)
  t.ok(connections.length <= outcomes.length + 1, `${connections.length} connections for ${outcomes.length} answers`)
  for (const { sockets } of hanging) t.ok(sockets.length >= 2, 'each has its turn')
  await Promise.all(connections.map((it) => (it.destroyed ? null : once(it.resume(), 'close'))))
  t.match(outcomes.at(-1)?.endpoints, [
    { failure: { reason: 'endpoint-down', detail: 'timeout' } },
    { failure: { reason: 'endpoint-down', detail: 'timeout' } },
  ])
})
