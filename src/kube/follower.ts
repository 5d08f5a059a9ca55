import { backoff } from './backoff.ts'
import { type KubeClock, pause } from './clock.ts'
import type { Collection, WatchEvent } from './collection.ts'
import { asKubeError } from './failure.ts'
import { type FollowedObjects, KubeError, type KubeFailure, type KubeObject } from './kube-api.ts'
import { uidOf } from './read-object.ts'

/** A watch that held for so long is no sign that the API server is ill. */
const HELD_MS = 30_000
/** After a watch that ended as it should: a thousand nodes do not come at once. */
const AGAIN_MS = 1_000

/**
 * Lists a collection, watches it from there, and goes on where it was whenever the watch ends; lists again only where the
 * API server does not know the resource version any more. What is known stays known, with its age, whatever fails.
 * client-go: tools/cache/reflector.go.
 */
export class Follower {
  readonly #collection: Collection
  readonly #clock: KubeClock
  readonly #heard: (state: FollowedObjects) => void
  readonly #end = new AbortController()
  #objects: ReadonlyMap<string, KubeObject> | null = null
  /** null: to be listed. */
  #version: string | null = null
  /** It was listed before, and that resource version is gone: the cache may be older still. */
  #wantsNewest = false
  #asOf: number | null = null
  #failure: KubeFailure | null = null
  /** In a row. */
  #failures = 0

  constructor(collection: Collection, clock: KubeClock, heard: (state: FollowedObjects) => void) {
    this.#collection = collection
    this.#clock = clock
    this.#heard = heard
  }

  start(): this {
    void this.#run()
    return this
  }

  /** Nothing is heard any more. */
  stop(): void {
    this.#end.abort()
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const ms = await this.#round()
      await pause(this.#clock, ms, this.#end.signal)
    }
  }

  /** Follows until the connection ends. Fulfilled with the pause after it, in milliseconds. */
  async #round(): Promise<number> {
    const { signal } = this.#end
    let openedAt: number | null = null
    let error: KubeError
    try {
      const version = this.#version ?? (await this.#list())
      await this.#collection.watch(
        version,
        {
          onOpen: () => {
            openedAt = this.#clock.now()
            this.#live(null)
          },
          onEvents: (events) => this.#take(events),
        },
        signal,
      )
      error = new KubeError({ reason: 'unreachable', message: 'the watch ended early' })
    } catch (thrown) {
      error = asKubeError(thrown)
      if (error.failure.reason === 'gone') {
        this.#version = null
        this.#wantsNewest = true
      }
    }
    const now = this.#clock.now()
    // A connection that ends was there until then; one that went silent was not.
    if (openedAt !== null && error.failure.reason !== 'timeout') this.#asOf = now
    if (openedAt !== null && now - openedAt >= HELD_MS) {
      this.#failures = 0
      return AGAIN_MS * this.#clock.random()
    }
    this.#failures++
    // A watch that broke is nothing yet: whether there is another to be had, the next attempt shows.
    const isExpected = openedAt !== null || error.failure.reason === 'gone'
    if (!isExpected || this.#failures > 1) this.#tellFailure(error.failure)
    return backoff(error.failure.reason, this.#failures, error.retryAfter, this.#clock.random())
  }

  async #list(): Promise<string> {
    const { objects, version } = await this.#collection.list(this.#wantsNewest ? '' : '0', this.#end.signal)
    this.#version = version
    this.#wantsNewest = false
    this.#live(new Map(objects.map((it) => [uidOf(it, 'a list'), it])))
    return version
  }

  #take(events: readonly WatchEvent[]): void {
    let objects: Map<string, KubeObject> | null = null
    for (const event of events) {
      if (event.type !== 'at') {
        objects ??= new Map(this.#objects)
        const uid = uidOf(event.object, 'a watch')
        if (event.type === 'put') objects.set(uid, event.object)
        else objects.delete(uid)
      }
      this.#version = event.version
    }
    this.#live(objects)
  }

  /** The API server answers. `objects`: what is known from now on; null: no change. */
  #live(objects: ReadonlyMap<string, KubeObject> | null): void {
    this.#asOf = this.#clock.now()
    const isNews = objects !== null || this.#failure !== null
    if (objects !== null) this.#objects = objects
    this.#failure = null
    if (isNews) this.#tell()
  }

  #tellFailure(failure: KubeFailure): void {
    const isNews = failure.reason !== this.#failure?.reason || failure.message !== this.#failure.message
    this.#failure = failure
    if (isNews) this.#tell()
  }

  #tell(): void {
    if (this.#end.signal.aborted) return
    const asOf = this.#asOf === null ? null : new Date(this.#asOf).toISOString()
    this.#heard({ objects: this.#objects, asOf, failure: this.#failure })
  }
}
