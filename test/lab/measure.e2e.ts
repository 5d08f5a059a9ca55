/**
 * What `pullpath measure` says of pulls, against the logs of the origin and of all peers: where the bytes came from,
 * how many they were, and how the peer compares with the origin.
 *
 *   npx tap test/lab/measure.e2e.ts        LAB_ROUNDS=30 for more rounds
 *
 * Needs root and what `.ci/tools` installs. Everything happens in namespaces of the lab's own.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { legRatio } from '../../src/drift/leg-ratio.ts'
import type { Pull, PullSource } from '../../src/drift/pull.ts'
import { type AccessEntry, blobsGiven } from './access-log.ts'
import { blobsOf, type CanaryImage, digestsOf, sizeOf } from './canary.ts'
import { CONTAINERD_SOCKET, HOSTS_DIR, PEER_PORTS } from './cluster.ts'
import { type Lab, startLab } from './lab.ts'
import { withLabTools } from './lab-tools.ts'
import type { LabNode } from './node.ts'

const MIB = 1024 * 1024
const PATIENCE_MS = 1_500
const ROUNDS = Number(process.env.LAB_ROUNDS ?? 4)
/** Milliseconds: the log, and when a pull started, are told in whole ones. */
const CLOCK_STEP = 1
/** How far what the agent tells may be from what the logs do; a share. */
const WITHIN = 0.1
const CONFIGURATION = '/run/pullpath.yaml'
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')

await withLabTools(t, testAll)

async function testAll(): Promise<void> {
  t.setTimeout(0)
  const lab = await startLab({ nodes: 3, patience: PATIENCE_MS })
  t.teardown(() => lab.stop())
  for (const node of lab.nodes) writeFileSync(node.machine.outside(CONFIGURATION), configurationOf(lab, node))
  const [first, second, third] = lab.nodes as [LabNode, LabNode, LabNode]
  let tags = 0
  const canary = ({ layers = 1, size = MIB } = {}) => {
    tags += 1
    return lab.origin.push({ repository: 'library/canary', tag: `v${tags}`, layers, size })
  }
  const seed = async (node: LabNode, image: CanaryImage) => {
    await node.pull(image.reference)
    const others = lab.nodes.filter((it) => it !== node)
    await Promise.all(others.map(({ peer }) => peer.knows(node.machine.address, digestsOf(image))))
  }

  const told = new Map<string, number>()
  const count = (key: string) => told.set(key, (told.get(key) ?? 0) + 1)
  /** Measures, and holds the source to the logs. */
  const check = async (node: LabNode, image: CanaryImage, via: string, isHeld: boolean) => {
    const { result: pull, served } = await lab.observe(() => measured(node, image, via))
    const truth = sourceBy(served, image, node, isHeld)
    count(pull.source === 'unknown' ? 'unknown' : pull.source === truth ? 'right' : 'wrong')
    const isRight = pull.source === truth || pull.source === 'unknown'
    t.ok(isRight, `${via} on ${node.machine.name}: ${pull.source}, by the logs ${truth}`)
    if (!isRight || pull.source === 'unknown') t.comment(`${via}, by the logs ${truth}`, pull.evidence, pull.failure)
    t.equal(pull.failure, null)
    t.equal(pull.bytes, sizeOf(image), 'all of it is counted')
    const { inside, outside } = askedWhen(pull, served, node)
    t.same(outside, [], 'each was asked for within its phases')
    t.ok(inside >= image.layers.length, `${inside} requests`)
    return pull
  }

  /** Of 16 MiB: what the agent tells by what the same transfers are in the logs. */
  const agreement: Record<'ratio' | 'first' | 'peer', number[]> = { ratio: [], first: [], peer: [] }
  const ratios: number[] = []
  const compareLegs = async (node: LabNode, holder: LabNode) => {
    const image = await canary({ size: 16 * MIB })
    await seed(holder, image)
    const { result, served } = await lab.observe(() => run(node, image, 'origin,peer'))
    const [origin, peer] = JSON.parse(result) as [Pull, Pull]
    t.match([origin.source, peer.source], ['first', 'peer'])
    await holder.remove(image.reference)
    const { name } = node.machine
    const span = (by: string) =>
      spanOf(
        served.filter((it) => it.by === by && it.asker === name),
        image,
      )
    const [first, second] = [origin.duration / span('origin'), peer.duration / span(name)]
    const ratio = legRatio(origin, peer) ?? Number.NaN
    ratios.push(ratio)
    agreement.first.push(first)
    agreement.peer.push(second)
    agreement.ratio.push(ratio / (span(name) / span('origin')))
  }

  for (let round = 1; round <= ROUNDS; round++) {
    await t.test(`round ${round}`, async () => {
      const nodes = [first, second, third] as const
      const [holder, other] = [nodes[round % 3] ?? first, nodes[(round + 1) % 3] ?? second]
      const image = await canary({ layers: 1 + (round % 2) })
      await check(other, image, 'containerd', false)
      await check(other, image, 'path', false)
      await seed(holder, image)
      await check(other, image, 'containerd', true)
      await check(other, image, 'path', true)
      await check(other, image, 'peer', true)
      const { failure, source } = await measured(other, image, 'origin')
      t.same([failure, source], [null, 'first'])
      await compareLegs(other, holder)
    })
  }

  await t.test('a peer that has it and times out makes a fallback of it', async (t) => {
    for (const via of ['containerd', 'path']) {
      const image = await canary()
      await seed(first, image)
      await first.peer.fail({ answer: 'nothing', methods: ['GET'] })
      t.equal((await check(second, image, via, true)).source, 'fallback', via)
      await first.peer.fail(null)
    }
  })

  await t.test('a node port that leads elsewhere is no reason to claim the origin', async () => {
    const image = await canary()
    await seed(first, image)
    await first.peer.fail({ answer: 'not-found', methods: ['GET'] })
    await second.peer.routeNodePort(first.machine.address)
    await check(second, image, 'containerd', true)
    await check(second, image, 'path', true)
    await second.peer.routeNodePort(null)
    await first.peer.fail(null)
  })

  await t.test('the ratio of peer to first, and either, is that of the logs', async (t) => {
    t.comment(`ratio of peer to first for 16 MiB: ${spreadOf(ratios)}`)
    for (const [what, values] of Object.entries(agreement)) {
      // A machine that is busy at the wrong moment is one round's matter.
      t.ok(Math.abs(median(values) - 1) <= WITHIN, `${what}: ours by that of the logs ${spreadOf(values)}`)
    }
  })

  await t.test('nothing is left in any daemon', async (t) => {
    for (const { containerd, machine } of lab.nodes) {
      const store = containerd.inNamespace('k8s.io')
      t.same([await store.ingests([]), await store.leases([])], [[], []], machine.name)
    }
  })

  t.comment(`told: ${JSON.stringify(Object.fromEntries(told))}`)
  t.equal(told.get('wrong') ?? 0, 0, 'none is wrong')
}

