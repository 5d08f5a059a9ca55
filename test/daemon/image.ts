import { createHash } from 'node:crypto'
import { tarHeader } from './tar-header.ts'

/** An image that no daemon has seen before: small, and unpackable. */
export interface TestImage {
  repository: string
  /** An index first where there is one, then the manifest. */
  manifests: readonly string[]
  config: string
  layers: readonly string[]
  /** By digest. */
  contents: Readonly<Record<string, { mediaType: string; base64: string }>>
}

const OCI = 'application/vnd.oci.image'
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/**
 * Makes an image for this machine's platform. `name` and `salt` together must be new: they make every
 * digest unique. `layerBytes`: what follows the archive in each layer.
 */
export function makeImage(
  name: string,
  { layers, index, salt = '', layerBytes = 0 }: { layers: number; index: boolean; salt?: string; layerBytes?: number },
): TestImage {
  const contents: Record<string, { mediaType: string; base64: string }> = {}
  const add = (mediaType: string, bytes: Buffer) => {
    const digest = digestOf(bytes)
    contents[digest] = { mediaType, base64: bytes.toString('base64') }
    return { mediaType, digest, size: bytes.length }
  }
  const addJson = (mediaType: string, value: unknown) => add(mediaType, Buffer.from(JSON.stringify(value)))
  const platform = { architecture: ARCHITECTURES[process.arch] ?? process.arch, os: 'linux' }
  const archives = Array.from({ length: layers }, (_, position) =>
    Buffer.concat([tarOf(`${name}${salt}-${position}`), Buffer.alloc(layerBytes)]),
  )
  const described = archives.map((bytes) => add(`${OCI}.layer.v1.tar`, bytes))
  const config = addJson(`${OCI}.config.v1+json`, {
    ...platform,
    author: `${name}${salt}`,
    config: {},
    rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
  })
  const manifestType = `${OCI}.manifest.v1+json`
  const manifest = addJson(manifestType, { schemaVersion: 2, mediaType: manifestType, config, layers: described })
  const manifests = [manifest.digest]
  if (index) {
    const indexType = `${OCI}.index.v1+json`
    const listed = addJson(indexType, {
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [{ ...manifest, platform }],
    })
    manifests.unshift(listed.digest)
  }
  return { repository: name, manifests, config: config.digest, layers: described.map((it) => it.digest), contents }
}

export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** A tar archive of one empty file with this name. */
function tarOf(name: string): Buffer {
  return Buffer.concat([tarHeader(name.replaceAll('/', '-'), 0), Buffer.alloc(1024)])
}
