import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import type { ResolveProof } from '../../src/drift/resolve-proof.ts'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { DaemonProofs } from '../../src/pull/daemon-proofs.ts'
import { Turns } from '../../src/pull/turns.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, talosIntent, version } from '../fixtures/intents.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { Told } from '../watch/watched-node.ts'
import { CANARY, makeCanary, serveIn, storeIn } from './stored-canary.ts'

const MINUTE = 60_000

class CountedTurns extends Turns {
  begun = 0
  override run<T>(task: () => Promise<T>): Promise<T> {
    this.begun += 1
    return super.run(task)
  }
}

/** A node whose registry is a double on loopback that has the canary, and whose containerd, one in memory, pulls it. */
async function site(t: Test, onFault: (error: unknown) => void = noFault) {
  const origin = await RegistryDouble.start()
  t.teardown(() => origin.stop())
  const canary = makeCanary({ layers: 1, size: 100 })
  storeIn(origin, canary, 'proof-0')
  const daemon = new MemoryDaemon()
  serveIn(daemon, CANARY.image.replace('tag-0', 'proof-0'), canary)
  const text = 'node: { name: k8s-1, ip: 127.0.0.1 }\ncanary: { tags: 1 }\ncontainerd: { proof: { interval: 1h } }\n'
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const file = fileNode(`server = '${origin.origin}'\n`)
  const inputs: Inputs = {
    intent: intentOf(talosIntent([mirror(CANARY.registry, [origin.origin])]), null),
    observed: observing(directoryNode([[CANARY.registry, directoryNode([['hosts.toml', file]])]])),
    // It cannot say what it asks, so that proofs are all that is made.
    daemon: daemonFacts({ version: version('2.0.0') }),
    node: nodeFacts({ ip: '127.0.0.1' }),
    failures: new Map(),
  }
  const turns = new CountedTurns()
  const told = new Told<ResolveProof>()
  const listener = { onProof: (it: ResolveProof) => void told.push(it), onWitness: () => {}, onFault }
  const proofs = new DaemonProofs(config, daemon.client(), turns, listener)
  t.teardown(() => proofs.stop())
  return { origin, daemon, inputs, turns, told, listener, proofs }
}

t.test(
  'a proof that failed is made again after a minute, then seldomer; one that holds waits for its hour',
  async (t) => {
    const { daemon, inputs, turns, told, proofs } = await site(t)
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    /** The next proof begins after so long, and not before. */
    const after = async (milliseconds: number) => {
      const before = turns.begun
      // What was told a moment ago is over with what follows from it.
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (milliseconds > 0) {
        mock.timers.tick(milliseconds - 1)
        t.equal(turns.begun, before, `not before ${milliseconds} ms`)
      }
      const next = told.next(() => true)
      mock.timers.tick(1)
      t.equal(turns.begun, before + 1, `after ${milliseconds} ms`)
      return (await next).outcome
    }
    daemon.pullFailure = 'connection reset by peer'
    proofs.consider(inputs)
    t.equal(await after(0), 'failed')
    t.equal(await after(MINUTE), 'failed')
    t.equal(await after(2 * MINUTE), 'failed')
    daemon.pullFailure = null
    t.equal(await after(4 * MINUTE), 'resolved')
    daemon.pullFailure = 'connection reset by peer'
    t.equal(await after(60 * MINUTE), 'failed')
    daemon.pullFailure = null
    t.equal(await after(MINUTE), 'resolved', 'a failure by chance is over after a minute')
  },
)

t.test('one that cannot stop failing is made again every hour at least, and without a canary no sooner', async (t) => {
  const { origin, daemon, inputs, turns, told, proofs } = await site(t)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const next = async (milliseconds: number) => {
    const before = turns.begun
    await new Promise<void>((resolve) => setImmediate(resolve))
    const proof = told.next(() => true)
    mock.timers.tick(milliseconds)
    t.equal(turns.begun, before + 1)
    return (await proof).outcome
  }
  daemon.pullFailure = 'no'
  proofs.consider(inputs)
  await next(1)
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) t.equal(await next(minutes * MINUTE), 'failed')
  origin.faults.set('GET', { kind: 'status', status: 404 })
  t.equal(await next(60 * MINUTE), 'no-canary')
  await new Promise<void>((resolve) => setImmediate(resolve))
  const { begun } = turns
  mock.timers.tick(59 * MINUTE)
  t.equal(turns.begun, begun)
})

t.test('a proof that is given up is told to nobody, and leaves nothing', async (t) => {
  const { daemon, inputs, told, proofs } = await site(t)
  const begins = Promise.withResolvers<void>()
  daemon.beforePull = () => {
    begins.resolve()
    return new Promise(() => {})
  }
  proofs.consider(inputs)
  await begins.promise
  t.equal(daemon.store('k8s.io').leases.size, 1)
  await proofs.stop()
  t.equal(daemon.store('k8s.io').leases.size, 0)
  t.equal(daemon.store('k8s.io').images.size, 0)
  t.equal(told.length, 0)
})

t.test('a fault of one proof is told, the next one is made, and it ends as ever', async (t) => {
  const faults = new Told<unknown>()
  const { inputs, told, listener, proofs } = await site(t, (error) => void faults.push(error))
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const fault = new TypeError('a fault')
  const { onProof } = listener
  listener.onProof = () => {
    throw fault
  }
  const first = faults.next(() => true)
  proofs.consider(inputs)
  mock.timers.tick(1)
  t.equal(await first, fault)
  await new Promise<void>((resolve) => setImmediate(resolve))
  listener.onProof = onProof
  const next = told.next(() => true)
  mock.timers.tick(60 * MINUTE)
  t.equal((await next).outcome, 'resolved')
  await new Promise<void>((resolve) => setImmediate(resolve))
  listener.onProof = () => {
    throw fault
  }
  const last = faults.next(() => true)
  mock.timers.tick(60 * MINUTE)
  await last
  await t.resolves(proofs.stop())
})
