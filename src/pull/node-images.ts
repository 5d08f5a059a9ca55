import type { CriClient, CriImage, NamespaceClient } from '../containerd/client/daemon-client.ts'
import { type ImageReference, isNameIn } from '../containerd/reference.ts'
import { PullpathError } from '../errors.ts'
import type { Subject } from './subject.ts'

/** CRI keeps its images apart from those of others. */
export const CRI_NAMESPACE = 'k8s.io'

/** What is to be pulled, or was. `imageId` null: CRI does not know it. */
type SubjectImage = Pick<Subject, 'reference'> & { imageId: string | null }

/** The images of this node that an image to be pulled has to do with: by its reference, or by its id. */
export class NodeImages {
  readonly #cri: CriClient
  readonly #store: NamespaceClient
  readonly #subject: SubjectImage
  #found: readonly CriImage[] = []
  /** A name that CRI does not know: of a pull that broke off after its image was made (transfer service). */
  #isUnfinished = false

  constructor(cri: CriClient, store: NamespaceClient, subject: SubjectImage) {
    this.#cri = cri
    this.#store = store
    this.#subject = subject
  }

  /** `shared`: names outside its repository mean the same image, or somebody pinned it. */
  async there(): Promise<'nothing' | 'own' | 'shared'> {
    const { imageId, reference } = this.#subject
    const all = await this.#cri.listImages()
    this.#found = all.filter((it) => it.id === imageId || namesOf(it).includes(reference.image))
    this.#isUnfinished = this.#found.length === 0 && (await this.#store.image(reference.image)) !== null
    if (this.#isUnfinished) return 'own'
    if (this.#found.length === 0) return 'nothing'
    return this.#found.some((it) => it.isPinned || this.#othersOf(it).length > 0) ? 'shared' : 'own'
  }

  /** Removes what `there` found. CRI removes whatever has the same id: it must not be shared. */
  async remove(): Promise<void> {
    for (const { id } of this.#found) await this.#cri.removeImage(id)
    if (this.#isUnfinished) await this.#store.deleteImage(this.#subject.reference.image)
  }

  /**
   * Afterwards the node is as before: an image that somebody else refers to by now is left to them, and loses the names
   * alone by which it was pulled. Where the daemon is away it stays: the kubelet's collection of garbage removes it.
   */
  async removeWhatWasPulled(): Promise<void> {
    await unlessAway(async () => {
      const there = await this.there()
      if (there === 'own') await this.remove()
      else if (there === 'shared') await this.#forget()
    })
  }

  async #forget(): Promise<void> {
    const { image } = this.#subject.reference
    await this.#store.deleteImage(image)
    const own = this.#found.filter((it) => namesOf(it).includes(image))
    // Another tag of the repository stands by the same digest.
    if (own.some(({ tags }) => tags.some((it) => it !== image && this.#isOwn(it)))) return
    for (const name of own.flatMap((it) => it.digests)) if (this.#isOwn(name)) await this.#store.deleteImage(name)
  }

  #othersOf(image: CriImage): string[] {
    return namesOf(image).filter((it) => !this.#isOwn(it))
  }

  #isOwn(name: string): boolean {
    return isNameIn(name, this.#subject.reference)
  }
}

function namesOf({ tags, digests }: CriImage): string[] {
  return [...tags, ...digests]
}

/** Whom the images of a node are asked of. */
type Parties = { cri: CriClient; store: NamespaceClient }

/** Removes the canary, as long as nothing else means the same image. Where the daemon is away it stays. */
export async function removeCanary(parties: Parties, reference: ImageReference): Promise<void> {
  await unlessAway(async () => {
    const images = await imagesOf(parties, reference)
    if ((await images.there()) === 'own') await images.remove()
  })
}

/** As `removeWhatWasPulled`, of an image whose id is not known beforehand. */
export async function removeAgain(parties: Parties, reference: ImageReference): Promise<void> {
  await unlessAway(async () => (await imagesOf(parties, reference)).removeWhatWasPulled())
}

async function imagesOf({ cri, store }: Parties, reference: ImageReference): Promise<NodeImages> {
  const status = await cri.imageStatus(reference.image)
  return new NodeImages(cri, store, { reference, imageId: status?.id ?? null })
}

async function unlessAway(task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
  }
}
