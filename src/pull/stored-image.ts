import type { NamespaceClient } from '../containerd/client/daemon-client.ts'
import { choosePlatform, type Manifest, parseManifest } from '../registry/manifest.ts'
import { objectsOf, type SubjectObject, THIS_PLATFORM } from './subject.ts'

/** An image that containerd has, by its own store. */
export interface StoredImage {
  /** Each once; an index before its manifest, then the config and the layers. */
  objects: readonly SubjectObject[]
  /** By layer: its digest after decompression, as far as the config says. */
  diffIds: ReadonlyMap<string, string>
}

/** containerd reads no larger manifest itself (core/remotes/docker: MaxManifestSize). */
const MOST_BYTES = 8 * 1024 * 1024

/** What an image is made of, read from the content store without asking any registry; null: it cannot be read there. */
export async function readStoredImage(
  store: NamespaceClient,
  target: { digest: string; mediaType: string },
): Promise<StoredImage | null> {
  const top = await read(store, target)
  if (top === null) return null
  let { manifest } = top
  const manifests = [top.object]
  if (manifest.kind === 'index') {
    const entry = choosePlatform(manifest.manifests, THIS_PLATFORM)
    const own = entry === null ? null : await read(store, entry)
    if (own === null || own.manifest.kind === 'index') return null
    manifest = own.manifest
    manifests.push(own.object)
  }
  const { config, layers } = manifest
  const diffIds = await readDiffIds(store, config.digest)
  return {
    objects: objectsOf(manifests, { config, layers }),
    diffIds: new Map(layers.flatMap(({ digest }, index) => pairOf(digest, diffIds[index]))),
  }
}

async function read(
  store: NamespaceClient,
  { digest, mediaType }: { digest: string; mediaType: string },
): Promise<{ object: SubjectObject; manifest: Manifest } | null> {
  const bytes = await store.readContent(digest, MOST_BYTES)
  const manifest = bytes === null ? 'it is not there' : parseManifest(bytes, mediaType)
  if (bytes === null || typeof manifest === 'string') return null
  return { object: { digest, kind: 'manifest', mediaType, size: bytes.length }, manifest }
}

/** OCI image specification, config: `rootfs.diff_ids`. The rest of it is of no interest here, and is not kept. */
async function readDiffIds(store: NamespaceClient, digest: string): Promise<readonly unknown[]> {
  const bytes = await store.readContent(digest, MOST_BYTES)
  try {
    const { rootfs } = { rootfs: null, ...JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) }
    const ids: unknown = rootfs?.diff_ids
    return Array.isArray(ids) ? ids : []
  } catch {
    return [] // no config of an image: its layers are unpacked by nobody
  }
}

function pairOf(digest: string, diffId: unknown): [string, string][] {
  return typeof diffId === 'string' ? [[digest, diffId]] : []
}
