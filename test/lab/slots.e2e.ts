/**
 * Ten slots on three nodes with real containerd: each node first in its turn, and every pull said to be what the logs of
 * the origin and of all peers show.
 *
 *   npx tap test/lab/slots.e2e.ts        LAB_SLOTS=30 for more of them
 *
 * Needs root and what `.ci/tools` installs. Everything happens in namespaces of the lab's own.
 */
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Pull } from '../../src/drift/pull.ts'
import { endpoint, sliceOf } from '../kube/slices.ts'
import { sampleOf } from '../metrics/exposition.ts'
import type { AccessEntry } from './access-log.ts'
import type { CanaryImage } from './canary.ts'
import { CONTAINERD_SOCKET, HOSTS_DIR } from './cluster.ts'
import { startLab } from './lab.ts'
import { withLabTools } from './lab-tools.ts'
import type { LabNode } from './node.ts'

const SLOTS = Number(process.env.LAB_SLOTS ?? 10)
const INTERVAL = 15_000
const TAGS = 3
const MIB = 1024 * 1024
const PATIENCE_MS = 1_500
const CONFIGURATION = '/run/pullpath.yaml'
const SLICES = '/run/slices.json'
const PROGRAM = join(import.meta.dirname, 'slots-process.ts')
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')

interface NodePull extends Pull {
  node: string
  slot: number
}

await withLabTools(t, async () => {
  t.setTimeout(0)
  await t.test('each node is first in its turn, and every pull is what the logs show', testAll)
})

async function testAll(t: Test): Promise<void> {
  t.setTimeout(0)
  const lab = await startLab({ nodes: 3, patience: PATIENCE_MS })
  t.teardown(() => lab.stop())
  const images = new Map<string, CanaryImage>()
  for (const tag of ['tag', 'home'].flatMap((name) => Array.from({ length: TAGS }, (_, place) => `${name}-${place}`))) {
    images.set(tag, await lab.origin.push({ repository: 'library/canary', tag, layers: 1, size: MIB }))
  }
  const endpoints = lab.nodes.map(({ machine }) => endpoint(machine.address, machine.name))
  const { result: pulls, served } = await lab.observe(async () => {
    const programs = lab.nodes.map(({ machine }) => {
      writeFileSync(machine.outside(CONFIGURATION), configurationOf(machine))
      writeFileSync(machine.outside(SLICES), JSON.stringify([sliceOf(endpoints)]))
      const log = openSync(machine.outside('/run/agent.log'), 'a')
      return machine.start(process.execPath, [PROGRAM, CONFIGURATION, SLICES], { log })
    })
    const all = await pullsOf(lab.nodes)
    for (const { machine } of lab.nodes) {
      const ratio = sampleOf(await asked(machine, '/metrics'), 'pullpath_peer_to_origin_ratio')
      t.type(ratio, 'number', `${machine.name} has a ratio of its own legs: ${ratio?.toFixed(3)}`)
    }
    await Promise.all(programs.map((it) => it.stop()))
    return all
  })

  const names = lab.nodes.map(({ machine }) => machine.name).sort()
  const measured = pulls.filter((it) => it.via === 'containerd' && /:tag-\d$/.test(it.image))
  const told = new Map<string, number>()
  for (const pull of measured) {
    const truth = truthOf(pull, { images, served, measured })
    const isRight = pull.source === truth || pull.source === 'unknown'
    told.set(pull.source, (told.get(pull.source) ?? 0) + 1)
    t.ok(isRight, `slot ${pull.slot} on ${pull.node}: ${pull.source}, by the logs ${truth}`)
    if (!isRight || pull.source === 'unknown') t.comment(pull.evidence, pull.failure)
  }
  const slots = [...new Set(measured.map((it) => it.slot))].sort((a, b) => a - b)
  t.ok(slots.length >= SLOTS, `${slots.length} slots`)
  for (const slot of slots) {
    const firsts = measured.filter((it) => it.slot === slot && it.source === 'first').map(({ node }) => node)
    t.same(firsts, [names[slot % 3]], `slot ${slot} has one first`)
  }
  const peerLegs = pulls.filter((it) => it.via === 'peer' && it.failure === null)
  t.ok(peerLegs.length > 0 && peerLegs.every((it) => it.source === 'peer'), `${peerLegs.length} peer legs`)
  t.comment(`pulls: ${JSON.stringify(Object.fromEntries(told))}; peer legs: ${peerLegs.length}`)
}

