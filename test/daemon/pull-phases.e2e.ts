/**
 * Each phase of a pull by real daemons, against the log of the registry that it came from: two clocks of the same
 * events. Whatever a daemon asks for is held until the agent has seen it, and never given in less than 40 ms, so every
 * mark stands between the end of one request and the beginning of the next, and one in the wrong place is told.
 *
 *   npx tap test/daemon/pull-phases.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import type { PullPhase } from '../../src/drift/pull.ts'
import { pullByContainerd } from '../../src/pull/containerd-pull.ts'
import { startDaemon } from './daemon.ts'
import type { PullProfile } from './daemon-configuration.ts'
import { startGatedRegistry } from './gated-registry.ts'
import { makeImage } from './image.ts'
import { startNetwork } from './network.ts'
import { onEachDaemon, USUAL_DAEMONS, withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'
import { subjectOf } from './subject-of.ts'
import type { Containerd } from './tools.ts'

const PORT = 8080
const REGISTRY = `${HARBOR}:${PORT}`
const TAG = 'v1'
/** One more than come at the same time (`max_concurrent_downloads`). */
const [LAYERS, TOGETHER] = [4, 3]
/**
 * Milliseconds. Nothing of it is patience: a request is sent after the mark that begins its phase, and its last byte is
 * given before the mark that ends it, on the same clock. But the log and the pull's start are told in whole
 * milliseconds: either may be short of the truth by one.
 */
const CLOCK_STEP = 1

await withRealDaemons(t, () => onEachDaemon(t, USUAL_DAEMONS, testOne))

async function testOne(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  // Whether a layer's phase includes its wait for a free download.
  const waitsWithin = containerd.version.major >= 2
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-phases-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const network = await startNetwork(join(directory, 'network'))
  t.teardown(() => network.stop())
  const registry = await startGatedRegistry(network, HARBOR, PORT)
  t.teardown(() => registry.stop())
  const daemon = await startDaemon(join(directory, 'node'), { containerd, network, profile })
  t.teardown(() => daemon.stop())
  const hosts = join(daemon.roots, 'hosts', `${HARBOR}_${PORT}_`)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(join(hosts, 'hosts.toml'), `server = 'http://${REGISTRY}'\n[host.'http://${REGISTRY}']\n`)
  const client = openDaemonClient(daemon.socket)
  t.teardown(() => client.close())

  const image = makeImage('library/pullpath-canary', { layers: LAYERS, index: true, layerBytes: 100_000 })
  const subject = subjectOf(image, { registry: REGISTRY, tag: TAG })
  const [asked, seen] = [new Set<string>(), new Set<string>()]
  const mostSeen = waitsWithin ? LAYERS : TOGETHER
  const look = () => {
    registry.release([...image.manifests, image.config].filter((it) => seen.has(it)))
    const count = (digests: Set<string>) => image.layers.filter((it) => digests.has(it)).length
    // Three are under way together, and the agent has seen them, and the one that waits, where it can be seen.
    if (count(asked) >= TOGETHER && count(seen) >= mostSeen) registry.release(image.layers)
  }
  await registry.begin(image, (object) => {
    asked.add(object)
    look()
  })
  const pull = await pullByContainerd(client, subject, {
    image: 'absent',
    mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
    sight: null,
    hasDiskPressure: async () => false,
    deadline: 20_000,
    patience: 0,
    onProgress: ({ digest }) => {
      seen.add(digest)
      look()
    },
  })
  if (!t.equal(pull.failure, null)) return
  const log = await registry.log()
  const startedAt = Date.parse(pull.startedAt)
  /** Milliseconds since the epoch. */
  const interval = ({ start, duration }: PullPhase) => ({
    from: startedAt + start * 1000,
    to: startedAt + (start + duration) * 1000,
  })
  const phaseOf = (name: string, digest: string | null) => {
    const phases = pull.phases.filter((it) => it.name === name && it.digest === digest)
    t.equal(phases.length, 1, `one ${name} of ${digest ?? 'the pull'}`)
    const none = { name, digest, endpoint: null, start: Number.NaN, duration: Number.NaN, bytes: 0 }
    return interval(phases[0] ?? none)
  }
  const requestOf = (method: string, object: string) => {
    const requests = log.filter((it) => it.method === method && it.object === object)
    t.equal(requests.length, 1, `one ${method} ${object} in the log`)
    const { askedAt: from, givenAt: to } = requests[0] ?? { askedAt: Number.NaN, givenAt: Number.NaN }
    return { from, to }
  }
  const inOrder = (what: string, earlier: number, later: number) => {
    t.ok(earlier <= later + CLOCK_STEP, `${what} (${(later - earlier).toFixed(1)} ms)`)
  }

  const resolve = { name: 'resolve', phase: phaseOf('resolve', null), request: requestOf('HEAD', TAG) }
  const fetched = (name: string) => (digest: string) => ({
    name: `${name} ${digest.slice(7, 14)}`,
    phase: phaseOf(name, digest),
    request: requestOf('GET', digest),
  })
  const steps = [resolve, ...image.manifests.map(fetched('manifest')), fetched('config')(image.config)]
  const layers = image.layers.map(fetched('layer'))
  const end = startedAt + pull.duration * 1000

  for (const { name, phase, request } of [...steps, ...layers]) {
    inOrder(`${name} begins before it is asked for`, phase.from, request.from)
    inOrder(`${name} ends when its last byte has been given`, request.to, phase.to)
    inOrder(`${name} ends within the pull`, phase.to, end)
    t.ok(phase.to - phase.from > CLOCK_STEP * 2, `${name} is longer than the clocks are wrong`)
  }
  t.equal(resolve.phase.from, startedAt, 'the pull begins with the resolve')
  for (const [index, step] of steps.entries()) {
    const others = index + 1 < steps.length ? steps.slice(index + 1, index + 2) : layers
    for (const next of others) inOrder(`${next.name} begins after ${step.name}`, step.phase.to, next.phase.from)
  }
  t.equal(steps[1]?.phase.from, resolve.phase.to, 'the resolve ends where the first manifest begins')

  const byRequest = layers.toSorted((a, b) => a.request.from - b.request.from)
  const [together, last] = [byRequest.slice(0, TOGETHER), byRequest.at(-1)]
  const firstEnd = Math.min(...together.map(({ phase }) => phase.to))
  const lastStart = Math.max(...together.map(({ phase }) => phase.from))
  t.ok(lastStart < firstEnd, `${TOGETHER} layers come at the same time`)
  if (last === undefined) return
  if (waitsWithin) t.ok(last.phase.from < firstEnd, 'the phase of the one that waits includes its wait')
  else inOrder('the one that waits begins when another has ended', firstEnd, last.phase.from)

  for (const [index, digest] of image.layers.entries()) {
    const unpack = phaseOf('unpack', digest)
    inOrder(`layer ${index} is unpacked when it is there`, layers[index]?.phase.to ?? Number.NaN, unpack.from)
    inOrder(`layer ${index} is unpacked within the pull`, unpack.to, end)
    t.ok(unpack.from < unpack.to, `unpacking layer ${index} took a while`)
  }
  t.comment(pull.phases.map((it) => `${it.name} ${(it.start * 1000).toFixed(1)}+${(it.duration * 1000).toFixed(1)}`))
}
