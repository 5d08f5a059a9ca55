import { createHash, randomBytes } from 'node:crypto'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import type { RegistryDouble } from '../registry/registry-double.ts'

export const CANARY = parseImageReference('192.168.1.106/library/pullpath-canary:tag-0')

/** An image of random layers, as a registry stores it. */
export interface StoredCanary {
  manifest: { digest: string; bytes: Buffer; mediaType: string }
  config: { digest: string; bytes: Buffer }
  layers: { digest: string; bytes: Buffer; chainId: string }[]
}

const OCI = 'application/vnd.oci.image'

export function makeCanary({ layers = 2, size = 64 * 1024 } = {}): StoredCanary {
  const blobs = Array.from({ length: layers }, () => randomBytes(size))
  const config = Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: blobs.map(digestOf) } }))
  const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length })
  const mediaType = `${OCI}.manifest.v1+json`
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor(`${OCI}.config.v1+json`, config),
      layers: blobs.map((it) => descriptor(`${OCI}.layer.v1.tar`, it)),
    }),
  )
  let chain = ''
  return {
    manifest: { digest: digestOf(manifest), bytes: manifest, mediaType },
    config: { digest: digestOf(config), bytes: config },
    layers: blobs.map((bytes) => {
      const digest = digestOf(bytes)
      chain = chain === '' ? digest : digestOf(Buffer.from(`${chain} ${digest}`))
      return { digest, bytes, chainId: chain }
    }),
  }
}

export function storeIn({ images }: RegistryDouble, canary: StoredCanary, tag = 'tag-0'): void {
  const { repository } = CANARY
  images.putManifest(repository, tag, canary.manifest)
  for (const { bytes } of [canary.config, ...canary.layers]) images.putBlob(repository, bytes)
}

/** Makes it an image that the daemon can pull. */
export function serveIn({ origin }: MemoryDaemon, reference: string, canary: StoredCanary): StoredCanary {
  const sized = ({ digest, bytes }: { digest: string; bytes: Buffer }) => ({ digest, size: bytes.length })
  const { manifest, config, layers } = canary
  origin.set(reference, {
    manifest: { ...sized(manifest), mediaType: manifest.mediaType, bytes: manifest.bytes },
    config: sized(config),
    layers: layers.map((it) => ({ ...sized(it), chainId: it.chainId })),
  })
  return canary
}

export function bytesOf({ manifest, config, layers }: StoredCanary): number {
  return [manifest, config, ...layers].reduce((sum, it) => sum + it.bytes.length, 0)
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
