/** An image that is made for measuring: its bytes cannot be compressed, and no other image has any of its digests. */
export interface CanaryImage {
  /** What is pulled: `192.168.1.106/library/canary:v1`. */
  reference: string
  manifest: Blob
  config: Blob
  layers: readonly Blob[]
}

export interface Blob {
  mediaType: string
  digest: string
  size: number
}

/** The digests of what is got as a blob, sorted. */
export function blobsOf({ config, layers }: CanaryImage): string[] {
  return [config, ...layers].map(({ digest }) => digest).sort()
}

/** Bytes of all that it is made of. */
export function sizeOf({ manifest, config, layers }: CanaryImage): number {
  return [manifest, config, ...layers].reduce((sum, it) => sum + it.size, 0)
}

/** All digests that a node has once it has pulled the image. */
export function digestsOf({ manifest, config, layers }: CanaryImage): string[] {
  return [manifest, config, ...layers].map(({ digest }) => digest)
}
