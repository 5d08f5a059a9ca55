/**
 * How close the total of a canary comes to what the same pull takes without the agent. In turns, by one containerd from
 * one registry: the agent's measurement of a pull by containerd, and a bare call of CRI by a process that does nothing
 * else. Beside them the agent's own client without the measurement around it: what looking adds.
 *
 * Over a link as it is in the lab and over one that does not hold anything up. Needs root and what `.ci/tools`
 * installs; without them it says so. `BENCH_ROUNDS=2` makes every number of rounds at most that.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseImageReference } from '../src/containerd/reference.ts'
import { type ContainerdPullOptions, pullByContainerd } from '../src/pull/containerd-pull.ts'
import type { Subject } from '../src/pull/subject.ts'
import { missingTools } from '../test/daemon/tools.ts'
import type { CanaryImage } from '../test/lab/canary.ts'
import { CONTAINERD_SOCKET, expectedHosts } from '../test/lab/cluster.ts'
import { type Lab, startLab } from '../test/lab/lab.ts'
import { LAB_TOOLS } from '../test/lab/lab-tools.ts'
import type { LabNode } from '../test/lab/node.ts'
import type { BareOrder, BareReply } from './bare-pulls.ts'
import { percentile, verdict } from './statistics.ts'

const [KIB, MIB] = [1024, 1024 * 1024]
/** Either is enough. */
const GOAL = { share: 0.03, milliseconds: 5 }
const WARM_UP = 1
const MOST_ROUNDS = Number(process.env.BENCH_ROUNDS ?? Number.POSITIVE_INFINITY)
/** What the link carries in a second, in megabits: as much as the processor can send, or the lab's. */
const LINKS = [
  { name: 'unshaped', megabits: 20_000 },
  { name: '100 Mbit/s', megabits: 100 },
] as const
const SIZES = [
  { name: '1 KiB', size: KIB, rounds: [41, 41] },
  { name: '16 MiB', size: 16 * MIB, rounds: [21, 11] },
  { name: '128 MiB', size: 128 * MIB, rounds: [11, 5] },
] as const
const WAYS = ['bare', 'client', 'agent'] as const
type Way = (typeof WAYS)[number]

const OPTIONS: ContainerdPullOptions = {
  image: 'canary',
  mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
  sight: null,
  hasDiskPressure: async () => false,
  deadline: 120_000,
  patience: 10_000,
}

const missing = missingTools(LAB_TOOLS)
if (missing === null) await measureAll()
else console.log(`the accuracy of pulls is not measured: ${missing}`)

async function measureAll(): Promise<void> {
  const lab = await startLab({ nodes: 1 })
  try {
    const [node] = lab.nodes
    if (node === undefined) throw new Error('a node is needed')
    // From the origin alone: what a peer does besides is not to be measured.
    await node.writeHosts(expectedHosts(node.machine.address).talosTree)
    const bare = fork(new URL('bare-pulls.ts', import.meta.url), [node.machine.outside(CONTAINERD_SOCKET)])
    try {
      for (const [index, link] of LINKS.entries()) {
        for (const machine of [lab.origin.machine, node.machine]) await machine.link.shape(link.megabits)
        for (const { name, size, rounds } of SIZES) {
          const count = Math.min(rounds[index] ?? 1, MOST_ROUNDS)
          console.log(`${name}, ${link.name}: ${count} of each in turn`)
          report(await measure(lab, { node, bare, size, rounds: count }))
        }
      }
    } finally {
      bare.disconnect()
    }
  } finally {
    await lab.stop()
  }
}

type Times = Record<Way, number[]>

async function measure(
  lab: Lab,
  { node, bare, size, rounds }: { node: LabNode; bare: ChildProcess; size: number; rounds: number },
): Promise<Times> {
  const image = await lab.origin.push({ repository: 'library/canary', tag: `of-${size}`, layers: 1, size })
  const subject = subjectOf(image)
  const pulls: Record<Way, () => Promise<number>> = {
    bare: () => ask(bare, { call: 'pull', image: image.reference }),
    client: () => node.pull(image.reference),
    agent: async () => {
      const { failure, duration } = await pullByContainerd(node.containerd, subject, OPTIONS)
      if (failure !== null) throw new Error(`${failure.reason}: ${failure.message}`)
      return duration * 1000
    },
  }
  const times: Times = { bare: [], client: [], agent: [] }
  for (let round = -Math.min(WARM_UP, rounds); round < rounds; round++) {
    // Each way comes first, second and last as often: a machine that grows slower or faster favours none.
    const turn = (round + WARM_UP) % WAYS.length
    for (const way of [...WAYS.slice(turn), ...WAYS.slice(0, turn)]) {
      await ask(bare, { call: 'remove', image: image.reference })
      const took = await pulls[way]()
      if (round >= 0) times[way].push(took)
    }
  }
  await node.remove(image.reference)
  return times
}

/** Milliseconds. */
async function ask(bare: ChildProcess, order: BareOrder): Promise<number> {
  const replied = once(bare, 'message')
  bare.send(order)
  const [reply] = (await replied) as [BareReply]
  if ('failure' in reply) throw new Error(reply.failure)
  return reply.took
}

function subjectOf({ reference, manifest, config, layers }: CanaryImage): Subject {
  return {
    reference: parseImageReference(reference),
    digest: manifest.digest,
    imageId: config.digest,
    objects: [
      { ...manifest, kind: 'manifest' },
      { ...config, kind: 'config' },
      ...layers.map((it) => ({ ...it, kind: 'layer' as const })),
    ],
  }
}

function report({ bare, client, agent }: Times): void {
  console.log(row('bare CRI pull', bare))
  console.log(row("the same by the agent's client", client))
  console.log(row("the canary's total", agent))
  const wall = percentile(bare, 50)
  const difference = percentile(agent, 50) - wall
  const looking = percentile(agent, 50) - percentile(client, 50)
  const share = difference / wall
  const isMet = Math.abs(difference) <= GOAL.milliseconds || Math.abs(share) <= GOAL.share
  const goal = `goal ${GOAL.milliseconds} ms or ${GOAL.share * 100} %`
  const told = `${signed(difference)} ms, ${signed(share * 100)} % of the median; looking adds ${signed(looking)} ms`
  console.log(verdict(`${told}, ${goal}`, isMet))
}

function row(name: string, times: readonly number[]): string {
  const at = (hundredths: number) => percentile(times, hundredths).toFixed(1).padStart(8)
  return `  ${name.padEnd(32)} p50 ${at(50)} ms   p25 ${at(25)}   p75 ${at(75)}   fastest ${at(0)}   slowest ${at(100)}`
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(1)}`
}
