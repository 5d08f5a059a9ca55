/**
 * The agents of three nodes with real containerd, a doubled API server and a real Prometheus: each node first in its
 * turn, every pull said to be what the logs of the origin and of all peers show, the panels and alerts of pulls fed by
 * it, and what all this costs the API server.
 *
 *   npx tap test/lab/cluster.e2e.ts        LAB_SLOTS=30 for more slots before anything fails
 *
 * Needs root and what `.ci/tools` installs. Everything happens in namespaces of the lab's own.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Pull } from '../../src/drift/pull.ts'
import { ADMIN_TOKEN } from '../kube/rbac.ts'
import { renderedAgent } from '../kube/rendered-agent.ts'
import { sampleOf } from '../metrics/exposition.ts'
import type { AskedPrometheus } from '../package/dashboards/prometheus.ts'
import { until } from '../package/examples/until.ts'
import { overBudget, requestsOf } from './api-budget.ts'
import type { SentBytes } from './api-process.ts'
import { type CanaryImage, sizeOf } from './canary.ts'
import { CONTAINERD_SOCKET, CONTROL_PLANE, HOSTS_DIR, ORIGIN } from './cluster.ts'
import { BUSY_NAMESPACE, clusterObjects, otherEvents } from './cluster-objects.ts'
import { testPanels } from './fed-panels.ts'
import { APP_NAMESPACE, type KubeletPull, makeContainer, pullAsKubelet } from './kubelet.ts'
import { startLab } from './lab.ts'
import { type LabAgent, startLabAgent } from './lab-agent.ts'
import { type LabApi, startLabApi } from './lab-api.ts'
import { alertsOfPulls, scrapedAgain, startLabPrometheus } from './lab-prometheus.ts'
import { withLabTools } from './lab-tools.ts'
import type { LabNode } from './node.ts'
import { type NodePull, truthOf } from './slot-pulls.ts'

/** Before anything fails. */
const SLOTS = Number(process.env.LAB_SLOTS ?? 10)
const INTERVAL = 12_000
/** All measurements of a slot are over by then. */
const QUIET = 0.75 * INTERVAL
const TAGS = 3
const MIB = 1024 * 1024
const PATIENCE_MS = 1_500
/** An alert is waited for over so many slots. */
const MOST_SLOTS = 7
const EVENTS = 10_000
/** Of the Events, in each quiet part of a slot. */
const STORM = 50
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')
const RATIO = 'cluster_method_size_class:pullpath_pull_duration_seconds:peer_to_first6h'

interface Node extends LabNode {
  name: string
  agent: LabAgent
}

interface Site {
  api: LabApi
  prometheus: AskedPrometheus
  /** In the order of the ring. */
  nodes: readonly Node[]
  app: CanaryImage
}

await withLabTools(t, async () => {
  t.setTimeout(0)
  await t.test('a cluster measures, tells and is told of its pulls', testAll)
})

