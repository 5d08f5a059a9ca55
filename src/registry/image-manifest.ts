import { choosePlatform, type Descriptor, type Platform, parseManifest } from './manifest.ts'
import type { Call, FetchedManifest, RegistryClient } from './registry-client.ts'
import { RegistryError, type RegistryReason } from './registry-error.ts'

export interface ImageManifest {
  /** What the reference names, and below an index the image's own manifest. */
  fetched: readonly FetchedManifest[]
  /** Of the image's own manifest. */
  digest: string
  config: Descriptor
  layers: readonly Descriptor[]
}

/** Fetches the manifest of an image, through its index where it has one. `call` holds for each of the two. */
export async function fetchImageManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  { platform, call = {} }: { platform: Platform; call?: Call },
): Promise<ImageManifest> {
  const first = await client.getManifest(repository, reference, call)
  const failed = (reason: RegistryReason, fetched: FetchedManifest, detail: string) => {
    const where = { title: `manifest ${repository}:${reference}`, origin: new URL(client.endpoint).origin }
    return new RegistryError(reason, where, fetched, { detail })
  }
  const top = parseManifest(first.bytes, first.mediaType)
  if (typeof top === 'string') throw failed('manifest-invalid', first, top)
  if (top.kind === 'image') return { fetched: [first], digest: first.digest, config: top.config, layers: top.layers }

  const entry = choosePlatform(top.manifests, platform)
  if (entry === null) throw failed('platform-missing', first, `${platform.os}/${platform.architecture}`)
  const second = await client.getManifest(repository, entry.digest, call)
  const image = parseManifest(second.bytes, second.mediaType)
  if (typeof image === 'string') throw failed('manifest-invalid', second, image)
  if (image.kind === 'index') throw failed('manifest-invalid', second, 'an index within an index')
  return { fetched: [first, second], digest: second.digest, config: image.config, layers: image.layers }
}
