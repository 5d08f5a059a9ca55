import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { fetchImageManifest } from '../../src/registry/image-manifest.ts'
import type { Exchange, RegistryClient } from '../../src/registry/registry-client.ts'
import { RegistryError } from '../../src/registry/registry-error.ts'
import { digestOf } from './stored-images.ts'

/** A registry that may be pushed to. */
export interface Subject {
  /** A fresh client that may do everything. */
  client: RegistryClient
  /** That nobody has pushed to. */
  repository: string
}

const OCI = 'application/vnd.oci.image'
const AMD64 = { os: 'linux', architecture: 'amd64', variant: null }
const ARM64 = { os: 'linux', architecture: 'arm64', variant: null }
const NOWHERE = `sha256:${'0'.repeat(64)}`
/** More than any buffer on the way holds. */
const LARGE = 20 * 1024 * 1024

/** What the client does at any registry, real or not. */
export function clientConformance(t: Test, open: () => Promise<Subject>): void {
  const check = (name: string, run: (t: Test, subject: Subject) => Promise<void>) =>
    t.test(name, async (t) => run(t, await open()))

  check('it answers', async (t, { client }) => {
    const { status, exchanges } = await client.ping()
    t.ok(status === 200 || status === 401, `${status}`)
    t.equal(exchanges.length, 1)
    t.match(exchanges, [{ purpose: 'registry', method: 'GET', origin: new URL(client.endpoint).origin, status }])
  })

  check('what is not there is not found', async (t, { client, repository }) => {
    const asked = [
      () => client.headManifest(repository, 'v1'),
      () => client.getManifest(repository, 'v1'),
      () => client.headBlob(repository, NOWHERE),
      () => client.readBlob(repository, NOWHERE),
    ]
    for (const [turn, ask] of asked.entries()) {
      const error = await ask().catch((it: unknown) => it)
      t.ok(error instanceof RegistryError, `${error}`)
      t.match(error, { code: 'PP_REGISTRY_NOT_FOUND', reason: 'not-found', status: 404 })
      // An answer to HEAD has no body to say it in.
      t.match(error, { detailName: [null, /^(MANIFEST|NAME)_UNKNOWN$/, null, /^(BLOB|NAME)_UNKNOWN$/][turn] })
    }
  })

  check('a blob is pushed once, and is then there', async (t, { client, repository }) => {
    const bytes = randomBytes(1000)
    const blob = { digest: digestOf(bytes), size: bytes.length, open: () => [bytes] }
    const { existed, exchanges } = await client.pushBlob(repository, blob)
    t.equal(existed, false)
    t.match(exchanges.at(-1), { method: 'PUT', status: 201 })
    const { length, exchanges: heads } = await client.headBlob(repository, blob.digest)
    t.equal(length, 1000)
    t.match(heads.at(-1), { method: 'HEAD', status: 200, bytes: 0 })
    const again = { ...blob, open: () => t.fail('sent again') as never }
    t.match(await client.pushBlob(repository, again), { existed: true, status: 200 })
  })

  check('a large blob goes there and back in pieces, and every byte is counted', async (t, { client, repository }) => {
    const piece = Buffer.alloc(100_000)
    const size = Math.floor(LARGE / piece.length) * piece.length
    const pieces = function* () {
      // All in the same memory.
      for (let given = 0; given < size; given += piece.length) yield piece.fill(`${given} `)
    }
    const hash = createHash('sha256')
    for (const bytes of pieces()) hash.update(bytes)
    const digest = `sha256:${hash.digest('hex')}`
    let sent = 0
    const onSent = (bytes: number) => {
      sent += bytes
    }
    await client.pushBlob(repository, { digest, size, open: pieces, onSent })
    t.equal(sent, size)

    let [received, most, announced] = [0, 0, 0]
    const read = await client.readBlob(repository, digest, {
      size,
      onStart: (total) => {
        announced = total ?? 0
      },
      // A consumer that is slow is waited for.
      onBytes: async ({ length }) => {
        received += length
        most = Math.max(most, length)
        await new Promise(setImmediate)
      },
    })
    t.match(read, { digest, length: size })
    t.equal(received, size)
    t.equal(announced, size)
    t.ok(most < size / 10, `${most} bytes at a time`)
    t.equal(read.exchanges.at(-1)?.bytes, size)
  })

  check('a part of a blob', async (t, { client, repository }) => {
    const bytes = randomBytes(5000)
    const digest = digestOf(bytes)
    await client.pushBlob(repository, { digest, size: bytes.length, open: () => [bytes] })
    const pieces: Buffer[] = []
    const range = { first: 1000, last: 1099 }
    const onBytes = (piece: Uint8Array) => void pieces.push(Buffer.from(piece))
    const read = await client.readBlob(repository, digest, { size: bytes.length, range, onBytes })
    t.match(read, { status: 206, length: 100, digest: digestOf(bytes.subarray(1000, 1100)) })
    t.strictSame(Buffer.concat(pieces), bytes.subarray(1000, 1100))
  })

  check('a blob of another digest than it was said to have is refused', async (t, { client, repository }) => {
    const bytes = randomBytes(10)
    const pushed = client.pushBlob(repository, { digest: NOWHERE, size: bytes.length, open: () => [bytes] })
    await t.rejects(pushed, { code: 'PP_REGISTRY_STATUS', status: 400, detailName: 'DIGEST_INVALID' })
  })

  check('a manifest is pushed, and found by tag and by digest', async (t, { client, repository }) => {
    const image = await pushImage(client, repository, 'v1')
    const { status, digest } = await client.headManifest(repository, 'v1')
    t.equal(status, 200)
    t.equal(digest, image.digest)
    for (const reference of ['v1', image.digest]) {
      const fetched = await client.getManifest(repository, reference)
      t.match(fetched, { digest: image.digest, mediaType: `${OCI}.manifest.v1+json`, length: image.bytes.length })
      t.strictSame(Buffer.from(fetched.bytes), image.bytes)
    }
    const { fetched, config, layers } = await fetchImageManifest(client, repository, 'v1', { platform: AMD64 })
    t.equal(fetched.length, 1)
    t.equal(config.digest, image.config)
    t.strictSame(
      layers.map((it) => it.digest),
      [image.layer],
    )
  })

  check('an index leads to the image of a platform', async (t, { client, repository }) => {
    const [amd64, arm64] = [await pushImage(client, repository, 'amd64'), await pushImage(client, repository, 'arm64')]
    const entry = ({ digest, bytes }: PushedImage, architecture: string) => ({
      mediaType: `${OCI}.manifest.v1+json`,
      digest,
      size: bytes.length,
      platform: { os: 'linux', architecture },
    })
    const index = json(`${OCI}.index.v1+json`, { manifests: [entry(amd64, 'amd64'), entry(arm64, 'arm64')] })
    await client.pushManifest(repository, 'both', index)
    const found = await fetchImageManifest(client, repository, 'both', { platform: ARM64 })
    t.equal(found.digest, arm64.digest)
    t.equal(found.config.digest, arm64.config)
    t.strictSame(
      found.fetched.map((it) => it.digest),
      [digestOf(index.bytes), arm64.digest],
    )
    const windows = { os: 'windows', architecture: 'amd64', variant: null }
    const missing = { reason: 'platform-missing', message: /windows\/amd64/ }
    await t.rejects(fetchImageManifest(client, repository, 'both', { platform: windows }), missing)
  })

  check('the phases of every request are there, follow each other and add up', async (t, { client, repository }) => {
    const bytes = randomBytes(100_000)
    const digest = digestOf(bytes)
    const pushed = await client.pushBlob(repository, { digest, size: bytes.length, open: () => [bytes] })
    const read = await client.readBlob(repository, digest)
    for (const exchange of [...pushed.exchanges, ...read.exchanges]) holdsTogether(t, exchange)
  })
}

