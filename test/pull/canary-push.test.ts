import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { CANARY_CLASSES, canaryTag, proofTag } from '../../src/pull/canary-names.ts'
import { type CanaryOrder, CanaryPush } from '../../src/pull/canary-push.ts'
import { parseManifest } from '../../src/registry/manifest.ts'
import type { RegistryClient } from '../../src/registry/registry-client.ts'
import { clientOf } from '../registry/client-of.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { digestOf } from '../registry/stored-images.ts'

const KIB = 1024
const ORDER: CanaryOrder = { repository: 'library/canary', size: 512 * KIB, layers: 2, tags: 2 }
const TAGS = CANARY_CLASSES.flatMap((it) => [canaryTag(it, 0), canaryTag(it, 1)])
const all = (pushed: number, found: number) => ({
  tag: { pushed, found },
  home: { pushed, found },
  proof: { pushed, found },
})
/** Bytes of all layers of ORDER: four images of two layers, two of one; three blocks of tar beside each file. */
const TOTAL = 4 * 2 * (256 * KIB + 1536) + 2 * (4 * KIB + 1536)

async function start(t: Test): Promise<RegistryDouble> {
  const double = await RegistryDouble.start()
  t.teardown(() => double.stop())
  return double
}

function pushOf(
  { url }: { url: string },
  order: Partial<CanaryOrder> = {},
  { signal = new AbortController().signal, client = clientOf({ url }) as RegistryClient } = {},
): CanaryPush {
  return new CanaryPush(client, { ...ORDER, ...order }, signal)
}

/** What a registry has at a tag. */
function imageAt({ images }: RegistryDouble, tag: string, repository = ORDER.repository) {
  const stored = images.manifest(repository, tag)
  if (stored === undefined) throw new Error(`nothing is at ${tag}`)
  const manifest = parseManifest(stored.bytes, stored.mediaType)
  if (typeof manifest === 'string' || manifest.kind !== 'image') throw new Error(`${tag} is no image`)
  return { digest: digestOf(stored.bytes), ...manifest }
}

const sending = ({ received }: RegistryDouble) => received.filter(({ method }) => !['GET', 'HEAD'].includes(method))

t.test('every tag is an image of one platform, and shares nothing with another', async (t) => {
  const double = await start(t)
  const push = pushOf(double)
  await push.run()
  t.strictSame(push.counts, all(2, 0))
  const seen: string[] = []
  for (const tag of TAGS) {
    const { digest, config, layers } = imageAt(double, tag)
    const isProof = tag.startsWith('proof')
    t.equal(layers.length, isProof ? 1 : 2)
    const blobs = layers.map((it) => double.images.blob(ORDER.repository, it.digest)?.bytes ?? Buffer.alloc(0))
    for (const [index, bytes] of blobs.entries()) {
      t.equal(bytes.length, layers[index]?.size)
      t.equal(layers[index]?.mediaType, 'application/vnd.oci.image.layer.v1.tar')
      if (!isProof) t.ok(gzipSync(bytes).length >= bytes.length * 0.99, 'incompressible')
    }
    const stored = double.images.blob(ORDER.repository, config.digest)?.bytes ?? Buffer.alloc(0)
    t.equal(stored.length, config.size)
    t.match(JSON.parse(stored.toString()), {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: layers.map((it) => it.digest) },
    })
    t.ok(digest !== config.digest)
    seen.push(digest, config.digest, ...layers.map((it) => it.digest))
  }
  t.equal(new Set(seen).size, 4 * 4 + 2 * 3, 'manifests, configurations and layers')
  t.ok(TAGS.includes(proofTag('k8s-1', ORDER.tags)), 'what a node proves with is among them')
})

t.test('what is there is not sent again', async (t) => {
  const double = await start(t)
  await pushOf(double).run()
  double.received.length = 0
  const again = pushOf(double)
  await again.run()
  t.strictSame(again.counts, all(0, 2))
  t.strictSame(
    double.received.map(({ method, target }) => `${method} ${target}`).toSorted(),
    TAGS.map((it) => `HEAD /v2/library/canary/manifests/${it}`).toSorted(),
  )
  t.equal(again.done, again.total)
  t.equal(again.sent, 0)
})

t.test('more tags leave those that are there as they are', async (t) => {
  const double = await start(t)
  await pushOf(double, { tags: 1 }).run()
  const more = pushOf(double)
  await more.run()
  t.strictSame(more.counts, all(1, 1))
})

t.test('another size, other layers and another repository are other images', async (t) => {
  const double = await start(t)
  await pushOf(double).run()
  const before = imageAt(double, 'tag-0')
  const others: [string, Partial<CanaryOrder>][] = [
    ['size', { size: 513 * KIB }],
    ['layers', { layers: 1 }],
  ]
  for (const [what, other] of others) {
    const push = pushOf(double, other)
    await push.run()
    t.strictSame(push.counts, { ...all(2, 0), proof: { pushed: 0, found: 2 } }, what)
    t.not(imageAt(double, 'tag-0').config.digest, before.config.digest)
  }
  await pushOf(double, { repository: 'other/canary' }).run()
  const other = imageAt(double, 'tag-0', 'other/canary')
  t.not(other.config.digest, before.config.digest, 'CRI knows images by the digest of their configuration')
})