async function testAll(t: Test): Promise<void> {
  t.setTimeout(0)
  const lab = await startLab({ nodes: 3, patience: PATIENCE_MS })
  t.teardown(() => lab.stop())
  const images = new Map<string, CanaryImage>()
  for (const tag of ['tag', 'home'].flatMap((name) => Array.from({ length: TAGS }, (_, place) => `${name}-${place}`))) {
    images.set(tag, await lab.origin.push({ repository: 'library/canary', tag, layers: 1, size: 4 * MIB }))
  }
  const app = await lab.origin.push({ repository: 'library/app', tag: 'v1', layers: 1, size: 2 * MIB })
  images.set('v1', app)
  const control = await lab.addMachine({ name: 'control', address: CONTROL_PLANE, megabits: 1_000 })
  const machines = lab.nodes.map(({ machine }) => machine)
  const { rules } = renderedAgent('default', 'k8s-1')
  const users = machines.map(({ name }) => [`token-of-${name}`, { name, rules }])
  const api = await startLabApi(control, Object.fromEntries(users))
  await api.put(clusterObjects(machines))
  api.watchAllEvents(ADMIN_TOKEN)
  await until('somebody watches all Events', async () => {
    return (await api.journal()).find(({ verb }) => verb === 'watch') ?? null
  })
  await api.put(otherEvents(EVENTS))

  const { result, served } = await lab.observe(async () => {
    const started = Date.now()
    const prometheus = await startLabPrometheus(control, machines)
    const agents = lab.nodes.map(async (node): Promise<Node> => {
      const { machine } = node
      const [token, configuration] = [`token-of-${machine.name}`, configurationOf(machine)]
      return { ...node, name: machine.name, agent: await startLabAgent(machine, { api, token, configuration }) }
    })
    const nodes = (await Promise.all(agents)).sort((a, b) => (a.name < b.name ? -1 : 1))
    await Promise.all(nodes.map(({ agent }) => agent.get('/readyz')))
    return testSlots(t, { api, prometheus, nodes, app }, started)
  })
  const { pulls, calm } = result
  await t.test('every pull is what the logs show', async (t) => {
    const measured = pulls.filter((it) => it.via === 'containerd' && /:tag-\d$/.test(it.image))
    const told = new Map<string, number>()
    for (const pull of measured.filter((it) => it.failure === null)) {
      const truth = truthOf(pull, { image: imageOf(pull, images), served, since: pull.slot * INTERVAL })
      told.set(pull.source, (told.get(pull.source) ?? 0) + 1)
      const isRight = truth.includes(pull.source)
      t.ok(
        isRight || pull.source === 'unknown',
        `slot ${pull.slot} on ${pull.node}: ${pull.source}, by the logs ${truth.join(' or ')}`,
      )
      if (!isRight) t.comment(pull.evidence)
    }
    // What is not known is nothing wrong, as long as it is the exception: peers that a busy machine kept from answering.
    t.ok((told.get('unknown') ?? 0) <= measured.length / 20, `${measured.length} pulls in slots`)
    const peerLegs = pulls.filter((it) => it.via === 'peer' && it.failure === null)
    t.ok(peerLegs.length > 0 && peerLegs.every((it) => it.source === 'peer'), `${peerLegs.length} peer legs`)
    // Of what others pulled the agent saw no request: it may not know.
    const observed = pulls.filter((it) => it.method === 'observed')
    for (const pull of observed) {
      const truth = truthOf(pull, { image: imageOf(pull, images), served, since: 0 })
      const isRight = truth.includes(pull.source) || pull.source === 'unknown'
      t.ok(isRight, `observed on ${pull.node}: ${pull.source}, by the logs ${truth.join(' or ')}`)
    }
    t.equal(observed.length, lab.nodes.length)
    t.comment(`pulls: ${JSON.stringify(Object.fromEntries(told))}; peer legs: ${peerLegs.length}`)
    t.comment(
      'failures',
      countsOf(pulls.flatMap(({ node, via, failure }) => (failure ? [`${node} ${via}: ${failure.reason}`] : []))),
    )
    for (const slot of calm) {
      const pulled = measured.filter((it) => it.slot === slot && it.failure === null)
      const firsts = pulled.filter(({ source }) => source === 'first').map(({ node }) => node)
      t.same(firsts, [lab.nodes[slot % 3]?.machine.name], `slot ${slot} has one first`)
      t.ok(pulled.length > 1, `and ${pulled.length - 1} more pulls`)
    }
  })
}

