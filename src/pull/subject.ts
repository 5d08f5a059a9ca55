import type { ImageReference } from '../containerd/reference.ts'
import type { ObjectEvidence } from '../drift/classification.ts'
import { fetchImageManifest } from '../registry/image-manifest.ts'
import type { Descriptor, Platform } from '../registry/manifest.ts'
import type { Call, RegistryClient } from '../registry/registry-client.ts'
import { THIS_ARCHITECTURE } from '../this-architecture.ts'

/** An image that is measured, as its registry has it at this time. */
export interface Subject {
  reference: ImageReference
  /** What the reference names: an index, or the manifest. */
  digest: string
  /** The digest of its config, by which CRI knows it. */
  imageId: string
  /** Each once; an index before its manifest, then the config and the layers. */
  objects: readonly SubjectObject[]
}

export interface SubjectObject {
  digest: string
  kind: ObjectEvidence['kind']
  mediaType: string
  size: number
}

/** The platform of this node, as images name it. */
export const THIS_PLATFORM: Platform = {
  os: 'linux',
  architecture: THIS_ARCHITECTURE,
  variant: null,
}

/** Asks what an image is made of. Nothing of this is timed. Rejects with a RegistryError. */
export async function readSubject(client: RegistryClient, reference: ImageReference, call: Call): Promise<Subject> {
  const { repository, tag, digest } = reference
  const name = tag ?? digest ?? ''
  const { fetched, config, layers } = await fetchImageManifest(client, repository, name, {
    platform: THIS_PLATFORM,
    call,
  })
  const manifests = fetched.map((it) => ({
    digest: it.digest,
    kind: 'manifest' as const,
    mediaType: it.mediaType,
    size: it.length,
  }))
  return {
    reference,
    digest: manifests[0]?.digest ?? '',
    imageId: config.digest,
    objects: objectsOf(manifests, { config, layers }),
  }
}

/** What an image is made of, each once: its manifests, then the config and the layers. */
export function objectsOf(
  manifests: readonly SubjectObject[],
  { config, layers }: { config: Descriptor; layers: readonly Descriptor[] },
): SubjectObject[] {
  const blob =
    (kind: SubjectObject['kind']) =>
    ({ digest, mediaType, size }: Descriptor): SubjectObject => ({ digest, kind, mediaType, size })
  const objects = [...manifests, blob('config')(config), ...layers.map(blob('layer'))]
  return [...new Map(objects.map((it) => [it.digest, it])).values()]
}
