import type { BlobSource, Call, RegistryClient } from '../registry/registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { type CanaryImage, type CanaryRecipe, canarySize, makeCanaryImage } from './canary-image.ts'
import { CANARY_CLASSES, type CanaryClass, canaryTag, PROOF_SIZE } from './canary-names.ts'

/** What a canary consists of. */
export interface CanaryOrder {
  repository: string
  /** Bytes of each image of `tag` and `home`. */
  size: number
  layers: number
  /** Of each class. */
  tags: number
}

/** How long a registry may take to keep what it was sent; with a slow store behind it that is a while. Milliseconds. */
const PROCESSING = 300_000
/** A push of some GiB over a slow line ends; one that has stopped ends by the limit of a pause. Milliseconds. */
const TOTAL = 24 * 3_600_000

/** One push of a whole canary, which can be looked at while it runs. What is there already is not sent again. */
export class CanaryPush {
  readonly counts: Record<CanaryClass, { pushed: number; found: number }> = {
    tag: { pushed: 0, found: 0 },
    home: { pushed: 0, found: 0 },
    proof: { pushed: 0, found: 0 },
  }
  /** Bytes of all layers. */
  readonly total: number
  readonly #client: RegistryClient
  readonly #recipes: readonly (CanaryRecipe & { class: CanaryClass })[]
  readonly #call: Call & { signal: AbortSignal }
  #tag = ''
  /** Bytes of the tags that are done with. */
  #settled = 0
  /** Bytes of the tag under way that are at the registry. */
  #kept = 0
  /** Bytes of the blob under way. */
  #sending = 0
  #sent = 0

  constructor(client: RegistryClient, order: CanaryOrder, signal: AbortSignal) {
    this.#client = client
    this.#recipes = recipesOf(order)
    this.total = this.#recipes.reduce((total, recipe) => total + canarySize(recipe), 0)
    this.#call = { signal, limits: { processing: PROCESSING, total: TOTAL } }
  }

  /** The tag under way. */
  get tag(): string {
    return this.#tag
  }

  /** Bytes of layers that are known to be at the registry, or are on their way. */
  get done(): number {
    return this.#settled + this.#kept + this.#sending
  }

  /** Bytes of layers and configurations that were sent. */
  get sent(): number {
    return this.#sent
  }

  /** Rejects with a RegistryError, or with the signal's reason; what was pushed until then stays, and is found again. */
  async run(): Promise<void> {
    for (const recipe of this.#recipes) {
      this.#tag = recipe.tag
      const image = await makeCanaryImage(recipe, this.#call.signal)
      if (await this.#isThere(recipe.repository, image)) this.counts[recipe.class].found++
      else {
        await this.#push(recipe.repository, image)
        this.counts[recipe.class].pushed++
      }
      this.#settled += canarySize(recipe)
      this.#kept = 0
    }
  }

  async #isThere(repository: string, { tag, manifest }: CanaryImage): Promise<boolean> {
    try {
      const { digest } = await this.#client.headManifest(repository, tag, this.#call)
      return digest === manifest.digest
    } catch (error) {
      if (error instanceof RegistryError && error.reason === 'not-found') return false
      throw error
    }
  }

  async #push(repository: string, { tag, layers, config, manifest }: CanaryImage): Promise<void> {
    for (const layer of layers) {
      await this.#pushBlob(repository, layer)
      this.#kept += layer.size
      this.#sending = 0
    }
    await this.#pushBlob(repository, config)
    this.#sending = 0
    await this.#client.pushManifest(repository, tag, manifest, this.#call)
  }

  async #pushBlob(repository: string, blob: BlobSource): Promise<void> {
    const source = {
      ...blob,
      open: () => {
        this.#sending = 0 // A second time, where a token has expired.
        return blob.open()
      },
      onSent: (bytes: number) => {
        this.#sending += bytes
        this.#sent += bytes
      },
    }
    await this.#client.pushBlob(repository, source, this.#call)
  }
}

/** Small ones first: what is refused is refused before much was made and sent. */
function recipesOf({ repository, size, layers, tags }: CanaryOrder) {
  const shapes = { tag: { size, layers }, home: { size, layers }, proof: { size: PROOF_SIZE, layers: 1 } }
  return [...CANARY_CLASSES].reverse().flatMap((name) =>
    Array.from({ length: tags }, (_, place) => ({
      class: name,
      repository,
      tag: canaryTag(name, place),
      ...shapes[name],
    })),
  )
}
