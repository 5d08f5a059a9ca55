import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

export interface Content {
  digest: string
  mediaType: string
  bytes: Buffer
}

/** A complete image: what a registry must hold to serve it. */
export interface OciImage {
  manifest: Content
  config: Content
  layer: Content
}

/** Builds an image of one layer that holds one file, `/hello.txt`. The same text gives the same digests. */
export function buildImage(text: string): OciImage {
  const tar = tarOf('hello.txt', Buffer.from(text))
  const layer = contentOf('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar))
  const config = contentOf(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = contentOf(
    mediaType,
    json({ schemaVersion: 2, mediaType, config: descriptorOf(config), layers: [descriptorOf(layer)] }),
  )
  return { manifest, config, layer }
}

function contentOf(mediaType: string, bytes: Buffer): Content {
  return { digest: digestOf(bytes), mediaType, bytes }
}

function descriptorOf({ mediaType, digest, bytes }: Content): object {
  return { mediaType, digest, size: bytes.length }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** A tar archive of one regular file (POSIX ustar: a header block, the content, two empty blocks). */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  // The checksum counts its own field as eight spaces.
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}
