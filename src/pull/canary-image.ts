import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BlobSource, ManifestSource } from '../registry/registry-client.ts'
import { type CanaryLayer, layerPieces, layerSize } from './canary-layer.ts'

/** What one image of the canary is made from. The same recipe always gives the same image. */
export interface CanaryRecipe {
  /** `library/pullpath-canary`. No other repository gets the same image. */
  repository: string
  tag: string
  /** Bytes of the files of all layers together. */
  size: number
  layers: number
}

/** One image, ready to be pushed: nothing of its layers is kept. */
export interface CanaryImage {
  tag: string
  layers: readonly BlobSource[]
  config: BlobSource
  manifest: ManifestSource & { digest: string }
}

const OCI = 'application/vnd.oci.image'
const MANIFEST_TYPE = `${OCI}.manifest.v1+json`
/**
 * A manifest that is no index is pulled whatever its platform is. Where this follows the machine that pushes, another
 * one would push other images.
 */
const PLATFORM = { architecture: 'amd64', os: 'linux' }
/** Pieces between two looks at what else there is to do: 4 MiB. */
const PIECES_A_TURN = 64

/** Bytes of the layers' blobs, without making them. */
export function canarySize(recipe: CanaryRecipe): number {
  return layersOf(recipe).reduce((total, layer) => total + layerSize(layer), 0)
}

/** Makes the layers once, for their digests. Rejects with the signal's reason when it is aborted. */
export async function makeCanaryImage(recipe: CanaryRecipe, signal: AbortSignal): Promise<CanaryImage> {
  const layers: BlobSource[] = []
  for (const layer of layersOf(recipe)) {
    const digest = await digestOf(layerPieces(layer), signal)
    layers.push({ digest, size: layerSize(layer), open: () => layerPieces(layer) })
  }
  const config = json({
    ...PLATFORM,
    author: 'pullpath canary push',
    config: {},
    // Uncompressed: a layer's digest is that of what is unpacked, too.
    rootfs: { type: 'layers', diff_ids: layers.map((it) => it.digest) },
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: `${OCI}.config.v1+json`, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ digest, size }) => ({ mediaType: `${OCI}.layer.v1.tar`, digest, size })),
    annotations: { 'org.opencontainers.image.description': 'Incompressible bytes, whose pulls Pullpath measures.' },
  })
  return {
    tag: recipe.tag,
    layers,
    config: { digest: config.digest, size: config.bytes.length, open: () => [config.bytes] },
    manifest: { mediaType: MANIFEST_TYPE, ...manifest },
  }
}

/** Every layer has its own seed: no two tags share a layer, a diff id, a chain id or an image id. */
function layersOf({ repository, tag, size, layers }: CanaryRecipe): CanaryLayer[] {
  const start = (place: number) => Math.floor((place * size) / layers)
  return Array.from({ length: layers }, (_, place) => ({
    seed: JSON.stringify(['pullpath canary', repository, tag, size, layers, place]),
    fileSize: start(place + 1) - start(place),
    fileName: `canary-${place}`,
  }))
}

async function digestOf(pieces: Iterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  let count = 0
  for (const piece of pieces) {
    hash.update(piece)
    if (++count % PIECES_A_TURN === 0) await nextTurn()
    signal.throwIfAborted()
  }
  return `sha256:${hash.digest('hex')}`
}

function json(value: unknown): { bytes: Buffer; digest: string } {
  const bytes = Buffer.from(JSON.stringify(value))
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}