/** Calm slots, then some in which one node loses its peers and another one the origin. */
async function testSlots(
  t: Test,
  site: Site,
  started: number,
): Promise<{ pulls: NodePull[]; calm: readonly number[] }> {
  const { nodes, prometheus, api } = site
  const begun = slotNow()
  const calm = Array.from({ length: SLOTS }, (_, index) => begun + 1 + index)
  const last = begun + SLOTS
  const bytes = new Map<string, SentBytes>()
  const storm = async (slot: number) => {
    await quietOf(slot)
    const addresses = [CONTROL_PLANE, ...nodes.map(({ machine }) => machine.address)]
    const sent = await api.storm({ namespace: BUSY_NAMESPACE, count: STORM, addresses })
    for (const [address, { before, storm }] of Object.entries(sent)) {
      bytes.set(address, { before, storm: storm + (bytes.get(address)?.storm ?? 0) })
    }
  }

  await storm(begun + 1)
  await t.test('what the kubelet pulls is observed, with its own word', (t) => testObserved(t, site))
  for (const slot of calm.slice(1)) await storm(slot)

  await t.test('a calm cluster has no alert of pulls, and peers are faster than the origin', (t) => testCalm(t, site))

  // The one that was first a moment ago: it falls back in two of the next three slots.
  const [lost, cut] = [nodes[last % 3], nodes[(last + 1) % 3]]
  if (lost === undefined || cut === undefined) throw new Error('there are three nodes')
  await lost.peer.loseOthers(true)
  await cut.peer.loseOthers(true)
  await cut.machine.run('ip', ['route', 'add', 'unreachable', `${ORIGIN}/32`])
  const expected = [`PullpathFallbackPulls ${lost.name} firing`, `PullpathPullsFailing ${cut.name} firing`]
  await t.test(
    `${lost.name} falls back, ${cut.name} fails: each has its alert, and no other node has one`,
    async (t) => {
      for (let slot = last + 1; slot <= last + MOST_SLOTS; slot += 1) {
        await storm(slot)
        await scrapedAgain(prometheus)
        t.same(difference(await alertsOfPulls(prometheus), expected), [], `after ${slot - last} slots`)
        if (difference(expected, await alertsOfPulls(prometheus)).length === 0) break
      }
      t.same(await alertsOfPulls(prometheus), expected)
    },
  )
  await t.test('every panel of pulls is fed by it', (t) => {
    const failing = [lost.name, cut.name]
    return testPanels(t, { prometheus, nodes: failing, start: started / 1000 })
  })
  await t.test('it costs the API server no more than it may, and an Event storm nothing', (t) => {
    return testCosts(t, { api, nodes, bytes, elapsed: Date.now() - started })
  })
  const pulls = await pullsOf(nodes)
  await Promise.all(nodes.map(({ agent }) => agent.stop()))
  const over = slotNow()
  return { pulls: pulls.filter((it) => it.slot > begun && it.slot < over), calm }
}

async function testCalm(t: Test, { prometheus, nodes }: Site): Promise<void> {
  const isCounted = async () => {
    const count = await prometheus.query(`count(pullpath_pulls_total{method="containerd", source="peer"} >= 2)`)
    return count[0]?.values[0] === nodes.length || null
  }
  await until('the pulls are scraped', isCounted)
  await scrapedAgain(prometheus)
  t.same(await alertsOfPulls(prometheus), [])
  const ratios = await prometheus.query(RATIO)
  t.same(ratios.map(({ metric }) => metric.method).sort(), ['containerd', 'probe'])
  for (const { metric, values } of ratios) {
    t.ok((values[0] ?? 1) < 1, `${metric.method} ${metric.size_class}: ${values[0]?.toFixed(3)}`)
  }
  for (const { name, agent } of nodes) {
    const ratio = sampleOf(await agent.get('/metrics'), 'pullpath_peer_to_origin_ratio')
    t.type(ratio, 'number', `${name} has a ratio of its own legs: ${ratio?.toFixed(3)}`)
    const { findings, inputs } = JSON.parse(await agent.get('/api/v1/report'))
    t.same(findings, [], `${name} finds nothing`)
    t.match(
      inputs.find((it: { input: string }) => it.input === 'kube'),
      { up: true },
    )
  }
}

