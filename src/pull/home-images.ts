import type { CriClient } from '../containerd/client/daemon-client.ts'
import type { ImageReference } from '../containerd/reference.ts'
import { PullpathError } from '../errors.ts'

/**
 * The places of the `home` tags of the canary's repository that a node has. null: there is no daemon, or it is away.
 * `canary`: any reference in that repository.
 */
export async function homesHere(
  cri: CriClient | null,
  { registry, repository }: ImageReference,
): Promise<readonly number[] | null> {
  if (cri === null) return null
  const start = `${registry}/${repository}:home-`
  try {
    const tags = (await cri.listImages()).flatMap((it) => it.tags)
    const places = tags.filter((it) => it.startsWith(start)).map((it) => it.slice(start.length))
    return places.filter((it) => /^\d+$/.test(it)).map(Number)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    return null
  }
}
