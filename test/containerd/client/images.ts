import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { buildImage, type OciImage } from '../../../src/commands/demo/oci-image.ts'
import type { Subject } from './client-conformance.ts'
import type { OriginImage } from './memory-daemon.ts'

/** An image of one layer whose digests nothing else has, and what a client is held to of it. */
export function newImage(reference: string, text: string): { image: OciImage; expected: Subject['image'] } {
  const image = buildImage(text)
  const diffId = `sha256:${createHash('sha256').update(gunzipSync(image.layer.bytes)).digest('hex')}`
  const { manifest, config, layer } = image
  const expected = {
    reference,
    manifest: manifest.digest,
    config: config.digest,
    layer: layer.digest,
    // The chain id of the first layer is its diff id.
    chainId: diffId,
  }
  return { image, expected }
}

export function originImage({ image, expected }: ReturnType<typeof newImage>): OriginImage {
  const sized = ({ digest, bytes }: { digest: string; bytes: Buffer }) => ({ digest, size: bytes.length })
  return {
    manifest: { ...sized(image.manifest), mediaType: image.manifest.mediaType, bytes: image.manifest.bytes },
    config: sized(image.config),
    layers: [{ ...sized(image.layer), chainId: expected.chainId }],
  }
}