function configurationOf({ nodes }: Lab, { machine }: LabNode): string {
  const peers = nodes.map((it) => `http://${it.machine.address}:${PEER_PORTS.pod}`)
  return `node: { name: ${machine.name}, ip: ${machine.address} }
host: { root: / }
intent:
  talos: { patches: [${EXAMPLES}/talos/registry-mirrors.yaml] }
  spegel: { from: helmrelease, values: [${EXAMPLES}/spegel/helmrelease.yaml] }
containerd: { hostsDir: ${HOSTS_DIR}, configFile: /etc/cri/containerd.toml, socket: ${CONTAINERD_SOCKET} }
spegel: { peers: [${peers.join(', ')}], metrics: 'http://${machine.address}:${PEER_PORTS.metrics}/metrics' }
`
}

function run({ machine }: LabNode, { reference }: CanaryImage, via: string): Promise<string> {
  return machine.run(process.execPath, [MAIN, 'measure', reference, '--via', via, '--json', '--config', CONFIGURATION])
}

async function measured(node: LabNode, image: CanaryImage, via: string): Promise<Pull> {
  return JSON.parse(await run(node, image, via))
}

/** Who gave the layers, by the logs. */
function sourceBy(served: readonly AccessEntry[], image: CanaryImage, node: LabNode, isHeld: boolean): PullSource {
  const wanted = new Set(blobsOf(image))
  const given = (by: string, asker: string) => blobsGiven(served, by, asker).filter((it) => wanted.has(it)).length
  const { name } = node.machine
  const byOrigin = given('origin', name)
  const others = [...new Set(served.map((it) => it.by))].filter((it) => it !== 'origin' && it !== name)
  const byPeers = others.reduce((sum, it) => sum + given(it, name), 0)
  if (byPeers === 0) return isHeld ? 'fallback' : 'first'
  return byOrigin === 0 ? 'peer' : 'mixed'
}

/**
 * What this node asked the origin or its own mirror for, as the logs have it: how many requests came in within the phases
 * of what they are for, and those at another time.
 */
function askedWhen(
  { startedAt, phases }: Pull,
  served: readonly AccessEntry[],
  { machine }: LabNode,
): { inside: number; outside: string[] } {
  const asked = served.filter(
    ({ by, asker, method }) => asker === machine.name && method === 'GET' && ['origin', machine.name].includes(by),
  )
  let inside = 0
  const outside: string[] = []
  for (const digest of new Set(phases.map((it) => it.digest))) {
    const its = phases.filter((it) => it.digest === digest && it.name !== 'unpack')
    const from = Date.parse(startedAt) + Math.min(...its.map((it) => it.start)) * 1000
    const to = Date.parse(startedAt) + Math.max(...its.map((it) => it.start + it.duration)) * 1000
    for (const { by, path, at } of asked.filter((it) => it.path.endsWith(`/${digest}`))) {
      if (from <= at + CLOCK_STEP && at <= to + CLOCK_STEP) inside += 1
      else outside.push(`${by}: ${path} at ${at}, ${from} to ${to}`)
    }
  }
  return { inside, outside }
}

/** Seconds from the first request of a leg to the end of the last. That of its subject, a GET by tag, is no part of it. */
function spanOf(served: readonly AccessEntry[], { reference, ...image }: CanaryImage): number {
  const tag = reference.split(':').at(-1) ?? ''
  const wanted = new Set([
    `HEAD ${tag}`,
    ...digestsOf({ reference, ...image }).flatMap((it) => [`HEAD ${it}`, `GET ${it}`]),
  ])
  const its = served.filter(({ method, path }) => wanted.has(`${method} ${path.split('/').at(-1)}`))
  const end = Math.max(...its.map(({ at, milliseconds }) => at + milliseconds))
  return (end - Math.min(...its.map(({ at }) => at))) / 1000
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function spreadOf(values: readonly number[]): string {
  const text = (value: number) => value.toFixed(3)
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`
}
