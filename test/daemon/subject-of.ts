import { parseImageReference } from '../../src/containerd/reference.ts'
import type { Subject } from '../../src/pull/subject.ts'
import type { TestImage } from './image.ts'

/** What is measured of an image that a registry has by this tag. */
export function subjectOf(
  { repository, manifests, config, layers, contents }: TestImage,
  { registry, tag }: { registry: string; tag: string },
): Subject {
  const object = (kind: 'manifest' | 'config' | 'layer') => (digest: string) => {
    const { mediaType = '', base64 = '' } = contents[digest] ?? {}
    return { digest, kind, mediaType, size: Buffer.from(base64, 'base64').length }
  }
  return {
    reference: parseImageReference(`${registry}/${repository}:${tag}`),
    digest: manifests[0] ?? '',
    imageId: config,
    objects: [...manifests.map(object('manifest')), object('config')(config), ...layers.map(object('layer'))],
  }
}

export function sizeOf({ objects }: Subject): number {
  return objects.reduce((sum, it) => sum + it.size, 0)
}
