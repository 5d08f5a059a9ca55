import { readCriConfig } from '../../../src/containerd/client/cri-config-answer.ts'
import type {
  Container,
  ContentInfo,
  CriClient,
  CriImage,
  CriStatus,
  DaemonClient,
  DaemonEvent,
  DaemonPlugin,
  DaemonServer,
  EventListener,
  ImageRecord,
  Ingest,
  Lease,
  NamespaceClient,
  PullOptions,
  Snapshot,
  Subscription,
} from '../../../src/containerd/client/daemon-client.ts'
import { closedError, DaemonRefusal, unreachableError } from '../../../src/containerd/client/daemon-error.ts'
import type { Witness, WitnessTask } from '../../../src/containerd/witness.ts'
import type { PullpathError } from '../../../src/errors.ts'
import { matches } from './filter.ts'

/** An image that a registry has: what a pull brings. */
export interface OriginImage {
  manifest: { digest: string; size: number; mediaType: string; bytes?: Uint8Array }
  config: { digest: string; size: number }
  layers: readonly { digest: string; size: number; chainId: string }[]
}

interface Store {
  content: Map<string, ContentInfo>
  ingests: Ingest[]
  images: Map<string, ImageRecord>
  snapshots: Map<string, Snapshot>
  leases: Map<string, Lease>
  /** By lease: the digests that it keeps. */
  held: Map<string, Set<string>>
  containers: Map<string, Container>
  /** The bytes of manifests. */
  bytes: Map<string, Uint8Array>
}

const CRI_NAMESPACE = 'k8s.io'
const SNAPSHOTTER = 'overlayfs'
const UNKNOWN = 2
const INVALID_ARGUMENT = 3
const NOT_FOUND = 5
const UNIMPLEMENTED = 12
const SOCKET = 'memory'

/** A daemon in memory: what the agent needs of containerd, with the state in the open for tests to set. */
export class MemoryDaemon {
  version = '2.1.9+unknown'
  startedAt = Date.UTC(2026, 10, 25, 4)
  /** What the verbose Status of CRI shows as `config`, as JSON. */
  criConfig = '{}'
  /** Whether the CRI plugin loaded: without it its services are not there. */
  hasCri = true
  conditions: CriStatus['conditions'] = [{ type: 'RuntimeReady', isTrue: true, reason: '', message: '' }]
  server: DaemonServer = { uuid: '329efafd-d8b6-46de-a6f9-0a6527932d98', pid: 4711, deprecations: [] }
  plugins: DaemonPlugin[] = [
    { type: 'io.containerd.cri.v1', id: 'images', exports: new Map(), initError: null },
    { type: 'io.containerd.content.v1', id: 'content', exports: new Map([['root', '/var/lib']]), initError: null },
  ]
  /** By reference: what can be pulled. */
  readonly origin = new Map<string, OriginImage>()
  /** Set: a pull fails with these words. */
  pullFailure: string | null = null
  /** Nothing keeps layers once they are unpacked. */
  discardsLayers = false
  /** What happens before a pull comes to its end. */
  beforePull: (reference: string, options: PullOptions) => Promise<void> = async () => {}
  /** What a witness is told. */
  witness: Witness = { requests: [], manifests: [], error: null, cutShort: null }
  /** The one that was asked for last. */
  witnessTask: WitnessTask | null = null
  /** Set: every call fails with it, and subscriptions are down. */
  #failure: PullpathError | null = null
  readonly #stores = new Map<string, Store>()
  readonly #subscriptions = new Set<MemorySubscription>()

  get failure(): PullpathError | null {
    return this.#failure
  }

