import type { CriClient, CriImage, DaemonClient, NamespaceClient } from '../containerd/client/daemon-client.ts'
import type { ImageReference } from '../containerd/reference.ts'
import { PullpathError } from '../errors.ts'
import type { Subject } from './subject.ts'

/** CRI keeps its images apart from those of others. */
export const CRI_NAMESPACE = 'k8s.io'

/** The images of this node that an image to be pulled has to do with: by its reference, or by its id. */
export class NodeImages {
  readonly #cri: CriClient
  readonly #store: NamespaceClient
  readonly #subject: Pick<Subject, 'imageId' | 'reference'>
  #found: readonly CriImage[] = []

  constructor(cri: CriClient, store: NamespaceClient, subject: Pick<Subject, 'imageId' | 'reference'>) {
    this.#cri = cri
    this.#store = store
    this.#subject = subject
  }

  /** `shared`: names outside its repository mean the same image, or somebody pinned it. */
  async there(): Promise<'nothing' | 'own' | 'shared'> {
    const { imageId, reference } = this.#subject
    const all = await this.#cri.listImages()
    this.#found = all.filter((it) => it.id === imageId || namesOf(it).includes(reference.image))
    if (this.#found.length === 0) return 'nothing'
    return this.#found.some((it) => it.isPinned || this.#othersOf(it).length > 0) ? 'shared' : 'own'
  }

  /** Removes what `there` found. CRI removes whatever has the same id: it must not be shared. */
  async remove(): Promise<void> {
    for (const { id } of this.#found) await this.#cri.removeImage(id)
  }

  /** Afterwards the node is as before: an image that somebody else refers to by now is left to them. */
  async removeWhatWasPulled(): Promise<void> {
    try {
      const there = await this.there()
      if (there === 'own') await this.remove()
      else if (there === 'shared') await this.#store.deleteImage(this.#subject.reference.image)
    } catch (error) {
      // The daemon is away: the kubelet's collection of garbage removes it.
      if (!(error instanceof PullpathError)) throw error
    }
  }

  #othersOf(image: CriImage): string[] {
    const { registry, repository } = this.#subject.reference
    const own = `${registry}/${repository}`
    return namesOf(image).filter((it) => !it.startsWith(`${own}:`) && !it.startsWith(`${own}@`))
  }
}

function namesOf({ tags, digests }: CriImage): string[] {
  return [...tags, ...digests]
}

/** Removes the canary, as long as nothing else means the same image. Where the daemon is away it stays. */
export async function removeCanary(client: DaemonClient, reference: ImageReference): Promise<void> {
  try {
    const status = await client.cri.imageStatus(reference.image)
    if (status === null) return
    const images = new NodeImages(client.cri, client.inNamespace(CRI_NAMESPACE), { reference, imageId: status.id })
    if ((await images.there()) === 'own') await images.remove()
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
  }
}
