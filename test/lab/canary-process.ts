/**
 * Makes a canary and pushes it by the distribution API over plain HTTP, layer by layer as it is made.
 * Its argument is a CanaryOrder; it prints a CanaryImage. It is a process of its own because it runs on the origin's
 * machine: what is pushed there does not go over the origin's shaped link.
 */
import { createHash, randomBytes } from 'node:crypto'
import { tarHeader } from '../daemon/tar-header.ts'
import type { Blob, CanaryImage } from './canary.ts'

export interface CanaryOrder {
  /** Host of the registry. */
  registry: string
  repository: string
  tag: string
  layers: number
  /** Random bytes in each layer. */
  size: number
}

const OCI = 'application/vnd.oci.image'
const CHUNK = 1024 * 1024
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64' }

const { registry, repository, tag, layers, size }: CanaryOrder = JSON.parse(process.argv[2] ?? '')
const base = `http://${registry}/v2/${repository}`

function* layerOf(name: string): Generator<Buffer> {
  yield tarHeader(name, size)
  for (let left = size; left > 0; left -= CHUNK) yield randomBytes(Math.min(left, CHUNK))
  // Up to the next whole block, and the two empty ones at the end.
  yield Buffer.alloc(((512 - (size % 512)) % 512) + 1024)
}

async function pushBlob(mediaType: string, content: Iterable<Buffer>): Promise<Blob> {
  const hash = createHash('sha256')
  let length = 0
  const hashed = function* () {
    for (const chunk of content) {
      hash.update(chunk)
      length += chunk.length
      yield chunk
    }
  }
  const begun = await asked(`${base}/blobs/uploads/`, { method: 'POST' })
  const upload = { method: 'PATCH', body: ReadableStream.from(hashed()), duplex: 'half' as const }
  const sent = await asked(locationOf(begun), { ...upload, headers: { 'content-type': 'application/octet-stream' } })
  const digest = `sha256:${hash.digest('hex')}`
  const end = new URL(locationOf(sent))
  end.searchParams.set('digest', digest)
  await asked(end.href, { method: 'PUT' })
  return { mediaType, digest, size: length }
}

async function pushManifest(value: { mediaType: string }): Promise<Blob> {
  const body = JSON.stringify(value)
  const { mediaType } = value
  await asked(`${base}/manifests/${tag}`, { method: 'PUT', body, headers: { 'content-type': mediaType } })
  return { mediaType, digest: `sha256:${createHash('sha256').update(body).digest('hex')}`, size: body.length }
}

async function asked(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  const words = await response.text()
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${words}`)
  return response
}

function locationOf({ headers }: Response): string {
  return new URL(headers.get('location') ?? '', base).href
}

const pushed: Blob[] = []
for (let index = 0; index < layers; index += 1) {
  pushed.push(await pushBlob(`${OCI}.layer.v1.tar`, layerOf(`canary-${index}`)))
}
const config = {
  architecture: ARCHITECTURES[process.arch] ?? process.arch,
  os: 'linux',
  config: {},
  // The layers are not compressed: their digests are those of what they hold.
  rootfs: { type: 'layers', diff_ids: pushed.map(({ digest }) => digest) },
}
const configBlob = await pushBlob(`${OCI}.config.v1+json`, [Buffer.from(JSON.stringify(config))])
const mediaType = `${OCI}.manifest.v1+json`
const manifest = await pushManifest({ ...{ schemaVersion: 2, mediaType, config: configBlob, layers: pushed } })
const reference = `${registry}/${repository}:${tag}`
console.log(JSON.stringify({ reference, manifest, config: configBlob, layers: pushed } satisfies CanaryImage))
