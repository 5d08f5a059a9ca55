import { createHash } from 'node:crypto'

export interface Stored {
  mediaType: string
  bytes: Buffer
}

/** What a registry holds, by repository. */
export class StoredImages {
  /** By `repository/reference`: tags and digests. */
  readonly #manifests = new Map<string, Stored>()
  readonly #blobs = new Map<string, Stored>()

  manifest(repository: string, reference: string): Stored | undefined {
    return this.#manifests.get(`${repository}/${reference}`)
  }

  blob(repository: string, digest: string): Stored | undefined {
    return this.#blobs.get(`${repository}/${digest}`)
  }

  putManifest(repository: string, reference: string, stored: Stored): void {
    this.#manifests.set(`${repository}/${reference}`, stored)
    this.#manifests.set(`${repository}/${digestOf(stored.bytes)}`, stored)
  }

  putBlob(repository: string, bytes: Buffer): string {
    const digest = digestOf(bytes)
    this.#blobs.set(`${repository}/${digest}`, { mediaType: 'application/octet-stream', bytes })
    return digest
  }
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
