import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { NOTHING_PROBED, type Probes } from '../../src/drift/probes.ts'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { ProbeRounds } from '../../src/pull/probe-rounds.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, talosIntent } from '../fixtures/intents.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { Told } from '../watch/watched-node.ts'

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

/** A node whose pull paths lead to these. */
function inputsOf(origins: readonly string[]) {
  const names = origins.map((_, index) => `registry-${index}.test`)
  const files = origins.map((origin) => directoryNode([['hosts.toml', fileNode(`server = '${origin}'\n`)]]))
  return {
    intent: intentOf(talosIntent(origins.map((origin, index) => mirror(names[index] ?? '', [origin]))), null),
    observed: observing(directoryNode(files.map((file, index) => [names[index] ?? '', file]))),
    daemon: daemonFacts(),
    node: nodeFacts({ ip: '127.0.0.1' }),
    failures: new Map(),
  }
}

t.test('endpoints that hang are asked one at a time: nothing piles up, and nothing stays open', async (t) => {
  const hanging = await Promise.all([silent(t), silent(t)])
  const inputs = inputsOf(hanging.map(({ origin }) => origin))
  const text = 'node: { name: k8s-1, ip: 127.0.0.1 }\n'
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  // Much more often than a probe of them can end.
  const eager = { ...config, probe: { ...config.probe, interval: 5, timeout: 100 } }
  const outcomes: Probes[] = []
  const enough = Promise.withResolvers<void>()
  const rounds = new ProbeRounds(
    eager,
    { endpoints: [], harbor: null, spegel: null },
    (found) => {
      outcomes.push(found)
      // An evaluation follows every answer.
      void rounds.consider(inputs)
      if (outcomes.length === 6) enough.resolve()
    },
    noFault,
  )
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

t.test('an endpoint that answers as before is told now and then, one that fails at once', async (t) => {
  let status = 200
  let asked = 0
  const server = createHttpServer((_request, response) => {
    asked += 1
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const inputs = inputsOf([`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`])
  const config = readConfig('node: { name: k8s-1, ip: 127.0.0.1 }\n', 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const told = new Told<Probes>()
  let count = 0
  const rounds = new ProbeRounds(
    { ...config, probe: { ...config.probe, interval: 100 } },
    NOTHING_PROBED,
    (found) => {
      count += 1
      told.push(found)
    },
    noFault,
  )
  t.teardown(() => rounds.stop())
  await rounds.consider(inputs)
  const first = await told.next(({ endpoints }) => endpoints[0]?.failure === null)
  t.equal(count, 1)
  const later = await told.next(({ endpoints }) => (endpoints[0]?.at ?? '') > (first.endpoints[0]?.at ?? ''))
  t.equal(later.endpoints[0]?.failure, null, 'its times are told all the same')
  status = 500
  await told.next(({ endpoints }) => endpoints[0]?.failures === 1)
  const [before, then] = [count, asked]
  await told.next(({ endpoints }) => endpoints[0]?.failures === 3)
  t.equal(count - before, 2, 'each failure')
  t.equal(asked - then, 2)
})
