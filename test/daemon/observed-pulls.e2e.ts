/**
 * Pulls that others make on real daemons, as they are observed: against what the test itself did and when, and what the
 * registry was asked. The origin at 192.168.1.106 is a recording registry in a network namespace of its own.
 *
 *   npx tap test/daemon/observed-pulls.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks.
 */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { Pull } from '../../src/drift/pull.ts'
import { pullByContainerd } from '../../src/pull/containerd-pull.ts'
import { KubeletEvents } from '../../src/pull/kubelet-events.ts'
import { ObservedPulls } from '../../src/pull/observed-pulls.ts'
import { ObservedSource } from '../../src/pull/observed-source.ts'
import { PerMinute } from '../../src/pull/per-minute.ts'
import type { PulledEvent } from '../../src/pull/pulled-events.ts'
import { commandInside } from './command-inside.ts'
import { connectCri } from './cri-pull.ts'
import type { PullProfile } from './daemon-configuration.ts'
import { startHarborDaemon } from './harbor-daemon.ts'
import { digestOf, makeImage, type TestImage } from './image.ts'
import type { ListenerPlan } from './plan.ts'
import { onEachDaemon, withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'
import type { Containerd } from './tools.ts'

const PROFILES = [
  [2, 'talos'],
  [2, 'default'],
  [1, 'talos'],
  [1, 'default'],
] as const
const CANARY = 'library/pullpath-canary'
const NO_MIRRORS = { targets: 0, resolve: false, others: false, marksOwn: null }

await withRealDaemons(t, () => onEachDaemon(t, PROFILES, testOne))

async function testOne(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  const isDiscarding = containerd.version.major === 1 && profile === 'talos'
  const hasBytes = (t: Test, told: Pull | undefined, image: TestImage, name = 'all of its bytes') => {
    // 1.7 tells of no content: a layer that is discarded right after it was unpacked may go unseen.
    const isUnseen = told?.evidence.some((it) => it.text.includes('went unseen')) === true
    if (isDiscarding && isUnseen)
      t.ok((told?.bytes ?? 0) < sizeOf(image), `${name}, and nothing is claimed for what was not seen`)
    else t.equal(told?.bytes, sizeOf(image), name)
  }
  const { directory, network, client, socket, restart } = await startHarborDaemon(t, containerd, profile)
  const store = client.inNamespace('k8s.io')
  const ctr = (...args: string[]) => {
    const all = ['--address', socket, '--namespace', 'k8s.io', ...args]
    const [program, ...rest] = commandInside(network.pid, join(dirname(containerd.path), 'ctr'), all)
    return promisify(execFile)(program, rest)
  }

  const observed: Pull[] = []
  let heard = () => {}
  /** The kubelet's event of the pod with this UID. */
  const events = new Map<string, PulledEvent>()
  const pulls = new ObservedPulls({
    isOwn: ({ repository }) => repository === CANARY,
    mirrorsOf: () => NO_MIRRORS,
    source: new ObservedSource({ spegel: () => ({ sight: null, peers: 0, readPage: null }), heads: new PerMinute(0) }),
    kubelet: new KubeletEvents(
      {
        of: async ({ uid }) => ({
          events: [...events].flatMap(([key, it]) => (key === uid ? [it] : [])),
          failure: null,
        }),
      },
      new PerMinute(100),
      0,
    ),
    onPull: (pull) => {
      observed.push(pull)
      heard()
    },
    onFault: (error) => t.error(error),
    // The pull that waits for its pod does so for as long as that takes below.
    patience: { container: 500 },
  })
  let up = Promise.withResolvers<void>()
  pulls.start({
    ...client,
    inNamespace: (namespace) => client.inNamespace(namespace),
    subscribe: (filters, listener) =>
      client.subscribe(filters, {
        onEvent: (event) => listener.onEvent(event),
        onUp: (since) => {
          listener.onUp(since)
          up.resolve()
        },
        onDown: (error) => {
          listener.onDown(error)
          up = Promise.withResolvers()
        },
      }),
  })
  t.teardown(() => pulls.stop())
  const observedUntil = async (isOver: () => boolean) => {
    while (!isOver()) {
      await new Promise<void>((resolve) => {
        heard = resolve
      })
    }
    return observed.splice(0)
  }

  let images = 0
  const serve = async (made: readonly TestImage[], harbor: ListenerPlan = {}) => {
    const [first] = made
    if (first === undefined) throw new Error('nothing to serve')
    const contents = Object.assign({}, ...made.map((it) => it.contents))
    await network.begin({
      plan: { otherwise: {}, listeners: { [`${HARBOR}:80`]: harbor }, keepAlive: false },
      image: { ...first, contents },
    })
  }
  const make = (name: string, options: { layers?: number; layerBytes?: number; index?: boolean } = {}) => {
    images += 1
    return makeImage(name, { layers: 2, index: false, layerBytes: 2_000_000 + images, salt: `${images}`, ...options })
  }
  const pull = async (reference: string) => {
    const from = Date.now()
    await client.cri.pullImage(reference, 60_000)
    return { from, to: Date.now() }
  }
  /** At the same time: the client of the product makes one after the other. */
  const pullAll = async (all: readonly TestImage[]) => {
    const cri = connectCri(socket)
    const results = await Promise.all(all.map((it) => cri.pull(byDigest(it), false)))
    cri.close()
    t.same(
      results.filter((it) => it.code !== 0),
      [],
    )
  }
  const byDigest = ({ repository, manifests }: TestImage) => `${HARBOR}/${repository}@${manifests[0]}`
  /** What was observed until now: one more pull, which ends last, is heard of after all that could be. */
  const observedSoFar = async () => {
    const last = make('library/last', { layers: 1 })
    await serve([last])
    await pull(`${HARBOR}/library/last:v1`)
    const all = await observedUntil(() => observed.some((it) => it.image.includes('library/last')))
    await client.cri.removeImage(`${HARBOR}/library/last:v1`)
    return all.filter((it) => !it.image.includes('library/last'))
  }
  await up.promise

  await t.test('a pull is observed as it was made', async (t) => {
    const image = make('library/app', { index: true })
    await serve([image])
    const { from, to } = await pull(`${HARBOR}/library/app:v1`)
    const [told, ...others] = await observedSoFar()
    t.same(others, [])
    t.match(told, {
      image: `${HARBOR}/library/app:v1`,
      registry: HARBOR,
      method: 'observed',
      via: null,
      source: 'unknown',
      failure: null,
    })
    if (told === undefined) return
    hasBytes(t, told, image)
    isWithin(t, told, from, to)
    const phases = (name: string) => told.phases.filter((it) => it.name === name)
    const isUnseen = told.evidence.some((it) => it.source === "containerd's leases")
    t.equal(phases('resolve').length, isUnseen ? 0 : 1, `its lease was ${isUnseen ? 'not ' : ''}seen`)
    t.same(digests(phases('config')), [image.config])
    t.equal(phases('unpack').length, 2)
    const layers = digests(phases('layer'))
    t.ok(
      layers.every((it) => image.layers.includes(it)),
      'its own layers',
    )
    // Before 2.1 no event tells when a layer came that is discarded by the next look: its lease may have named it all the same.
    if (told.bytes === sizeOf(image) && !isDiscarding) t.same(layers, [...image.layers].sort())
    for (const { name, start, duration } of told.phases)
      t.ok(start + duration <= told.duration + 0.005, `${name} is within`)
    t.comment(lineOf(told))
    t.comment(told.evidence.map((it) => `${it.source}: ${it.text}`).join('\n'))
  })

  await t.test('what is there already, or gets another name, is no pull', async (t) => {
    await serve([make('library/never-pulled')])
    // The registry has another image by this tag by now: by digest it is the one that is there.
    const there = (await store.images([])).find((it) => it.name.startsWith(`${HARBOR}/library/app@`))
    await serve([make('library/unused')])
    await ctr('images', 'tag', `${HARBOR}/library/app:v1`, `${HARBOR}/library/other-name:v1`)
    t.ok(there)
    t.same(await observedSoFar(), [])
  })

  await t.test('pulled again, it counts nothing', async (t) => {
    const image = make('library/again')
    await serve([image])
    await pull(`${HARBOR}/library/again:v1`)
    t.equal((await observedSoFar()).length, 1)
    await serve([image])
    await pull(`${HARBOR}/library/again:v1`)
    await pull(`${HARBOR}/library/again:v2`)
    t.same(await observedSoFar(), [])
    await client.cri.removeImage(`${HARBOR}/library/again:v1`)
    await serve([image])
    await pull(`${HARBOR}/library/again:v1`)
    const [told, ...others] = await observedSoFar()
    t.same(others, [])
    hasBytes(t, told, image, 'until it was removed')
  })

  await t.test(
    'an image that is imported is no pull',
    { skip: profile === 'talos' && 'its layers cannot be exported' },
    async (t) => {
      const image = make('library/exported')
      await serve([image])
      const name = `${HARBOR}/library/exported:v1`
      await pull(name)
      t.equal((await observedSoFar()).length, 1)
      const file = join(directory, 'exported.tar')
      await ctr('images', 'export', file, name)
      await client.cri.removeImage(name)
      await ctr('images', 'import', file)
      t.ok(await store.image(name))
      t.same(await observedSoFar(), [])
    },
  )

  await t.test('ctr pulls too', async (t) => {
    const image = make('library/by-ctr')
    await serve([image])
    await ctr('images', 'pull', '--plain-http', `${HARBOR}/library/by-ctr:v1`).catch(() => undefined)
    const [told, ...others] = await observedSoFar()
    t.same(others, [])
    t.equal(told?.image, `${HARBOR}/library/by-ctr:v1`)
    hasBytes(t, told, image)
  })

  await t.test('what Pullpath pulls itself is not observed', async (t) => {
    for (const repository of [CANARY, 'library/measured']) {
      const image = make(repository)
      await serve([image])
      const reference = parseImageReference(`${HARBOR}/${repository}:tag-0`)
      const measured = await pullByContainerd(client, subjectOf(image, reference), {
        image: repository === CANARY ? 'canary' : 'absent',
        mirrors: NO_MIRRORS,
        sight: null,
        hasDiskPressure: async () => false,
        deadline: 20_000,
        patience: 20_000,
      })
      t.match(measured, { failure: null, bytes: sizeOf(image) })
    }
    t.same(await observedSoFar(), [])
  })

  await t.test('two at once share a layer, whose bytes are counted once', async (t) => {
    const one = make('library/one', { layerBytes: 6_000_000 })
    const two = sharing(one, make('library/two', { layerBytes: 6_000_000 }))
    await serve([one, two])
    await pullAll([one, two])
    const both = await observedSoFar()
    t.same(both.map((it) => it.image).toSorted(), [byDigest(one), byDigest(two)].toSorted())
    const contents = { ...one.contents, ...two.contents }
    const all = new Set([...one.manifests, ...two.manifests, one.config, two.config, ...one.layers, ...two.layers])
    const sum = both.reduce((sum, it) => sum + it.bytes, 0)
    t.equal(
      sum,
      [...all].reduce((sum, it) => sum + lengthOf(contents[it]), 0),
    )
    for (const it of both) t.comment(lineOf(it), it.bytes, it.evidence.at(-1)?.text)
  })

  await t.test('30 in a burst are each observed, with their own bytes', async (t) => {
    const many = Array.from({ length: 30 }, (_, index) =>
      make(`library/many-${index}`, { layers: 1, layerBytes: 100_000 + index }),
    )
    await serve(many)
    const from = Date.now()
    await pullAll(many)
    const to = Date.now()
    const all = await observedSoFar()
    t.same(all.map((it) => it.image).toSorted(), many.map(byDigest).toSorted())
    for (const image of many) {
      const told = all.find((it) => it.image === byDigest(image))
      hasBytes(t, told, image)
      if (told !== undefined) isWithin(t, told, from, to)
    }
    t.comment(
      `30 pulls within ${to - from} ms, ${all.filter((it) => it.phases.some(({ name }) => name === 'resolve')).length} with their lease`,
    )
  })

  await t.test('the pod is that of the next container, and the kubelet says how long it pulled', async (t) => {
    const image = make('library/of-pod')
    await serve([image])
    const name = `${HARBOR}/library/of-pod:v1`
    const container = `container-${images}`
    const { from, to } = await pull(name)
    const labels = {
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.name': 'web-0',
      'io.kubernetes.pod.uid': 'uid-1',
      'io.kubernetes.container.name': 'app',
    }
    const seconds = (to - from) / 1000
    events.set('uid-1', {
      message: `Successfully pulled image "${name}" in ${seconds}s (${seconds + 1}s including waiting). Image size: ${sizeOf(image)} bytes.`,
      fieldPath: 'spec.containers{app}',
      at: to,
    })
    const given = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`])
    await ctr('containers', 'create', ...given, name, container, '/nothing')
    const [told, ...others] = await observedSoFar()
    t.same(others, [])
    t.match(
      told?.phases.find((it) => it.name === 'kubelet'),
      { duration: seconds },
    )
    t.match(told?.evidence.slice(-2), [
      { text: 'the next container made of it is app of the pod shop/web-0' },
      { text: /with waiting: this agrees with containerd's marks$/ },
    ])
    await ctr('containers', 'delete', container)
  })

  await t.test('a pull that fails is none, and what it left does not lengthen the next one', async (t) => {
    const image = make('library/failing')
    await serve([image], { blobs: [{ kind: 'status', status: 500 }] })
    await t.rejects(pull(`${HARBOR}/library/failing:v1`))
    await serve([image])
    const { from, to } = await pull(`${HARBOR}/library/failing:v1`)
    const [told, ...others] = await observedSoFar()
    t.same(others, [])
    t.ok(told)
    if (told === undefined) return
    isWithin(t, told, from, to)
    t.ok(told.bytes >= sizeOf(image, image.layers) && told.bytes <= sizeOf(image))
  })

  await t.test('over a restart of the daemon nothing is counted that was not seen', async (t) => {
    const image = make('library/interrupted')
    await serve([image], { blobs: [{ kind: 'half' }] })
    const broken = t.rejects(pull(`${HARBOR}/library/interrupted:v1`))
    while ((await store.ingests(['ref~="^config-"', 'ref~="^layer-"'])).length === 0);
    await restart(() => broken)
    await up.promise
    await serve([image])
    const { from, to } = await pull(`${HARBOR}/library/interrupted:v1`)
    const [told, ...others] = await observedSoFar()
    t.same(others, [])
    t.match(told, { image: `${HARBOR}/library/interrupted:v1` })
    if (told !== undefined) isWithin(t, told, from, to)
    t.ok((told?.bytes ?? 0) <= sizeOf(image), `${told?.bytes} of ${sizeOf(image)} bytes came now`)
    t.comment(told?.evidence.map((it) => it.text).join('\n'))
    const next = make('library/next')
    await serve([next])
    await pull(`${HARBOR}/library/next:v1`)
    const [last, ...none] = await observedSoFar()
    t.same(none, [])
    t.equal(last?.image, `${HARBOR}/library/next:v1`)
    hasBytes(t, last, next)
  })
}

/** What is told lies within what the test saw, to the millisecond that an ISO time has. */
function isWithin(t: Test, { startedAt, duration }: Pull, from: number, to: number): void {
  const begin = Date.parse(startedAt)
  t.ok(
    begin >= from && begin + duration * 1000 <= to + 1,
    `${begin - from} ms + ${(duration * 1000).toFixed(1)} ms of ${to - from} ms`,
  )
}

/** `image` with the first layer of `other` in the place of its own. */
function sharing(other: TestImage, image: TestImage): TestImage {
  const contents = { ...image.contents }
  const shared = other.layers[0] ?? ''
  const replaced = image.layers[0] ?? ''
  const sharedContent = other.contents[shared]
  if (sharedContent === undefined) throw new Error('there is no layer to share')
  contents[shared] = sharedContent
  const rewrite = (digest: string, change: (text: string) => string) => {
    const { mediaType = '', base64 = '' } = contents[digest] ?? {}
    const bytes = Buffer.from(change(Buffer.from(base64, 'base64').toString()))
    contents[digestOf(bytes)] = { mediaType, base64: bytes.toString('base64') }
    return { digest: digestOf(bytes), size: bytes.length }
  }
  const config = rewrite(image.config, (text) => text.replace(replaced, shared))
  const manifest = rewrite(image.manifests[0] ?? '', (text) => {
    const value = JSON.parse(text)
    value.config = { ...value.config, ...config }
    value.layers[0] = { ...value.layers[0], digest: shared, size: lengthOf(sharedContent) }
    return JSON.stringify(value)
  })
  return {
    ...image,
    manifests: [manifest.digest],
    config: config.digest,
    layers: [shared, ...image.layers.slice(1)],
    contents,
  }
}

function subjectOf(
  { manifests, config, layers, contents }: TestImage,
  reference: ReturnType<typeof parseImageReference>,
) {
  const object = (kind: 'manifest' | 'config' | 'layer') => (digest: string) => {
    return { digest, kind, mediaType: contents[digest]?.mediaType ?? '', size: lengthOf(contents[digest]) }
  }
  const objects = [...manifests.map(object('manifest')), object('config')(config), ...layers.map(object('layer'))]
  return { reference, digest: manifests[0] ?? '', imageId: config, objects }
}

function lengthOf(content: { base64: string } | undefined): number {
  return Buffer.from(content?.base64 ?? '', 'base64').length
}

function sizeOf(
  { manifests, config, layers, contents }: TestImage,
  of: readonly string[] = [...manifests, config, ...layers],
): number {
  return of.reduce((sum, it) => sum + lengthOf(contents[it]), 0)
}

function digests(phases: Pull['phases']): string[] {
  return phases.map((it) => it.digest ?? '').sort()
}

function lineOf({ duration, phases }: Pull): string {
  const text = phases.map((it) => `${it.name} ${(it.start * 1000).toFixed(1)}+${(it.duration * 1000).toFixed(1)}`)
  return `${(duration * 1000).toFixed(1)} ms: ${text.join(', ')}`
}
