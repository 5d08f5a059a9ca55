/**
 * Everything that can go wrong with a canary that a real daemon pulls: each has a reason of its own, the daemon is left
 * with nothing of it, and the next measurement works.
 *
 *   npx tap test/daemon/canary-faults.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks.
 */
import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { parseImageReference } from '../../src/containerd/reference.ts'
import { pullByContainerd } from '../../src/pull/containerd-pull.ts'
import { removeAgain, removeCanary } from '../../src/pull/node-images.ts'
import { NOTHING, PULL_OPTIONS, startCanarySite } from './canary-site.ts'
import { commandInside } from './command-inside.ts'
import type { PullProfile } from './daemon-configuration.ts'
import type { ImageOptions } from './image.ts'
import type { ListenerPlan } from './plan.ts'
import { onEachDaemon, USUAL_DAEMONS, withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'
import { sizeOf } from './subject-of.ts'
import type { Containerd } from './tools.ts'

const absent = [{ kind: 'status', status: 404 }] as const

interface Fault {
  plan: ListenerPlan
  image?: Partial<ImageOptions>
  reason: string
  deadline?: number
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'the manifest is deleted between resolve and fetch': { plan: { manifests: absent }, reason: 'not-found' },
  'a blob is deleted': { plan: { blobs: absent }, reason: 'not-found' },
  'the manifest hangs': { plan: { manifests: [{ kind: 'silent' }] }, reason: 'timeout', deadline: 700 },
  'the manifest is reset': { plan: { manifests: [{ kind: 'reset' }] }, reason: 'reset' },
  'a blob is reset': { plan: { blobs: [{ kind: 'reset' }] }, reason: 'reset' },
  'a blob has another digest': { plan: { blobs: [{ kind: 'spoilt', body: 'other' }] }, reason: 'digest-mismatch' },
  'the manifest has another digest': {
    plan: { manifests: [{ kind: 'spoilt', body: 'other' }] },
    reason: 'digest-mismatch',
  },
  'a blob is shorter than it was said': { plan: { blobs: [{ kind: 'spoilt', body: 'fewer' }] }, reason: 'truncated' },
  'a blob is longer than it was said': {
    plan: { blobs: [{ kind: 'spoilt', body: 'more' }] },
    reason: 'digest-mismatch',
  },
  'a blob ends too early': { plan: { blobs: [{ kind: 'spoilt', body: 'cut' }] }, reason: 'truncated' },
  'a redirect leads in a loop': {
    plan: { head: [{ kind: 'redirect', status: 307, to: `http://${HARBOR}` }] },
    reason: 'redirect-limit',
  },
  'a redirect of a blob leads in a loop': {
    plan: { blobs: [{ kind: 'redirect', status: 307, to: `http://${HARBOR}` }] },
    reason: 'redirect-limit',
  },
  'a token realm where nobody listens': {
    plan: { head: [{ kind: 'guarded', challenge: { scheme: 'bearer', realm: 'http://127.0.0.9:1/token' } }] },
    reason: 'realm-unreachable',
  },
  'a token realm that is no URL': {
    plan: { head: [{ kind: 'guarded', challenge: { scheme: 'bearer', realm: 'nonsense' } }] },
    reason: 'realm-invalid',
  },
  'a token realm that refuses': {
    plan: {
      head: [{ kind: 'guarded', challenge: { scheme: 'bearer', realm: `http://${HARBOR}/token`, service: 'harbor' } }],
      token: [{ kind: 'status', status: 401 }],
    },
    reason: 'token-refused',
  },
  'a token that is taken for expired': {
    plan: {
      head: [
        {
          kind: 'refused',
          challenge: { scheme: 'bearer', realm: `http://${HARBOR}/token`, service: 'harbor', error: 'invalid_token' },
        },
      ],
    },
    reason: 'unauthorized',
  },
  'a password is asked for': {
    plan: { head: [{ kind: 'refused', challenge: { scheme: 'basic' } }] },
    reason: 'unauthorized',
  },
  'an index without this platform': { plan: {}, image: { index: 'foreign' }, reason: 'platform-missing' },
}

await withRealDaemons(t, testAll)

function testAll(): void {
  onEachDaemon(t, USUAL_DAEMONS, async (t, containerd, profile) => {
    await testOne(t, containerd, profile)
    await t.test('a disk that is full', (t) => testFullDisk(t, containerd, profile))
    await t.test('one that is given up', (t) => testGivenUp(t, containerd, profile))
  })
}

async function testOne(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  const { serve, client, left } = await startCanarySite(t, containerd, profile)
  const works = async (t: Test) => {
    t.same(await left(), NOTHING, 'nothing of it is left')
    t.match(await pullByContainerd(client, await serve(), { ...PULL_OPTIONS, image: 'absent' }), { failure: null })
    t.same(await left(), NOTHING, 'the next one works')
  }
  for (const [name, { plan, image = {}, reason, deadline = PULL_OPTIONS.deadline }] of Object.entries(FAULTS)) {
    await t.test(name, async (t) => {
      const pull = await pullByContainerd(client, await serve(plan, image), { ...PULL_OPTIONS, deadline })
      t.match(pull, { failure: { reason }, source: 'unknown' })
      t.comment(pull.failure?.message)
      await works(t)
    })
  }
  await t.test('it stands behind an index, of one platform or of several', async (t) => {
    for (const index of [true, 'others'] as const) {
      const subject = await serve({}, { index })
      t.equal(subject.objects.filter((it) => it.kind === 'manifest').length, 2)
      const pull = await pullByContainerd(client, subject, { ...PULL_OPTIONS, image: 'absent' })
      t.match(pull, { failure: null, bytes: sizeOf(subject) })
      t.equal(pull.phases.filter((it) => it.name === 'unpack').length, 2)
      t.same(await left(), NOTHING)
    }
  })
  await t.test('somebody else comes to refer to what was pulled: only its own names are taken away', async (t) => {
    const { reference, imageId } = await serve()
    const other = `${HARBOR}/library/other`
    const { cri } = client
    for (const it of [reference.image, `${other}:v1`]) await cri.pullImage(it, PULL_OPTIONS.deadline)
    const parties = { cri, store: client.inNamespace('k8s.io') }
    await removeAgain(parties, reference)
    const { images } = await left()
    t.same(
      images.filter((it) => it !== imageId).map((it) => it.split(/[:@]/)[0]),
      [other, other],
      'by tag and by digest',
    )
    t.ok((await cri.imageStatus(`${other}:v1`)) !== null)
    await removeCanary(parties, parseImageReference(`${other}:v1`))
    t.same(await left(), NOTHING)
  })
  await t.test('its layers are compressed by zstd', async (t) => {
    const subject = await serve({}, { compression: 'zstd' })
    const pull = await pullByContainerd(client, subject, { ...PULL_OPTIONS, image: 'absent' })
    t.match(pull, { failure: null, bytes: sizeOf(subject) })
    t.equal(pull.phases.filter((it) => it.name === 'unpack').length, 2)
    await works(t)
  })
}

/** So much room for a whole node: what is pulled first does not fit, what is pulled then does. Bytes. */
const SMALL_DISK = 8_000_000

async function testFullDisk(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  t.setTimeout(0)
  const { serve, client, left } = await startCanarySite(t, containerd, profile, (network, root) => {
    const inside = (program: string, ...args: string[]) => {
      const [first, ...rest] = commandInside(network.pid, program, args)
      execFileSync(first, rest)
    }
    inside('mkdir', '-p', root)
    inside('mount', '-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', root)
  })
  for (const [name, options] of Object.entries({
    'while layers come': { layers: 2, layerBytes: SMALL_DISK - 1_000_000 },
    'while a layer is unpacked': { layers: 1, fileBytes: 2 * SMALL_DISK, compression: 'zstd' as const },
  })) {
    await t.test(name, async (t) => {
      const pull = await pullByContainerd(client, await serve({}, options), PULL_OPTIONS)
      t.match(pull, { failure: { reason: 'disk-full' }, source: 'unknown' })
      t.comment(pull.failure?.message)
      t.same(await left(), NOTHING, 'nothing of it is left')
      t.match(await pullByContainerd(client, await serve(), { ...PULL_OPTIONS, image: 'absent' }), { failure: null })
      t.same(await left(), NOTHING, 'the next one works')
    })
  }
}

/** What the daemon tells of a pull, in its order; 1.7 says nothing of content. */
const MOMENTS = ['/content/create', '/snapshot/prepare', '/snapshot/commit', '/images/create'] as const
/** The same event comes several times within a pull. */
const TIMES = [1, 2, 3]

async function testGivenUp(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  t.setTimeout(0)
  const { serve, client, left, network } = await startCanarySite(t, containerd, profile)
  let givenUp = 0
  for (const moment of MOMENTS) {
    for (const times of TIMES) {
      await t.test(`at ${moment}, ${times}`, async (t) => {
        const subject = await serve()
        const ending = new AbortController()
        const heard = Promise.withResolvers<void>()
        let count = 0
        const subscription = client.subscribe([`topic=="${moment}"`], {
          onEvent: () => {
            count += 1
            if (count === times) ending.abort()
          },
          onUp: () => heard.resolve(),
          onDown: () => {},
        })
        await heard.promise
        const { failure } = await pullByContainerd(client, subject, { ...PULL_OPTIONS, signal: ending.signal })
        subscription.close()
        if (failure === null) {
          t.comment('it was over by then')
          await client.cri.removeImage(subject.reference.image)
        } else {
          givenUp += 1
          t.match(failure, { reason: 'aborted' })
        }
        t.same(await left(), NOTHING, 'nothing of it is left')
        const asked = await network.end()
        const resolves = asked.filter((it) => it.kind === 'request' && it.method === 'HEAD')
        t.equal(resolves.length, 1, 'and no further pull was made')
        t.match(await pullByContainerd(client, await serve(), { ...PULL_OPTIONS, image: 'absent' }), { failure: null })
        t.same(await left(), NOTHING, 'the next one works')
      })
    }
  }
  t.ok(givenUp > 0, `${givenUp} were given up in time`)
}
