/**
 * That the lab is true: who served what is read from the logs of the origin and of all peers.
 *
 *   npx tap test/lab/lab.e2e.ts
 *
 * Needs root and what `.ci/tools` installs. Everything happens in namespaces of the lab's own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { readTree } from '../../src/watch/read-tree.ts'
import { type AccessEntry, blobsGiven } from './access-log.ts'
import { blobsOf, type CanaryImage, digestsOf } from './canary.ts'
import { expectedHosts, HOSTS_DIR } from './cluster.ts'
import { type Lab, startLab } from './lab.ts'
import { withLabTools } from './lab-tools.ts'
import type { LabNode } from './node.ts'
import { hostState, remainsOf, type Started, startedBy } from './remains.ts'

const MIB = 1024 * 1024
/** A busy machine does not answer within Spegel's 100 ms; here a peer that can serve must. */
const PATIENCE_MS = 1_500
const LOOK_AGAIN_MS = 20

await withLabTools(t, testAll)

async function testAll(): Promise<void> {
  t.setTimeout(300_000)
  const before = hostState()
  const begun = performance.now()
  const lab = await startLab({ nodes: 3, patience: PATIENCE_MS })
  t.comment(`started in ${(performance.now() - begun).toFixed(0)} ms`)
  t.teardown(() => lab.stop())
  const [first, second, third] = lab.nodes as [LabNode, LabNode, LabNode]
  let tags = 0
  const canary = ({ layers = 1, size = MIB } = {}) => {
    tags += 1
    return lab.origin.push({ repository: 'library/canary', tag: `v${tags}`, layers, size })
  }
  /** Pulls it where nobody has it, and waits until all others know. */
  const seed = async (node: LabNode, image: CanaryImage) => {
    await node.pull(image.reference)
    const others = lab.nodes.filter((it) => it !== node)
    await Promise.all(others.map(({ peer }) => peer.knows(node.machine.address, digestsOf(image))))
  }

  await t.test('each node has what Talos and then Spegel wrote for its address', async (t) => {
    for (const { machine } of lab.nodes) {
      const target = (port: number) =>
        `[host.'http://${machine.address}:${port}']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'\n\n`
      const kept = `[host.'http://192.168.1.106']\ncapabilities = ['pull', 'resolve']`
      const text = (path: string) => readFileSync(machine.outside(join(HOSTS_DIR, path)), 'utf8')
      const spegels = target(29999) + target(30021)
      t.equal(text('192.168.1.106/hosts.toml'), `server = 'http://192.168.1.106'\n\n${spegels}${kept}`)
      t.equal(text('docker.io/hosts.toml'), `server = 'https://registry-1.docker.io'\n\n${spegels.trimEnd()}`)
      t.equal(
        text('_backup/192.168.1.106/hosts.toml'),
        "[host]\n  [host.'http://192.168.1.106']\n    capabilities = ['pull', 'resolve']\n",
      )
      const { tree } = expectedHosts(machine.address)
      t.same(namesIn(readTree(HOSTS_DIR, { hostRoot: machine.outside('') })), namesIn(tree), 'and nothing else')
    }
  })

  await t.test('the first pull comes from the origin, the second from the first node', async (t) => {
    const image = await canary({ layers: 2, size: 8 * MIB })
    const one = await lab.observe(() => first.pull(image.reference))
    t.same(blobsGiven(one.served, 'origin', 'k8s-1'), blobsOf(image), 'the origin gave every blob')
    t.same(
      one.served.filter(({ by, source }) => by !== 'origin' && source !== null),
      [],
      'no peer gave anything',
    )
    t.ok(
      one.served.some((it) => it.by === 'k8s-1' && it.status === 404),
      'its own mirror was asked first',
    )
    comment('first pull', image, one.result)

    await Promise.all(lab.nodes.slice(1).map(({ peer }) => peer.knows(first.machine.address, digestsOf(image))))
    const two = await lab.observe(() => second.pull(image.reference))
    t.same(blobsGiven(two.served, 'k8s-1', 'k8s-2'), blobsOf(image), 'the first node gave every blob')
    t.same(
      two.served.filter(({ by }) => by === 'origin'),
      [],
      'the origin was not asked',
    )
    const own = two.served.filter((it) => it.by === 'k8s-2')
    t.ok(own.length > 0 && own.every((it) => it.asker === 'k8s-2' && it.source === 'peer'), 'through its own mirror')
    comment('second pull', image, two.result)

    await second.remove(image.reference)
    t.equal(await second.containerd.inNamespace('k8s.io').content(image.config.digest), null, 'removed')
    t.not(await first.containerd.inNamespace('k8s.io').content(image.config.digest), null, 'each has its own store')
    const again = await lab.observe(() => second.pull(image.reference))
    t.same(blobsGiven(again.served, 'k8s-1', 'k8s-2'), blobsOf(image), 'and pulled again')
  })

  const faults = { 'times out': 'nothing', 'answers 404': 'not-found' } as const
  for (const [name, answer] of Object.entries(faults)) {
    await t.test(`where the peer that holds the layers ${name}, they come from the origin`, async (t) => {
      const image = await canary()
      await seed(first, image)
      await first.peer.fail({ answer, methods: ['GET'] })
      const { served } = await lab.observe(() => second.pull(image.reference))
      await first.peer.fail(null)
      t.same(blobsGiven(served, 'origin', 'k8s-2'), blobsOf(image))
      const refused = served.filter((it) => it.by === 'k8s-1' && it.asker === 'k8s-2' && it.method === 'GET')
      t.ok(refused.length > 0, 'it was asked')
      t.ok(refused.every(({ status }) => status === (answer === 'nothing' ? null : 404)))
      t.ok(
        served.some((it) => it.by === 'k8s-1' && it.method === 'HEAD' && it.source === 'own'),
        'it says it has it',
      )

      const healed = await lab.observe(() => third.pull(image.reference))
      t.same(from(healed.served, 'origin', 'k8s-3'), [], 'without the fault it serves again')
    })
  }

  await t.test('where the mirror is stopped containerd falls back, and is served by it again later', async (t) => {
    const [one, two] = [await canary(), await canary()]
    await seed(first, one)
    await seed(first, two)
    await second.peer.stop()
    const without = await lab.observe(() => second.pull(one.reference))
    t.same(blobsGiven(without.served, 'origin', 'k8s-2'), blobsOf(one))
    t.same(
      without.served.filter(({ by }) => by !== 'origin'),
      [],
      'no peer was asked',
    )

    await second.peer.start()
    await second.peer.knows(first.machine.address, digestsOf(two))
    const withIt = await lab.observe(() => second.pull(two.reference))
    t.same(blobsGiven(withIt.served, 'k8s-1', 'k8s-2'), blobsOf(two))
  })

  await t.test(
    'a nodePort that leads to another node gives what that one has, though the own mirror missed it',
    async (t) => {
      const image = await canary()
      await seed(first, image)
      await first.peer.fail({ answer: 'not-found', methods: ['GET', 'HEAD'] })
      await second.peer.routeNodePort(first.machine.address)
      const { served } = await lab.observe(() => second.pull(image.reference))
      await second.peer.routeNodePort(null)
      await first.peer.fail(null)
      t.same(blobsGiven(served, 'k8s-1', 'k8s-2'), blobsOf(image))
      t.same(from(served, 'origin', 'k8s-2'), [])
      const own = from(served, 'k8s-2', 'k8s-2')
      t.ok(own.length > 0 && own.every(({ status }) => status === 404), 'its own mirror has nothing but misses')
    },
  )

  await t.test('what a node has removed is still looked for there, and then got from the origin', async (t) => {
    const image = await canary()
    await seed(first, image)
    await first.remove(image.reference)
    const { served } = await lab.observe(() => second.pull(image.reference))
    t.same(blobsGiven(served, 'origin', 'k8s-2'), blobsOf(image))
    const asked = from(served, 'k8s-1', 'k8s-2')
    t.ok(asked.length > 0 && asked.every(({ status }) => status === 404))
  })

  await t.test('a link that is cut is no way to a peer, until it is restored', async (t) => {
    const [one, two] = [await canary(), await canary()]
    await seed(first, one)
    await seed(first, two)
    await first.machine.link.cut()
    const cut = await lab.observe(() => second.pull(one.reference))
    t.same(blobsGiven(cut.served, 'origin', 'k8s-2'), blobsOf(one))
    t.same(from(cut.served, 'k8s-1', 'k8s-2'), [])
    await first.machine.link.restore()
    const restored = await lab.observe(() => second.pull(two.reference))
    t.same(blobsGiven(restored.served, 'k8s-1', 'k8s-2'), blobsOf(two))
  })

  await t.test('where a peer dies in the middle of a layer another one gives the rest', async (t) => {
    const image = await canary({ size: 4 * MIB })
    await seed(first, image)
    await seed(second, image)
    // Until the layer is on its way only the first node gives anything.
    await second.peer.fail({ answer: 'nothing', methods: ['GET'] })
    await first.machine.link.shape(5)
    const { served } = await lab.observe(async () => {
      let isOver = false
      const pulled = third.pull(image.reference).finally(() => {
        isOver = true
      })
      const isUnderWay = async () => {
        const ingests = await third.containerd.inNamespace('k8s.io').ingests(['ref~="^layer-"'])
        return ingests.some(({ offset }) => offset > 0)
      }
      while (!isOver && !(await isUnderWay())) await delay(LOOK_AGAIN_MS)
      await second.peer.fail(null)
      await first.peer.kill()
      await pulled
    })
    await first.machine.link.shape(1_000)
    await first.peer.start()
    t.same(from(served, 'origin', 'k8s-3'), [])
    const layer = (by: string) =>
      from(served, by, by === 'k8s-3' ? by : 'k8s-3').filter(isGetOf(image.layers[0]?.digest))
    const [whole] = layer('k8s-3')
    t.match(whole, { status: 200, source: 'peer', bytes: image.layers[0]?.size }, 'its own mirror gave all of it')
    const rest = layer('k8s-2').find(({ status }) => status === 206)
    t.ok(
      rest !== undefined && rest.bytes > 0 && rest.bytes < (image.layers[0]?.size ?? 0),
      'and got a part of it there',
    )
  })

  await t.test('the shape of a link can be changed', async (t) => {
    const rate = async ({ machine }: LabNode | Lab['origin']) =>
      /rate (\S+)/.exec(await machine.run('tc', ['qdisc', 'show', 'dev', 'eth0']))?.[1]
    t.same([await rate(lab.origin), await rate(first)], ['100Mbit', '1Gbit'])
    await lab.origin.machine.link.shape(200)
    t.equal(await rate(lab.origin), '200Mbit')
    const image = await canary({ layers: 2, size: 8 * MIB })
    const { result, served } = await lab.observe(() => first.pull(image.reference))
    t.same(blobsGiven(served, 'origin', 'k8s-1'), blobsOf(image))
    comment('first pull at 200 Mbit/s', image, result)
    await lab.origin.machine.link.shape(100)
  })

  await t.test('a program on a node has its files and its network, and no way out', async (t) => {
    const { machine } = first
    const text = await machine.run('cat', [join(HOSTS_DIR, '192.168.1.106/hosts.toml')])
    t.match(text, `http://${machine.address}:29999`)
    t.equal(await machine.run('curl', ['-sS', 'http://192.168.1.106/v2/']), '{}')
    t.equal(await machine.run('ip', ['route', 'show', 'default']), '')
    await t.rejects(machine.run('ip', ['route', 'get', '192.0.2.1']), /unreachable/)
  })

  await t.test('nothing is left when it has stopped', async (t) => {
    const started = startedBy(process.pid)
    // A holder each for the bridge and four machines; the registry; a containerd and a peer for each node.
    t.equal(remainsOf(started).length, 12, remainsOf(started).join('\n'))
    t.equal(started.namespaces.length, 10)
    const begun = performance.now()
    await lab.stop()
    t.comment(`stopped in ${(performance.now() - begun).toFixed(0)} ms`)
    t.same(remainsOf(started), [])
    t.same(hostState(), before)
  })

  await t.test('nothing is left when the process that started it is killed', async (t) => {
    const child = fork(join(import.meta.dirname, 'abandoned-lab.ts'), {
      // The runner's loaders are not for the child.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const [message] = await once(child, 'message')
    const started = message as Started
    t.equal(remainsOf(started).length, 6, remainsOf(started).join('\n'))
    child.kill('SIGKILL')
    await once(child, 'exit')
    while (remainsOf(started).length > 0) await delay(LOOK_AGAIN_MS)
    t.same(hostState(), before)
  })
}

function isGetOf(digest: string | undefined): (entry: AccessEntry) => boolean {
  return ({ method, path }) => method === 'GET' && path.endsWith(`/${digest}`)
}

/** All that one machine answered another. */
function from(served: readonly AccessEntry[], by: string, asker: string): AccessEntry[] {
  return served.filter((it) => it.by === by && it.asker === asker)
}

function namesIn(node: ReturnType<typeof readTree>): object | string {
  if (node.kind !== 'directory') return node.kind
  return Object.fromEntries([...node.entries].sort().map(([name, inner]) => [name, namesIn(inner)]))
}

function comment(what: string, { layers }: CanaryImage, milliseconds: number): void {
  const bytes = layers.reduce((sum, { size }) => sum + size, 0)
  const rate = (bytes * 8) / 1e6 / (milliseconds / 1000)
  t.comment(`${what}: ${bytes} bytes of layers in ${milliseconds.toFixed(0)} ms, ${rate.toFixed(0)} Mbit/s`)
}
