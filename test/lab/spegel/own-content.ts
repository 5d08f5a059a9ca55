import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { DaemonClient, NamespaceClient } from '../../../src/containerd/client/daemon-client.ts'

export interface Descriptor {
  digest: string
  size: number
  mediaType: string
}

export const BINARY = 'application/octet-stream'
const MANIFEST_TYPES = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
])
/** What is larger is no manifest, and not looked into. */
const LARGEST_MANIFEST = 4 * 1024 * 1024

export function isManifestType(mediaType: string): boolean {
  return MANIFEST_TYPES.has(mediaType)
}

/**
 * What this node's containerd holds in CRI's namespace. containerd's content service says what is there; the bytes
 * are read from its content directory, as Spegel does.
 */
export class OwnContent {
  readonly #k8s: NamespaceClient
  readonly #blobs: string
  readonly #mediaTypes = new Map<string, string>()

  constructor(daemon: DaemonClient, contentDirectory: string) {
    this.#k8s = daemon.inNamespace('k8s.io')
    this.#blobs = join(contentDirectory, 'blobs')
  }

  /** The digest that a tag has here; null: it is not there. */
  async digestOf(name: string): Promise<string | null> {
    return (await this.#k8s.image(name))?.target.digest ?? null
  }

  /** null: containerd does not have it, or nobody can tell what it is. */
  async describe(digest: string): Promise<Descriptor | null> {
    const info = await this.#k8s.content(digest)
    if (info === null) return null
    const mediaType = this.#mediaTypes.get(digest) ?? (await this.#mediaTypeOf(digest, info.size))
    if (mediaType === null) return null
    this.#mediaTypes.set(digest, mediaType)
    return { digest, size: info.size, mediaType }
  }

  open(digest: string, { first, last }: { first: number; last: number }): Readable {
    return createReadStream(this.#pathOf(digest), { start: first, end: last, highWaterMark: 256 * 1024 })
  }

  /** containerd stores no media types: it is told from the content. */
  async #mediaTypeOf(digest: string, size: number): Promise<string | null> {
    if (size > LARGEST_MANIFEST) return BINARY
    let value: unknown
    try {
      value = JSON.parse(await readFile(this.#pathOf(digest), 'utf8'))
    } catch (error) {
      if (error instanceof SyntaxError) return BINARY
      throw error
    }
    if (typeof value !== 'object' || value === null) return null
    if ('schemaVersion' in value && 'mediaType' in value && typeof value.mediaType === 'string') return value.mediaType
    if ('manifests' in value) return 'application/vnd.oci.image.index.v1+json'
    if ('config' in value && 'layers' in value) return 'application/vnd.oci.image.manifest.v1+json'
    if ('architecture' in value && 'os' in value && 'rootfs' in value) return 'application/vnd.oci.image.config.v1+json'
    return Object.keys(value).length === 0 ? 'application/vnd.oci.empty.v1+json' : null
  }

  #pathOf(digest: string): string {
    return join(this.#blobs, ...digest.split(':'))
  }
}
