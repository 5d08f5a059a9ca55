import { isDigest } from './digest.ts'

/** What an image is made of, as its manifest says (OCI image specification 1.1; Docker image manifest 2.2). */
export type Manifest =
  | { kind: 'image'; config: Descriptor; layers: readonly Descriptor[] }
  | { kind: 'index'; manifests: readonly IndexEntry[] }

export interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

export interface IndexEntry extends Descriptor {
  platform: Platform | null
}

export interface Platform {
  os: string
  architecture: string
  /** null: not said. */
  variant: string | null
}

const IMAGE_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]
const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]

/** What a client must say that it takes. */
export const MANIFEST_TYPES: readonly string[] = [...IMAGE_TYPES, ...INDEX_TYPES]

/** Reads a manifest. A string is what is wrong with it. `mediaType`: as it was served. */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest | string {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return 'it is not JSON'
  }
  if (!isObject(value)) return 'it is no object'
  // The manifest's own word counts for more than the header's: a mirror may serve it under a general type.
  const type = typeof value.mediaType === 'string' ? value.mediaType : mediaType
  if (IMAGE_TYPES.includes(type)) return imageOf(value)
  if (INDEX_TYPES.includes(type)) return indexOf(value)
  return 'its media type is none of an image or an index'
}

/** The entry that a platform takes: the same variant, or else one that says none; the first of several. */
export function choosePlatform(manifests: readonly IndexEntry[], wanted: Platform): IndexEntry | null {
  const fitting = manifests.filter(
    ({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture,
  )
  const variantOf = (entry: IndexEntry) => entry.platform?.variant ?? DEFAULT_VARIANTS[wanted.architecture] ?? null
  const variant = wanted.variant ?? DEFAULT_VARIANTS[wanted.architecture] ?? null
  return fitting.find((it) => variantOf(it) === variant) ?? null
}

/** What no variant means (containerd's platforms, Normalize). */
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' }

function imageOf({ config, layers }: Record<string, unknown>): Manifest | string {
  const read = descriptorOf(config)
  if (read === null) return 'its config is no descriptor'
  if (!Array.isArray(layers)) return 'its layers are no list'
  const descriptors = layers.map(descriptorOf)
  return descriptors.includes(null)
    ? 'a layer is no descriptor'
    : { kind: 'image', config: read, layers: descriptors.filter((it) => it !== null) }
}

function indexOf({ manifests }: Record<string, unknown>): Manifest | string {
  if (!Array.isArray(manifests)) return 'its manifests are no list'
  const entries: IndexEntry[] = []
  for (const entry of manifests) {
    const descriptor = descriptorOf(entry)
    if (descriptor === null) return 'a manifest of it is no descriptor'
    entries.push({ ...descriptor, platform: platformOf(entry.platform) })
  }
  return { kind: 'index', manifests: entries }
}

function descriptorOf(value: unknown): Descriptor | null {
  if (!isObject(value)) return null
  const { mediaType, digest, size } = value
  const isValid = typeof mediaType === 'string' && typeof digest === 'string' && isDigest(digest)
  return isValid && Number.isSafeInteger(size) && Number(size) >= 0 ? { mediaType, digest, size: Number(size) } : null
}

function platformOf(value: unknown): Platform | null {
  if (!isObject(value)) return null
  const { os, architecture, variant } = value
  if (typeof os !== 'string' || typeof architecture !== 'string') return null
  return { os, architecture, variant: typeof variant === 'string' && variant !== '' ? variant : null }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
