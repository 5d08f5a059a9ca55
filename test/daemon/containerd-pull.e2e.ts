/**
 * Pulls that real daemons make to be measured: what is told of them, against what the registry was asked, and that
 * nothing of them is left. The origin at 192.168.1.106 is a recording registry in a network namespace of its own.
 *
 *   npx tap test/daemon/containerd-pull.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks.
 */
import t, { type Test } from 'tap'
import type { Pull } from '../../src/drift/pull.ts'
import { pullByContainerd } from '../../src/pull/containerd-pull.ts'
import { NOTHING, PULL_OPTIONS, startCanarySite } from './canary-site.ts'
import type { PullProfile } from './daemon-configuration.ts'
import type { ListenerPlan } from './plan.ts'
import { onEachDaemon, USUAL_DAEMONS, withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'
import { sizeOf } from './subject-of.ts'
import type { Containerd } from './tools.ts'

/** What breaks off in these tests: unlike the manifest it stays under way. */
const BODIES = ['ref~="^config-"', 'ref~="^layer-"']

const LAYER_BYTES = 2_000_000

await withRealDaemons(t, () => onEachDaemon(t, USUAL_DAEMONS, testOne))

async function testOne(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  const site = await startCanarySite(t, containerd, profile)
  const { network, client, left } = site
  const store = client.inNamespace('k8s.io')
  const serve = (harbor: ListenerPlan = {}) => site.serve(harbor, { layerBytes: LAYER_BYTES })
  const requests = async () =>
    (await network.end()).map((it) => (it.kind === 'request' ? `${it.method} ${it.target.split('/').at(-1)}` : it.kind))

  await t.test('a pull is told as the registry was asked for it', async (t) => {
    const subject = await serve()
    const progress = new Set<string>()
    const begun = performance.now()
    const pull = await pullByContainerd(client, subject, {
      ...PULL_OPTIONS,
      image: 'absent',
      onProgress: (it) => progress.add(it.digest),
    })
    const wall = (performance.now() - begun) / 1000
    t.match(pull, { failure: null, method: 'containerd', via: 'containerd', source: 'unknown' })
    const digests = subject.objects.map((it) => it.digest)
    const asked = await requests()
    t.same(
      asked.toSorted(),
      [`HEAD ${subject.reference.tag}`, ...digests.map((it) => `GET ${it}`)].toSorted(),
      'the registry was asked for each once, and by nobody else',
    )
    t.equal(
      pull.bytes,
      subject.objects.reduce((sum, it) => sum + it.size, 0),
    )
    const names = (name: string) => pull.phases.filter((it) => it.name === name)
    t.equal(names('resolve').length, 1)
    for (const { digest, kind, size } of subject.objects.filter((it) => it.kind !== 'manifest')) {
      t.match(
        names(kind).find((it) => it.digest === digest),
        { bytes: size },
        `${kind} has its phase`,
      )
    }
    t.equal(names('unpack').length, 2, 'each layer was unpacked')
    for (const { name, start, duration } of pull.phases) {
      t.ok(duration >= 0 && start + duration <= pull.duration + 0.005, `${name} lies within the pull`)
    }
    t.ok(pull.duration > 0 && pull.duration < wall)
    t.comment(lineOf(pull), `seen under way: ${progress.size} of ${digests.length}`)
    t.same(await left(), NOTHING)
  })

  await t.test('the canary stays for other nodes, and is removed before it is pulled again', async (t) => {
    const subject = await serve()
    t.match(await pullByContainerd(client, subject, PULL_OPTIONS), { failure: null })
    t.same((await left()).leases, [])
    t.equal((await left()).images.length, 3)
    t.match(await pullByContainerd(client, subject, PULL_OPTIONS), { failure: null, bytes: sizeOf(subject) })
    t.equal((await requests()).filter((it) => it.startsWith('GET')).length, 8, 'all of it was fetched again')
    await t.test('and an image that is there is not measured where it must be absent', async (t) => {
      const pull = await pullByContainerd(client, subject, { ...PULL_OPTIONS, image: 'absent' })
      t.match(pull, { failure: { reason: 'image-present' }, duration: 0 })
      t.equal((await left()).images.length, 3, 'nor removed')
    })
    await client.cri.removeImage(subject.reference.image)
  })

  await t.test('what another image shares with the canary is left alone', async (t) => {
    const subject = await serve()
    const other = `${HARBOR}/library/other:v1`
    await client.cri.pullImage(other, 20_000)
    await client.cri.pullImage(subject.reference.image, 20_000)
    const before = await left()
    t.match(await pullByContainerd(client, subject, PULL_OPTIONS), { failure: { reason: 'image-shared' } })
    t.same(await left(), before)
    await client.cri.removeImage(other)
  })

  for (const [name, harbor, reason, more] of [
    ['a layer that breaks off', { blobs: [{ kind: 'half' }] }, 'timeout', { deadline: 1_000 }],
    ['an error for a blob', { blobs: [{ kind: 'status', status: 500 }] }, 'status', {}],
    ['a registry that says nothing', { head: [{ kind: 'silent' }] }, 'timeout', { deadline: 700 }],
    ['an image that is not there', { head: [{ kind: 'status', status: 404 }] }, 'not-found', {}],
    ['a refusal', { head: [{ kind: 'refused', challenge: null }] }, 'unauthorized', {}],
    ['a reset', { head: [{ kind: 'reset' }] }, 'reset', {}],
  ] as const) {
    await t.test(`${name} is told, and nothing of the pull is left`, async (t) => {
      const subject = await serve(harbor)
      const pull = await pullByContainerd(client, subject, { ...PULL_OPTIONS, ...more })
      t.match(pull, { failure: { reason }, source: 'unknown' })
      t.comment(pull.failure?.message)
      t.same(await left(), NOTHING)
      t.match(await pullByContainerd(client, await serve(), { ...PULL_OPTIONS, image: 'absent' }), { failure: null })
      t.same(await left(), NOTHING, 'the next one works')
    })
  }

  await t.test('one that is given up leaves NOTHING, and meanwhile no other begins', async (t) => {
    const subject = await serve({ blobs: [{ kind: 'half' }] })
    const ending = new AbortController()
    const underWay = pullByContainerd(client, subject, { ...PULL_OPTIONS, signal: ending.signal })
    while ((await store.ingests(BODIES)).length === 0);
    t.match(await pullByContainerd(client, subject, PULL_OPTIONS), { failure: { reason: 'busy' } })
    ending.abort()
    t.match(await underWay, { failure: { reason: 'aborted' } })
    t.same(await left(), NOTHING)
  })

  await t.test('a daemon that is started again in the middle is told, and left with nothing', async (t) => {
    const subject = await serve({ blobs: [{ kind: 'half' }] })
    const underWay = pullByContainerd(client, subject, PULL_OPTIONS)
    while ((await store.ingests(BODIES)).length === 0);
    await site.restart()
    t.match(await underWay, { failure: { reason: 'daemon-away' } })
    t.same(await left(), NOTHING)
    t.match(await pullByContainerd(client, await serve(), { ...PULL_OPTIONS, image: 'absent' }), { failure: null })
    t.same(await left(), NOTHING)
  })
}

function lineOf({ duration, phases }: Pull): string {
  const text = phases.map((it) => `${it.name} ${(it.start * 1000).toFixed(1)}+${(it.duration * 1000).toFixed(1)}`)
  return `${(duration * 1000).toFixed(1)} ms: ${text.join(', ')}`
}