/** All that was measured in whole slots after all agents were ready, once there are enough of them. */
async function pullsOf(nodes: readonly LabNode[]): Promise<NodePull[]> {
  await Promise.all(nodes.map(({ machine }) => asked(machine, '/readyz')))
  const begun = Math.floor(Date.now() / INTERVAL)
  for (;;) {
    const lists = await Promise.all(
      nodes.map(async ({ machine }) => {
        const pulls: Pull[] = JSON.parse(await asked(machine, '/api/v1/pulls?limit=1000'))
        return pulls.map((it): NodePull => {
          return { ...it, node: machine.name, slot: Math.floor(Date.parse(it.startedAt) / INTERVAL) }
        })
      }),
    )
    const last = begun + SLOTS + 1
    if (Date.now() >= last * INTERVAL) return lists.flat().filter((it) => it.slot > begun && it.slot < last)
    await delay(1_000)
  }
}

/** Waits for the agent to serve. */
async function asked(machine: LabNode['machine'], path: string): Promise<string> {
  const url = `http://127.0.0.1:9478${path}`
  return machine.run('curl', ['-sS', '--retry', '20', '--retry-connrefused', '--retry-delay', '1', url])
}

/** Who gave the layer, and whether any other node had it by then. */
function truthOf(
  { image, node, slot, startedAt, duration }: NodePull,
  {
    images,
    served,
    measured,
  }: { images: ReadonlyMap<string, CanaryImage>; served: readonly AccessEntry[]; measured: readonly NodePull[] },
): Pull['source'] {
  const begun = Date.parse(startedAt)
  const digest = images.get(image.slice(image.lastIndexOf(':') + 1))?.layers[0]?.digest ?? 'none'
  const given = served.filter(
    (it) =>
      it.asker === node &&
      it.by !== node &&
      it.method === 'GET' &&
      it.status === 200 &&
      it.source === 'own' &&
      it.path.endsWith(digest) &&
      it.at >= begun - 50 &&
      it.at <= begun + duration * 1000 + 50,
  )
  const isHeld = measured.some(
    (it) =>
      it.slot === slot &&
      it.node !== node &&
      it.failure === null &&
      Date.parse(it.startedAt) + it.duration * 1000 < begun,
  )
  const [byOrigin, byPeers] = [given.some((it) => it.by === 'origin'), given.some((it) => it.by !== 'origin')]
  if (byOrigin && byPeers) return 'mixed'
  if (byPeers) return 'peer'
  return isHeld ? 'fallback' : 'first'
}

function configurationOf({ name, address }: LabNode['machine']): string {
  return `node: { name: ${name}, ip: ${address} }
host: { root: / }
intent:
  talos: { patches: [${EXAMPLES}/talos/registry-mirrors.yaml] }
  spegel: { from: helmrelease, values: [${EXAMPLES}/spegel/helmrelease.yaml] }
containerd: { hostsDir: ${HOSTS_DIR}, configFile: /etc/cri/containerd.toml, socket: ${CONTAINERD_SOCKET}, proof: { interval: 0 } }
probe: { interval: 0 }
canary: { image: 192.168.1.106/library/canary, tags: ${TAGS}, interval: ${INTERVAL / 1000}s }
harbor: { url: null }
http: { host: 127.0.0.1, port: 9478 }
`
}
