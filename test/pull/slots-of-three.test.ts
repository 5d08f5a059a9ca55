import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { slotStart } from '../../src/drift/canary-slot.ts'
import type { ClusterMembers } from '../../src/drift/cluster-members.ts'
import type { Pull } from '../../src/drift/pull.ts'
import { directoryNode } from '../../src/hosts/tree.ts'
import { CanaryRounds } from '../../src/pull/canary-rounds.ts'
import { Turns } from '../../src/pull/turns.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, talosIntent } from '../fixtures/intents.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { SteppedTime } from './stepped-time.ts'
import { CANARY, makeCanary, serveIn, storeIn } from './stored-canary.ts'

const HOUR = 3_600_000
const NAMES = ['k8s-1', 'k8s-2', 'k8s-3']
const TAGS = 3
/** Its first is the first of the names. */
const FIRST_SLOT = 300_000

/** Spegel of a node, as far as it is asked what its node has. */
async function peerOf(daemon: MemoryDaemon): Promise<{ url: string; server: Server }> {
  const server = createServer(({ url = '' }, response) => {
    const digest = /sha256:[0-9a-f]{64}/.exec(url)?.[0] ?? ''
    const held = daemon.store('k8s.io').content.get(digest)
    if (held === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-length': held.size, 'docker-content-digest': digest }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` }
}

/** Three agents on nodes without mirrors: whoever is not first has the bytes from the origin although a peer has them. */
async function cluster(t: Test, { methods = '[probe, containerd]', tags = TAGS } = {}) {
  const origin = await RegistryDouble.start()
  t.teardown(() => origin.stop())
  const daemons = NAMES.map(() => new MemoryDaemon())
  for (const tag of ['tag', 'home'].flatMap((name) => [0, 1, 2].map((place) => `${name}-${place}`))) {
    const canary = makeCanary({ layers: 1, size: 1024 })
    storeIn(origin, canary, tag)
    for (const daemon of daemons) serveIn(daemon, `${CANARY.registry}/${CANARY.repository}:${tag}`, canary)
  }
  const peers = await Promise.all(daemons.map(peerOf))
  t.teardown(() => peers.map(({ server }) => server.closeAllConnections() ?? server.close()))
  const time = new SteppedTime(slotStart(FIRST_SLOT, HOUR) - 5 * 60_000)
  const pods = NAMES.map((node, place) => ({ node, address: `127.0.0.${place + 1}`, isServing: true, isGone: false }))
  const site = { names: NAMES as readonly string[] | null, pulls: [] as (Pull & { node: string; slot: number })[] }
  const members = (): ClusterMembers | null => {
    const { names } = site
    return names && { pods: pods.filter((it) => names.includes(it.node)), unnamed: 0, asOf: '2026-11-26T00:00:00.000Z' }
  }
  const inputs = {
    intent: intentOf(talosIntent([mirror(CANARY.registry, [origin.origin])]), null),
    observed: observing(directoryNode([])),
    daemon: daemonFacts(),
    node: nodeFacts(),
    failures: new Map(),
  }
  const rounds = NAMES.map((node, place) => {
    const others = peers.filter((_, other) => other !== place).map(({ url }) => `'${url}'`)
    const text = `node: { name: ${node}, ip: 192.168.1.98 }
canary: { tags: ${tags}, interval: 1h, methods: ${methods} }
spegel: { peers: [${others.join(', ')}] }
`
    return new CanaryRounds({
      config: readConfig(text, 'config.yaml', { env: {}, hostname: node }),
      client: Promise.resolve((daemons[place] as MemoryDaemon).client()),
      turns: new Turns(),
      leastPause: 0,
      nodes: Promise.resolve({ read: async () => members() }),
      clock: time.clock(node),
      onFault: noFault,
      onPull: (pull) => site.pulls.push({ ...pull, node, slot: Math.floor(time.now / HOUR) - FIRST_SLOT }),
    })
  })
  t.teardown(() => Promise.all(rounds.map((it) => it.stop())))
  for (const it of rounds) it.consider(inputs)
  const until = (slot: number) => time.run(slotStart(FIRST_SLOT + slot, HOUR) - 60_001)
  const homes = () =>
    daemons.map((it) =>
      it
        .criImages()
        .flatMap(({ tags }) => tags.filter((tag) => tag.includes(':home-')))
        .join(),
    )
  return Object.assign(site, { until, homes, rounds, daemons })
}

t.test('each node is first in its turn, and the others follow, as the evidence says', async (t) => {
  const it = await cluster(t, { methods: '[containerd]' })
  await it.until(6)
  const told = Array.from({ length: 6 }, (_, slot) =>
    it.pulls
      .filter((pull) => pull.slot === slot)
      .map(({ node, source, image }) => `${node} ${image.slice(-5)} ${source}`),
  )
  const nameOf = (place: number) => NAMES[place % 3]
  const expected = Array.from({ length: 6 }, (_, slot) => [
    // A tag that was not dropped since its last slot would make a fallback of the first pull.
    `${nameOf(slot)} tag-${slot % 3} first`,
    `${nameOf(slot + 1)} tag-${slot % 3} fallback`,
    `${nameOf(slot + 2)} tag-${slot % 3} fallback`,
  ])
  t.same(told, expected)
  t.same(it.homes(), ['', '', ''], 'nobody probes them')
})

t.test('each node keeps the home tag of its place, and asks the origin for that of its neighbour', async (t) => {
  const it = await cluster(t)
  await it.until(2)
  const repository = `${CANARY.registry}/${CANARY.repository}`
  t.same(
    it.homes(),
    ['home-0', 'home-1', 'home-2'].map((tag) => `${repository}:${tag}`),
  )
  const legs = (via: string) =>
    it.pulls
      .filter((pull) => pull.via === via && pull.slot === 1)
      .map(({ node, image }) => `${node} ${image.slice(-6)}`)
  t.same(legs('origin').sort(), ['k8s-1 home-1', 'k8s-2 home-2', 'k8s-3 home-0'])
  t.same(legs('peer'), legs('origin'), 'both legs are of the same digests')
  t.same(
    it.pulls.filter((pull) => pull.via === 'peer').map(({ failure }) => failure?.reason),
    Array(6).fill('no-endpoint'),
    'these nodes have no mirror',
  )
  const ofHomes = it.pulls.filter((pull) => pull.via === 'containerd' && pull.image.includes(':home-'))
  t.equal(ofHomes.length, 3, 'pulled once')
  it.names = ['k8s-2', 'k8s-3']
  await it.until(3)
  t.same(
    it.homes().slice(1),
    ['home-0', 'home-1'].map((tag) => `${repository}:${tag}`),
    'their places have changed',
  )
})

t.test('who only probes keeps a home for the others all the same, and pulls nothing else', async (t) => {
  const it = await cluster(t, { methods: '[probe]' })
  await it.until(2)
  const tags = it.daemons.flatMap((daemon) =>
    daemon.criImages().flatMap((image) => image.tags.map((tag) => tag.slice(-6))),
  )
  t.same(tags, ['home-0', 'home-1', 'home-2'])
  t.equal(it.pulls.filter(({ via }) => via === 'containerd').length, 3)
})

t.test('a measurement by request disturbs no slot', async (t) => {
  const it = await cluster(t)
  const [first] = it.rounds
  await it.until(1)
  t.equal(it.pulls.filter((pull) => pull.slot === 0 && pull.source === 'first' && pull.via === 'containerd').length, 4)
  const wait = async (id: string | undefined) => {
    while (!it.pulls.some((pull) => pull.id === id)) await new Promise<void>((resolve) => setImmediate(resolve))
    return it.pulls.find((pull) => pull.id === id)
  }
  t.match(
    await wait(first?.measure('containerd').id),
    { image: /:tag-2$/, source: 'first' },
    'the tag of the slot before',
  )
  t.match(await wait(first?.measure('origin').id), { image: /:home-1$/, source: 'first' })
})

t.test('with one tag containerd pulls nothing by request, and what pulls nothing is measured', async (t) => {
  const it = await cluster(t, { tags: 1 })
  const [first] = it.rounds
  await it.until(1)
  t.throws(() => first?.measure('containerd'), { code: 'PP_REQUEST_INVALID', advice: /canary\.tags to 2/ })
  const { id } = first?.measure('origin') ?? {}
  while (!it.pulls.some((pull) => pull.id === id)) await new Promise<void>((resolve) => setImmediate(resolve))
  t.match(
    it.pulls.find((pull) => pull.id === id),
    { image: /:tag-0$/, failure: null },
  )
})

t.test('a node that came too late for its turn knows the others all the same', async (t) => {
  const it = await cluster(t)
  await it.until(0)
  const [first] = it.rounds
  const { id } = first?.measure('origin') ?? {}
  while (!it.pulls.some((pull) => pull.id === id)) await new Promise<void>((resolve) => setImmediate(resolve))
  t.match(
    it.pulls.find((pull) => pull.id === id),
    { image: /:home-1$/ },
    'the home of its neighbour',
  )
})

t.test('what makes a node leave a slot out is shown', async (t) => {
  const it = await cluster(t)
  await it.until(0)
  t.match(
    it.pulls.map(({ node, failure }) => [node, failure?.reason, failure?.message]),
    NAMES.map((name) => [name, 'slot-abandoned', /the turn of this node in this slot is over: late/]),
    'they were started at the end of the slot before',
  )
  it.names = null
  await it.until(1)
  const vias = it.pulls.filter((pull) => pull.slot === 0 && pull.node === 'k8s-1').map(({ via }) => via)
  t.same(vias, ['origin', 'peer', 'containerd'], 'a round of its own')
})
