import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
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

export interface ImageOptions {
  layers: number
  /** `others`: of several platforms, this machine's last; `foreign`: of others alone, which nobody has. */
  index: boolean | 'others' | 'foreign'
  salt?: string
  /** What follows the archive in each layer. */
  layerBytes?: number
  /** Zeros in the file of each archive. */
  fileBytes?: number
  compression?: 'none' | 'zstd'
}

/** Makes an image for this machine's platform. `name` and `salt` together must be new: they make every digest unique. */
export function makeImage(
  name: string,
  { layers, index, salt = '', layerBytes = 0, fileBytes = 0, compression = 'none' }: ImageOptions,
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
    Buffer.concat([tarOf(`${name}${salt}-${position}`, fileBytes), Buffer.alloc(layerBytes)]),
  )
  const described = archives.map((bytes) =>
    compression === 'none'
      ? add(`${OCI}.layer.v1.tar`, bytes)
      : add(`${OCI}.layer.v1.tar+zstd`, zstdCompressSync(bytes)),
  )
  const config = addJson(`${OCI}.config.v1+json`, {
    ...platform,
    author: `${name}${salt}`,
    config: {},
    rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
  })
  const manifestType = `${OCI}.manifest.v1+json`
  const manifest = addJson(manifestType, { schemaVersion: 2, mediaType: manifestType, config, layers: described })
  const manifests = [manifest.digest]
  if (index !== false) {
    const indexType = `${OCI}.index.v1+json`
    const others = ['s390x', 'riscv64'].map((architecture) => ({
      mediaType: manifestType,
      digest: digestOf(`${name}${salt} ${architecture}`),
      size: 500,
      platform: { architecture, os: 'linux' },
    }))
    const listed = addJson(indexType, {
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [...(index === true ? [] : others), ...(index === 'foreign' ? [] : [{ ...manifest, platform }])],
    })
    if (index === 'foreign') manifests.pop()
    manifests.unshift(listed.digest)
  }
  return { repository: name, manifests, config: config.digest, layers: described.map((it) => it.digest), contents }
}

export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** A tar archive of one file of zeros with this name. */
function tarOf(name: string, size: number): Buffer {
  const file = Buffer.alloc(Math.ceil(size / 512) * 512)
  return Buffer.concat([tarHeader(name.replaceAll('/', '-'), size), file, Buffer.alloc(1024)])
}
