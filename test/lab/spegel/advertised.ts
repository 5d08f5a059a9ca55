import type { DaemonClient, NamespaceClient, Subscription } from '../../../src/containerd/client/daemon-client.ts'

/** Hears which keys this node has, and no longer has: digests, and whole names of tags. `registry`: of the image. */
export interface AdvertisedListener {
  onAdded(keys: readonly { key: string; registry: string }[]): void
  onRemoved(keys: readonly { key: string; registry: string }[]): void
}

/** containerd writes it on content that it fetched; Spegel advertises nothing else. */
const SOURCE_LABEL = 'containerd.io/distribution.source.'
const FILTERS = ['topic~="/images/create|/images/delete"', 'topic=="/content/create"']
/** The label comes after the content: it is looked for this often, with pauses of 10 to 100 ms. */
const LABEL_ATTEMPTS = 10

/** Follows the containerd of this node: what it holds at the start, and what changes. */
export class Advertised {
  readonly #k8s: NamespaceClient
  readonly #registries: ReadonlySet<string>
  readonly #listener: AdvertisedListener
  readonly #keys = new Map<string, string>()
  readonly #subscription: Subscription

  constructor(daemon: DaemonClient, registries: readonly string[], listener: AdvertisedListener) {
    this.#k8s = daemon.inNamespace('k8s.io')
    this.#registries = new Set(registries)
    this.#listener = listener
    this.#subscription = daemon.subscribe(FILTERS, {
      onEvent: (event) => {
        if (event.namespace !== 'k8s.io') return
        if (event.topic === '/content/create') void this.#addContent(event.digest)
        if (event.topic === '/images/create') this.#add(tagKeys(event.name))
        if (event.topic === '/images/delete') void this.#list()
      },
      onUp: () => void this.#list(),
      onDown: () => {},
    })
  }

  close(): void {
    this.#subscription.close()
  }

  async #list(): Promise<void> {
    const [images, contents] = await Promise.all([this.#k8s.images([]), this.#k8s.contents([])]).catch(() => [[], []])
    const keys = [
      ...images.flatMap(({ name }) => tagKeys(name)),
      ...contents.flatMap(({ digest, labels }) => contentKeys(digest, labels)),
    ]
    const present = new Set(keys.map(({ key }) => key))
    const gone = [...this.#keys].filter(([key]) => !present.has(key)).map(([key, registry]) => ({ key, registry }))
    for (const { key } of gone) this.#keys.delete(key)
    if (gone.length > 0) this.#listener.onRemoved(gone)
    this.#add(keys)
  }

  async #addContent(digest: string): Promise<void> {
    for (let attempt = 0; attempt < LABEL_ATTEMPTS; attempt += 1) {
      const info = await this.#k8s.content(digest).catch(() => null)
      if (info === null) return
      const keys = contentKeys(digest, info.labels)
      if (keys.length > 0) return this.#add(keys)
      await new Promise((resolve) => setTimeout(resolve, Math.min(10 * 2 ** attempt, 100)))
    }
  }

  #add(keys: readonly { key: string; registry: string }[]): void {
    const added = keys.filter(({ key, registry }) => this.#registries.has(registry) && !this.#keys.has(key))
    for (const { key, registry } of added) this.#keys.set(key, registry)
    if (added.length > 0) this.#listener.onAdded(added)
  }
}

/** Of `registry/repository:tag`; names by digest, and CRI's bare ids, are not advertised. */
function tagKeys(name: string): { key: string; registry: string }[] {
  const [, registry = ''] = /^([^/@]+)\/[^@]+:[^:/@]+$/.exec(name) ?? []
  return registry === '' ? [] : [{ key: name, registry }]
}

function contentKeys(digest: string, labels: ReadonlyMap<string, string>): { key: string; registry: string }[] {
  return [...labels.keys()]
    .filter((it) => it.startsWith(SOURCE_LABEL))
    .map((it) => ({ key: digest, registry: it.slice(SOURCE_LABEL.length) }))
}
