import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import type { DaemonClient, DaemonEvent } from '../../../src/containerd/client/daemon-client.ts'
import { DaemonRefusal } from '../../../src/containerd/client/daemon-error.ts'
import { parseVersion } from '../../../src/version.ts'

/** A client and what its daemon can reach: an image of one layer that it has not yet, and a reference to nothing. */
export interface Subject {
  client: DaemonClient
  image: { reference: string; manifest: string; config: string; layer: string; chainId: string }
  absent: string
}

const PULL_WITHIN = 30_000
const SNAPSHOTTER = 'overlayfs'

/** What every client of a daemon does, whether the daemon is real or not. `open` makes a fresh client. */
export function clientConformance(t: Test, open: () => Promise<Subject>): void {
  const check = (name: string, run: (t: Test, subject: Subject) => Promise<void>) =>
    t.test(name, async (t) => {
      const subject = await open()
      t.teardown(() => subject.client.close())
      await run(t, subject)
    })

  check('the version is one, and CRI tells the same', async (t, { client }) => {
    const { version } = await client.version()
    t.not(parseVersion(version), null, version)
    t.strictSame(await client.cri.version(), { name: 'containerd', version })
  })

  check('the daemon listens since a time that has passed', async (t, { client }) => {
    const since = await client.listeningSince()
    t.ok(since > Date.UTC(2020) && since <= Date.now(), new Date(since).toISOString())
  })

  check('the server has a process and an identity', async (t, { client }) => {
    const { pid, uuid } = await client.server()
    t.ok(pid > 0)
    t.match(uuid, /^[0-9a-f-]{36}$/)
  })

  check('plugins are found by filter', async (t, { client }) => {
    const filter = 'type==io.containerd.content.v1,id==content'
    const [content, ...others] = await client.plugins([filter])
    t.match(content, { type: 'io.containerd.content.v1', id: 'content', initError: null })
    t.ok(content?.exports.has('root'))
    t.strictSame(others, [])
    t.strictSame(await client.plugins(['id==no-such-plugin']), [])
    t.ok((await client.plugins([])).length > 1)
  })

  check('CRI says whether the runtime is ready', async (t, { client }) => {
    const { conditions } = await client.cri.status()
    t.match(
      conditions.find((it) => it.type === 'RuntimeReady'),
      { isTrue: true },
    )
  })

  check('images are on a file system', async (t, { client }) => {
    const [filesystem] = await client.cri.imageFilesystems()
    t.match(filesystem, { mountpoint: /^\//, usedBytes: Number })
  })

  check('what is not there is null or false, and no error', async (t, { client, absent }) => {
    const k8s = client.inNamespace('k8s.io')
    t.equal(await client.cri.imageStatus(absent), null)
    t.equal(await k8s.content(`sha256:${'0'.repeat(64)}`), null)
    t.equal(await k8s.image(absent), null)
    t.equal(await k8s.deleteImage(absent), false)
    t.equal(await k8s.snapshot(SNAPSHOTTER, `sha256:${'0'.repeat(64)}`), null)
    t.equal(await k8s.deleteLease('no-such-lease'), false)
    t.equal(await k8s.leaseResources('no-such-lease'), null)
    t.equal(await k8s.container('no-such-container'), null)
    t.equal(await k8s.readContent(`sha256:${'0'.repeat(64)}`, 1), null)
    await t.resolves(client.cri.removeImage(absent), 'CRI removes what is not there')
  })

  check('what makes no sense is refused, with the words of the daemon', async (t, { client }) => {
    const k8s = client.inNamespace('k8s.io')
    const refused = { code: 'PP_DAEMON_REFUSED', grpcCode: 'INVALID_ARGUMENT' }
    await t.rejects(k8s.content('nonsense'), { ...refused, words: '"nonsense" failed validation' })
    await t.rejects(k8s.contents(['nonsense']), { ...refused, words: /^filters: parse error/ })
    await t.rejects(k8s.images(['nonsense']), { ...refused, words: /parse error/ })
    await t.rejects(k8s.snapshot('no-such', 'key'), { ...refused, words: /^snapshotter not loaded: no-such/ })
  })

  check('an image that no registry has cannot be pulled', async (t, { client, absent }) => {
    const error = await client.cri.pullImage(absent, PULL_WITHIN).catch((it: unknown) => it)
    t.ok(error instanceof DaemonRefusal)
    t.match(error, { code: 'PP_DAEMON_REFUSED', words: absent, message: absent })
  })

  check('an image is pulled, is there in all its parts, and is removed', async (t, { client, image }) => {
    const k8s = client.inNamespace('k8s.io')
    const { reference, manifest, config, layer, chainId } = image
    const given = { signal: AbortSignal.abort() }
    const givenUp = await client.cri.pullImage(reference, PULL_WITHIN, given).catch((it: unknown) => it)
    t.match(
      givenUp,
      { code: 'PP_DAEMON_UNREACHABLE', message: /broken off/ },
      'one that is given up before does not begin',
    )
    t.equal(await client.cri.imageStatus(reference), null)
    t.equal(await client.cri.pullImage(reference, PULL_WITHIN), config)
    t.match(await client.cri.imageStatus(reference), { id: config, tags: [reference], isPinned: false })
    t.ok((await client.cri.listImages()).some((it) => it.id === config))
    t.match(await k8s.image(reference), { name: reference, target: { digest: manifest } })
    t.ok((await k8s.images([`name==${reference}`])).length === 1)
    for (const digest of [manifest, config, layer]) {
      const info = await k8s.content(digest)
      t.match(info, { digest })
      t.ok((info?.size ?? 0) > 0)
      t.ok(Date.now() - (info?.createdAt ?? 0) < 3_600_000, 'it was made now')
    }
    const bytes = await k8s.readContent(manifest, 1 << 20)
    t.equal(
      `sha256:${createHash('sha256')
        .update(bytes ?? '')
        .digest('hex')}`,
      manifest,
      'its manifest can be read',
    )
    t.equal((await k8s.readContent(manifest, 10))?.length, 10, 'or a part of it')
    const contents = (await k8s.contents([])).map((it) => it.digest)
    for (const digest of [manifest, config, layer]) t.ok(contents.includes(digest))
    t.match(await k8s.snapshot(SNAPSHOTTER, chainId), { name: chainId, kind: 'committed' })
    t.strictSame(await k8s.ingests(['ref~="^layer-"']), [], 'nothing is under way')

    t.equal(await client.inNamespace('another').image(reference), null, 'namespaces are apart')
    t.equal(await client.inNamespace('another').content(manifest), null)

    await client.cri.removeImage(reference)
    t.equal(await client.cri.imageStatus(reference), null)
    t.equal(await k8s.image(reference), null)
    t.equal(await k8s.content(layer), null)
    t.equal(await k8s.snapshot(SNAPSHOTTER, chainId), null)
  })

  check('a record is deleted by its name, and only that', async (t, { client, image }) => {
    const k8s = client.inNamespace('k8s.io')
    await client.cri.pullImage(image.reference, PULL_WITHIN)
    t.equal(await k8s.deleteImage(image.reference), true)
    t.equal(await k8s.image(image.reference), null)
    t.not(await k8s.content(image.layer), null, 'the other records hold it')
    await client.cri.removeImage(image.config)
    await k8s.deleteImage(image.config)
  })

  check('what happens is told as it happens', async (t, { client, image }) => {
    const events: DaemonEvent[] = []
    const up = Promise.withResolvers<number | null>()
    const deleted = Promise.withResolvers<void>()
    const subscription = client.subscribe(['topic~="^/images/"'], {
      onEvent: (event) => {
        events.push(event)
        if (event.topic === '/images/delete' && event.name === image.reference) deleted.resolve()
      },
      onUp: up.resolve,
      onDown: (error) => up.reject(error),
    })
    t.teardown(() => subscription.close())
    t.equal(await up.promise, null, 'nothing was missed')
    await client.cri.pullImage(image.reference, PULL_WITHIN)
    await client.cri.removeImage(image.reference)
    await deleted.promise
    const own = events.filter((it) => 'name' in it && it.name === image.reference)
    t.match(own[0], { topic: '/images/create', namespace: 'k8s.io' })
    t.match(own.at(-1), { topic: '/images/delete', namespace: 'k8s.io' })
    t.ok(events.every((it) => it.topic.startsWith('/images/') && Date.now() - it.at < 3_600_000))
  })

  check('once it is closed, everything is refused', async (t, { client }) => {
    client.close()
    const closed = { code: 'PP_DAEMON_UNREACHABLE', message: /closed/ }
    await t.rejects(client.version(), closed)
    await t.rejects(client.listeningSince(), closed)
    await t.rejects(client.cri.status(), closed)
    await t.rejects(client.inNamespace('k8s.io').leases([]), closed)
    t.throws(() => client.subscribe([], { onEvent: () => {}, onUp: () => {}, onDown: () => {} }), closed)
    t.doesNotThrow(() => client.close())
  })
}