  /** Takes the daemon away, or brings it back with null. */
  set failure(failure: PullpathError | null) {
    this.#failure = failure
    for (const subscription of this.#subscriptions) subscription.hear(failure)
  }

  client(): DaemonClient {
    return new MemoryDaemonClient(this)
  }

  store(namespace: string): Store {
    let store = this.#stores.get(namespace)
    if (store === undefined) {
      store = {
        content: new Map(),
        ingests: [],
        images: new Map(),
        snapshots: new Map(),
        leases: new Map(),
        held: new Map(),
        containers: new Map(),
        bytes: new Map(),
      }
      this.#stores.set(namespace, store)
    }
    return store
  }

  subscribe(filters: readonly string[], listener: EventListener): Subscription {
    const subscription = new MemorySubscription(filters, listener, () => this.#subscriptions.delete(subscription))
    this.#subscriptions.add(subscription)
    subscription.hear(this.#failure)
    return subscription
  }

  emit(event: DaemonEvent): void {
    for (const subscription of this.#subscriptions) subscription.pass(event)
  }

  pull(reference: string): string {
    if (this.pullFailure !== null) {
      throw new DaemonRefusal('runtime.v1.ImageService/PullImage', { code: UNKNOWN, details: this.pullFailure })
    }
    const image = this.origin.get(reference)
    if (image === undefined) {
      const details = `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}": ${reference}: not found`
      throw new DaemonRefusal('runtime.v1.ImageService/PullImage', { code: NOT_FOUND, details })
    }
    const { content, images, snapshots, bytes } = this.store(CRI_NAMESPACE)
    if (image.manifest.bytes !== undefined) bytes.set(image.manifest.digest, image.manifest.bytes)
    const now = Date.now()
    const kept = [image.config, ...(this.discardsLayers ? [] : image.layers)]
    const references = kept.map(({ digest }, index) => [`containerd.io/gc.ref.content.${index}`, digest] as const)
    for (const { digest, size } of [image.manifest, image.config, ...image.layers]) {
      const labels = new Map(digest === image.manifest.digest ? references : [])
      content.set(digest, { digest, size, createdAt: now, updatedAt: now, labels })
      this.emit({ at: now, namespace: CRI_NAMESPACE, topic: '/content/create', digest, size })
    }
    for (const { chainId } of image.layers) {
      const key = `extract-${now} ${chainId}`
      this.emit({ at: now, namespace: CRI_NAMESPACE, topic: '/snapshot/prepare', key, parent: '' })
      snapshots.set(chainId, { name: chainId, parent: '', kind: 'committed', createdAt: now })
      this.emit({ at: now, namespace: CRI_NAMESPACE, topic: '/snapshot/commit', key, name: chainId })
    }
    const repository = reference.replace(/:[^:/]*$/, '')
    for (const name of [reference, `${repository}@${image.manifest.digest}`, image.config.digest]) {
      images.set(name, { name, labels: new Map(), target: image.manifest, createdAt: now, updatedAt: now })
      this.emit({ at: now, namespace: CRI_NAMESPACE, topic: '/images/create', name })
    }
    return image.config.digest
  }

  /** CRI: every record of the same id, and what nothing else needs. */
  remove(reference: string): void {
    const { images } = this.store(CRI_NAMESPACE)
    const target = images.get(reference)?.target
    for (const [name, image] of [...images]) if (image.target === target) this.delete(CRI_NAMESPACE, name)
  }

  delete(namespace: string, name: string): boolean {
    const store = this.store(namespace)
    if (!store.images.delete(name)) return false
    this.emit({ at: Date.now(), namespace, topic: '/images/delete', name })
    const kept = new Set([...store.images.values()].map((it) => it.target.digest))
    for (const image of this.origin.values()) {
      if (kept.has(image.manifest.digest)) continue
      for (const { digest } of [image.manifest, image.config, ...image.layers]) store.content.delete(digest)
      for (const { chainId } of image.layers) store.snapshots.delete(chainId)
    }
    return true
  }

  criImages(): CriImage[] {
    const byId = new Map<string, CriImage & { tags: string[]; digests: string[] }>()
    for (const { name, target } of this.store(CRI_NAMESPACE).images.values()) {
      const origin = [...this.origin.values()].find((it) => it.manifest.digest === target.digest)
      const id = origin?.config.digest ?? target.digest
      const image = byId.get(id) ?? { id, tags: [], digests: [], size: target.size, isPinned: false }
      if (name.includes('@')) image.digests.push(name)
      else if (name !== id) image.tags.push(name)
      byId.set(id, image)
    }
    return [...byId.values()]
  }
}

class MemorySubscription implements Subscription {
  readonly #filters: readonly string[]
  readonly #listener: EventListener
  readonly #forget: () => void
  #isUp: boolean | null = null
  #downSince: number | null = null

  constructor(filters: readonly string[], listener: EventListener, forget: () => void) {
    this.#filters = filters
    this.#listener = listener
    this.#forget = forget
  }

  hear(failure: PullpathError | null): void {
    if (failure === null && this.#isUp !== true) this.#listener.onUp(this.#downSince)
    if (failure !== null && this.#isUp !== false) {
      if (this.#isUp === true) this.#downSince = Date.now()
      this.#listener.onDown(failure)
    }
    this.#isUp = failure === null
  }

  pass(event: DaemonEvent): void {
    const isWanted = matches(this.#filters, 'subscribe', (name) => String(Reflect.get(event, name) ?? ''))
    if (this.#isUp === true && isWanted) this.#listener.onEvent(event)
  }

  close(): void {
    this.#forget()
  }
}

class MemoryDaemonClient implements DaemonClient {
  readonly #daemon: MemoryDaemon
  readonly #subscriptions: Subscription[] = []
  #isClosed = false
  readonly cri: CriClient

  constructor(daemon: MemoryDaemon) {
    this.#daemon = daemon
    const ask = <T>(answer: () => T) => this.#ask(answer)
    this.cri = {
      version: () => ask(() => ({ name: 'containerd', version: daemon.version })),
      status: () => ask(() => statusOf(daemon)),
      pullImage: async (reference, _deadline, options = {}) => {
        await ask(() => unlessCancelled(options.signal, () => daemon.beforePull(reference, options)))
        return ask(() => daemon.pull(reference))
      },
      imageStatus: (reference) =>
        ask(() => daemon.criImages().find((it) => it.id === reference || it.tags.includes(reference)) ?? null),
      removeImage: (reference) => ask(() => daemon.remove(reference)),
      listImages: () => ask(() => daemon.criImages()),
      imageFilesystems: () => ask(() => [{ mountpoint: '/var/lib/containerd', usedBytes: 0 }]),
    }
  }

  listeningSince(): Promise<number> {
    return this.#ask(() => this.#daemon.startedAt)
  }

  version(): Promise<{ version: string; revision: string }> {
    return this.#ask(() => ({ version: this.#daemon.version, revision: '' }))
  }

  server(): Promise<DaemonServer> {
    return this.#ask(() => this.#daemon.server)
  }

  plugins(filters: readonly string[]): Promise<DaemonPlugin[]> {
    return this.#ask(() =>
      this.#daemon.plugins.filter((it) => matches(filters, 'plugins', (name) => String(Reflect.get(it, name)))),
    )
  }

  subscribe(filters: readonly string[], listener: EventListener): Subscription {
    if (this.#isClosed) throw closedError(SOCKET)
    const subscription = this.#daemon.subscribe(filters, listener)
    this.#subscriptions.push(subscription)
    return subscription
  }

  inNamespace(namespace: string): NamespaceClient {
    return new MemoryNamespaceClient(this.#daemon, namespace, (answer) => this.#ask(answer))
  }

  close(): void {
    this.#isClosed = true
    for (const subscription of this.#subscriptions) subscription.close()
  }

  async #ask<T>(answer: () => T): Promise<T> {
    if (this.#isClosed) throw closedError(SOCKET)
    if (this.#daemon.failure !== null) throw this.#daemon.failure
    return answer()
  }
}

class MemoryNamespaceClient implements NamespaceClient {
  readonly #daemon: MemoryDaemon
  readonly #namespace: string
  readonly #ask: <T>(answer: () => T) => Promise<T>

  constructor(daemon: MemoryDaemon, namespace: string, ask: <T>(answer: () => T) => Promise<T>) {
    this.#daemon = daemon
    this.#namespace = namespace
    this.#ask = ask
  }

  content(digest: string): Promise<ContentInfo | null> {
    return this.#ask(() => {
      if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw refusal('content', `"${digest}" failed validation`)
      return this.#store().content.get(digest) ?? null
    })
  }

  contents(filters: readonly string[]): Promise<ContentInfo[]> {
    return this.#listed(filters, () => this.#store().content.values())
  }

  readContent(digest: string, most: number): Promise<Uint8Array | null> {
    return this.#ask(() => this.#store().bytes.get(digest)?.subarray(0, most) ?? null)
  }

  ingests(filters: readonly string[]): Promise<Ingest[]> {
    return this.#listed(filters, () => this.#store().ingests)
  }

  image(name: string): Promise<ImageRecord | null> {
    return this.#ask(() => this.#store().images.get(name) ?? null)
  }

  images(filters: readonly string[]): Promise<ImageRecord[]> {
    return this.#listed(filters, () => this.#store().images.values())
  }

  deleteImage(name: string): Promise<boolean> {
    return this.#ask(() => this.#daemon.delete(this.#namespace, name))
  }

  snapshot(snapshotter: string, key: string): Promise<Snapshot | null> {
    return this.#ask(() => {
      if (snapshotter !== SNAPSHOTTER) throw refusal('snapshot', `snapshotter not loaded: ${snapshotter}`)
      return this.#store().snapshots.get(key) ?? null
    })
  }

  leases(filters: readonly string[]): Promise<Lease[]> {
    return this.#listed(filters, () => this.#store().leases.values())
  }

  createLease(id: string, labels: ReadonlyMap<string, string>): Promise<void> {
    return this.#ask(() => {
      this.#store().leases.set(id, { id, createdAt: Date.now(), labels })
    })
  }

  leaseResources(id: string): Promise<{ id: string; type: string }[] | null> {
    return this.#ask(() => {
      const { leases, held } = this.#store()
      if (!leases.has(id)) return null
      return [...(held.get(id) ?? [])].map((digest) => ({ id: digest, type: 'content' }))
    })
  }

  container(id: string): Promise<Container | null> {
    return this.#ask(() => this.#store().containers.get(id) ?? null)
  }

  deleteLease(id: string): Promise<boolean> {
    return this.#ask(() => this.#store().leases.delete(id))
  }

  witness(task: WitnessTask): Promise<Witness> {
    return this.#ask(() => {
      this.#daemon.witnessTask = task
      return this.#daemon.witness
    })
  }

  #listed<T extends object>(filters: readonly string[], all: () => Iterable<T>): Promise<T[]> {
    const wanted = (it: T) => matches(filters, 'list', (name) => String(Reflect.get(it, name)))
    return this.#ask(() => {
      matches(filters, 'list', () => '')
      return [...all()].filter(wanted)
    })
  }

  #store(): Store {
    return this.#daemon.store(this.#namespace)
  }
}

/** The caller need not wait for what is under way. */
function unlessCancelled(signal: AbortSignal | undefined, task: () => Promise<void>): Promise<void> {
  if (signal === undefined) return task()
  const cancelled = unreachableError(SOCKET, 'the call of PullImage was broken off')
  if (signal.aborted) return Promise.reject(cancelled)
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(cancelled), { once: true })
    task().then(resolve, reject)
  })
}

function statusOf({ hasCri, conditions, criConfig }: MemoryDaemon): CriStatus {
  if (hasCri) return { conditions, config: readCriConfig(criConfig) }
  const details = 'unknown service runtime.v1.RuntimeService'
  throw new DaemonRefusal('runtime.v1.RuntimeService/Status', { code: UNIMPLEMENTED, details })
}

function refusal(path: string, details: string): DaemonRefusal {
  return new DaemonRefusal(path, { code: INVALID_ARGUMENT, details })
}