/** `bytes`: what each address was sent for the storms. */
async function testCosts(
  t: Test,
  {
    api,
    nodes,
    bytes,
    elapsed,
  }: Pick<Site, 'api' | 'nodes'> & { bytes: ReadonlyMap<string, SentBytes>; elapsed: number },
): Promise<void> {
  const journal = await api.journal()
  for (const { name, machine } of nodes) {
    const own = journal.filter(({ user }) => user === name)
    t.same(overBudget(own, { elapsed, pulls: 1 }), [], `${name}: ${JSON.stringify(requestsOf(own))}`)
    t.equal(own.filter(({ verb }) => verb === 'watch').length, 3, 'and it watches')
    const { before = 0, storm } = bytes.get(machine.address) ?? {}
    t.equal(storm, 0, `${name} is sent nothing of the storm`)
    t.ok(before > 0, `and ${before} bytes else, over the connections that it has`)
  }
  const all = bytes.get(CONTROL_PLANE)?.storm ?? 0
  t.ok(all > 100_000, `who watches all Events is sent ${all} bytes of it`)
}

async function testObserved(t: Test, { api, nodes, app }: Site): Promise<void> {
  const { reference } = app
  const size = sizeOf(app)
  const made: (KubeletPull & { node: Node })[] = []
  for (const node of nodes) {
    const pull = await pullAsKubelet(node, { reference, size })
    await api.put([pull.event])
    await makeContainer(node, { pod: pull.pod, reference })
    made.push({ ...pull, node })
  }
  for (const { node, pod, duration } of made) {
    const observed = await until(`${node.name} tells of it`, async () => {
      const pulls: Pull[] = JSON.parse(await node.agent.get('/api/v1/pulls?method=observed'))
      return pulls.find((it) => it.image === reference) ?? null
    })
    t.match(observed, { via: null, failure: null, bytes: size })
    const word = observed.phases.find(({ name }) => name === 'kubelet')
    t.equal(word?.duration, duration, `${node.name}: the kubelet's word, of ${duration.toFixed(3)} s`)
    const evidence = observed.evidence.map(({ text }) => text) ?? []
    t.ok(evidence.includes(`the next container made of it is app of the pod ${APP_NAMESPACE}/${pod}`))
    t.ok(evidence.some((it) => it.includes("this agrees with containerd's marks")))
  }
}

function imageOf({ image }: Pull, images: ReadonlyMap<string, CanaryImage>): CanaryImage {
  const found = images.get(image.slice(image.lastIndexOf(':') + 1))
  if (found === undefined) throw new Error(`nobody pushed ${image}`)
  return found
}

async function pullsOf(nodes: readonly Node[]): Promise<NodePull[]> {
  const lists = nodes.map(async ({ name, agent }) => {
    const pulls: Pull[] = JSON.parse(await agent.get('/api/v1/pulls?limit=1000'))
    return pulls.map((it) => ({ ...it, node: name, slot: Math.floor(Date.parse(it.startedAt) / INTERVAL) }))
  })
  return (await Promise.all(lists)).flat()
}

function slotNow(): number {
  return Math.floor(Date.now() / INTERVAL)
}

/** The part of a slot in which nothing is measured. */
async function quietOf(slot: number): Promise<void> {
  await delay(Math.max(0, slot * INTERVAL + QUIET - Date.now()))
}

function countsOf(texts: readonly string[]): object {
  return Object.fromEntries([...new Set(texts)].sort().map((it) => [it, texts.filter((text) => text === it).length]))
}

function difference(all: readonly string[], without: readonly string[]): string[] {
  return all.filter((it) => !without.includes(it))
}

function configurationOf({ name, address }: LabNode['machine']): string {
  return `node: { name: ${name}, ip: ${address} }
host: { root: / }
intent:
  talos: { patches: [${EXAMPLES}/talos/registry-mirrors.yaml] }
  spegel: { from: daemonset }
containerd: { hostsDir: ${HOSTS_DIR}, configFile: /etc/cri/containerd.toml, socket: ${CONTAINERD_SOCKET}, proof: { interval: 0 } }
probe: { interval: 0 }
canary: { image: ${ORIGIN}/library/canary, tags: ${TAGS}, interval: ${INTERVAL / 1000}s }
harbor: { url: null }
kubernetes: { enabled: on }
`
}
