import type { DaemonClient, NamespaceClient, Subscription } from '../containerd/client/daemon-client.ts'
import { isNameIn } from '../containerd/reference.ts'
import { chainIdIn } from './pull-marks.ts'
import type { PullProgress } from './pull-record.ts'
import type { Subject } from './subject.ts'

/**
 * How often it is looked what is being written, in milliseconds: the manifest, which ends the resolve, is there for a
 * few; what takes longer than a second is looked at seldom.
 */
const LOOKS = { first: 2, next: 50, firstSecond: 1_000, later: 100 }
const EVENTS = ['topic~="^/images/create"', 'topic~="^/snapshot/(prepare|commit)"']

/** Looks at what containerd does while it pulls one image. Errors of the daemon are the pull's to tell. */
export class PullWatch {
  /** Milliseconds since the epoch; see PullMarks. */
  readonly begun = new Map<string, number>()
  readonly prepared = new Map<string, number>()
  readonly committed = new Map<string, number>()
  /** Whether nothing was seen of any other pull. */
  alone = true
  readonly #client: DaemonClient
  readonly #store: NamespaceClient
  readonly #subject: Subject
  readonly #onProgress: (progress: PullProgress) => void
  #subscription: Subscription | null = null
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(
    client: DaemonClient,
    {
      store,
      subject,
      onProgress,
    }: { store: NamespaceClient; subject: Subject; onProgress: (it: PullProgress) => void },
  ) {
    this.#client = client
    this.#store = store
    this.#subject = subject
    this.#onProgress = onProgress
  }

  /** Resolves when events are heard, or when it is certain that they are not now. */
  async start(): Promise<void> {
    const heard = Promise.withResolvers<void>()
    const { reference, imageId } = this.#subject
    const isOwn = (name: string) => name === imageId || isNameIn(name, reference)
    this.#subscription = this.#client.subscribe(EVENTS, {
      onUp: () => heard.resolve(),
      onDown: () => heard.resolve(),
      onEvent: (event) => {
        if (event.topic === '/images/create') {
          if (!isOwn(event.name)) this.alone = false
        } else if (event.topic === '/snapshot/commit') this.committed.set(event.name, event.at)
        else if (event.topic === '/snapshot/prepare') this.#notePrepared(event.key, event.at)
      },
    })
    await heard.promise
    void this.#look(performance.now())
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#subscription?.close()
  }

  /** A second attempt at a layer does not count. */
  #notePrepared(key: string, at: number): void {
    const chainId = chainIdIn(key)
    if (chainId !== null && !this.prepared.has(chainId)) this.prepared.set(chainId, at)
  }

  async #look(since: number): Promise<void> {
    try {
      for (const { ref, startedAt, offset } of await this.#store.ingests([])) {
        const object = this.#subject.objects.find(({ digest }) => ref.endsWith(digest))
        if (object === undefined) this.alone = false
        else {
          if (startedAt !== null && !this.begun.has(object.digest)) this.begun.set(object.digest, startedAt)
          this.#onProgress({ digest: object.digest, phase: 'transfer', bytes: offset, total: object.size })
        }
      }
    } catch {
      // The daemon is away: the pull says so.
    }
    if (this.#isStopped) return
    const isEarly = performance.now() - since < LOOKS.firstSecond
    const pause = isEarly ? (this.begun.size === 0 ? LOOKS.first : LOOKS.next) : LOOKS.later
    this.#timer = setTimeout(() => void this.#look(since), pause)
  }
}