function holdsTogether(t: Test, { method, status, origin, phases }: Exchange): void {
  const { resolve, connect, tls, sending, processing, transfer, total } = phases
  const name = `${method} ${status}`
  t.equal(resolve, null, `${name}: an address is not resolved`)
  t.equal(tls === null, origin.startsWith('http:'), `${name}: TLS where it is spoken`)
  for (const phase of [connect, sending, processing, transfer]) t.ok(phase !== null && phase >= 0, `${name}: ${phase}`)
  const sum = (connect ?? 0) + (tls ?? 0) + (sending ?? 0) + (processing ?? 0) + (transfer ?? 0)
  t.ok(Math.abs(sum - total) < 1e-6, `${name}: ${sum} of ${total}`)
}

interface PushedImage {
  digest: string
  bytes: Buffer
  config: string
  layer: string
}

async function pushImage(client: RegistryClient, repository: string, tag: string): Promise<PushedImage> {
  const layer = randomBytes(500)
  const config = json('', { architecture: tag, os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } })
  for (const bytes of [layer, config.bytes]) {
    await client.pushBlob(repository, { digest: digestOf(bytes), size: bytes.length, open: () => [bytes] })
  }
  const described = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length })
  const manifest = json(`${OCI}.manifest.v1+json`, {
    config: described(`${OCI}.config.v1+json`, config.bytes),
    layers: [described(`${OCI}.layer.v1.tar`, layer)],
  })
  const answer = await client.pushManifest(repository, tag, manifest)
  const digest = digestOf(manifest.bytes)
  if (answer.digest !== digest) throw new Error(`the registry has stored ${answer.digest}`)
  return { digest, bytes: manifest.bytes, config: digestOf(config.bytes), layer: digestOf(layer) }
}

function json(mediaType: string, value: object): { mediaType: string; bytes: Buffer } {
  return {
    mediaType,
    bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, ...(mediaType && { mediaType }), ...value })),
  }
}