t.test('a push that failed goes on where it was', async (t) => {
  const double = await start(t)
  double.faults.set('PUT /v2/library/canary/manifests/tag-1', { kind: 'status', status: 500 })
  const failing = pushOf(double)
  await t.rejects(failing.run(), { code: 'PP_REGISTRY_STATUS', status: 500 })
  t.strictSame(failing.counts, {
    proof: { pushed: 2, found: 0 },
    home: { pushed: 2, found: 0 },
    tag: { pushed: 1, found: 0 },
  })
  t.equal(failing.tag, 'tag-1')
  double.faults.clear()
  double.received.length = 0
  const again = pushOf(double)
  await again.run()
  t.strictSame(again.counts, {
    proof: { pushed: 0, found: 2 },
    home: { pushed: 0, found: 2 },
    tag: { pushed: 1, found: 1 },
  })
  t.strictSame(
    sending(double).map(({ method, target }) => `${method} ${target}`),
    ['PUT /v2/library/canary/manifests/tag-1'],
    'its layers were there',
  )
})

t.test('a tag that holds another image is put right', async (t) => {
  const double = await start(t)
  await pushOf(double).run()
  const right = imageAt(double, 'tag-0').digest
  const wrong = double.images.manifest(ORDER.repository, 'home-0')
  if (wrong !== undefined) double.images.putManifest(ORDER.repository, 'tag-0', wrong)
  const again = pushOf(double)
  await again.run()
  t.strictSame(again.counts.tag, { pushed: 1, found: 1 })
  t.equal(imageAt(double, 'tag-0').digest, right)
})

t.test('a registry that does not say what a tag is gets the manifest again', async (t) => {
  const double = await start(t)
  await pushOf(double).run()
  const client = clientOf(double)
  const silent: RegistryClient = Object.create(client, {
    endpoint: { value: client.endpoint },
    headManifest: {
      value: async (...args: Parameters<RegistryClient['headManifest']>) => ({
        ...(await client.headManifest(...args)),
        digest: null,
      }),
    },
    pushBlob: { value: client.pushBlob.bind(client) },
    pushManifest: { value: client.pushManifest.bind(client) },
  })
  double.received.length = 0
  const again = pushOf(double, {}, { client: silent })
  await again.run()
  t.strictSame(again.counts, all(2, 0))
  t.ok(
    sending(double).every(({ target }) => target.includes('/manifests/')),
    'no blob',
  )
})

t.test('how far it is can be seen while it runs', async (t) => {
  const double = await start(t)
  const client = clientOf(double)
  const seen: { tag: string; done: number; sent: number }[] = []
  const look = (push: CanaryPush) => seen.push({ tag: push.tag, done: push.done, sent: push.sent })
  const watched: RegistryClient = Object.create(client, {
    headManifest: { value: client.headManifest.bind(client) },
    pushBlob: { value: client.pushBlob.bind(client) },
    pushManifest: {
      value: (...args: Parameters<RegistryClient['pushManifest']>) => {
        look(push)
        return client.pushManifest(...args)
      },
    },
  })
  const push: CanaryPush = pushOf(double, {}, { client: watched })
  t.equal(push.total, TOTAL)
  t.equal(push.done, 0)
  await push.run()
  const image = 2 * (256 * KIB + 1536)
  const proof = 4 * KIB + 1536
  t.strictSame(
    seen.map(({ tag, done }) => [tag, done]),
    [
      ['proof-0', proof],
      ['proof-1', 2 * proof],
      ['home-0', 2 * proof + image],
      ['home-1', 2 * proof + 2 * image],
      ['tag-0', 2 * proof + 3 * image],
      ['tag-1', 2 * proof + 4 * image],
    ],
  )
  t.equal(push.done, push.total)
  t.ok(push.sent > push.total, 'configurations are sent as well')
})

t.test('it ends when it is told to while it sends', async (t) => {
  const double = await start(t)
  const stop = new AbortController()
  double.faults.set('PUT /v2/library/canary/blobs/uploads/', { kind: 'hang', after: 'request' })
  const hanging = pushOf(double, { repository: 'library/canary' }, { signal: stop.signal })
  const run = hanging.run()
  const untilUpload = async (): Promise<void> => {
    await double.nextRequest()
    if (double.received.at(-1)?.method !== 'PUT') await untilUpload()
  }
  await Promise.race([untilUpload(), run.catch(() => {})])
  stop.abort()
  await t.rejects(run, { code: 'PP_REGISTRY_ABORTED' })
})
