import { type Heard, NOT_HEARD } from '../drift/cluster-facts.ts'
import { asKubeError } from './failure.ts'
import type { FollowedObjects, KubeApi, KubeFailure, KubeObject, KubeQuery } from './kube-api.ts'

/** One collection that is followed, and what its objects say; equal readings stay the same object. */
export class Followed<T> {
  readonly #api: KubeApi
  readonly #read: (objects: readonly KubeObject[]) => T
  readonly #onNews: () => void
  readonly #onFault: (error: unknown) => void
  #following: { key: string; path: string; stop(): void } | null = null
  #text = ''
  #objects: readonly KubeObject[] | null = null
  heard: Heard<T> = NOT_HEARD
  /** Why it is not followed at this moment; null: it is, or nothing was followed yet. */
  failure: KubeFailure | null = null

  /**
   * `read`: makes something of the objects; called again only for other objects or by `again`. `onFault` hears why it
   * could not, which is a fault of Pullpath itself.
   */
  constructor(
    api: KubeApi,
    read: (objects: readonly KubeObject[]) => T,
    onNews: () => void,
    onFault: (error: unknown) => void,
  ) {
    this.#api = api
    this.#read = read
    this.#onNews = onNews
    this.#onFault = onFault
  }

  /** Its path on the API server; null: nothing is followed. */
  get path(): string | null {
    return this.#following?.path ?? null
  }

  get objects(): readonly KubeObject[] | null {
    return this.#objects
  }

  /** Whether anything was heard, be it a failure. */
  get isHeard(): boolean {
    return this.heard.value !== null || this.failure !== null
  }

  /** Follows this from now on; what was followed before is forgotten unless it is the same. */
  follow(path: string, selector: KubeQuery): void {
    const key = JSON.stringify([path, selector])
    if (this.#following?.key === key) return
    this.stop()
    // Whoever hears at once, while this still follows nothing, must not be taken for one that was stopped.
    const following = { key, path, stop: () => {} }
    this.#following = following
    const follower = this.#api.follow(path, selector, (state) => {
      if (this.#following === following) this.#take(state)
    })
    following.stop = () => follower.stop()
  }

  /** Follows nothing any more, and forgets what was heard. */
  stop(): void {
    this.#following?.stop()
    this.#following = null
    this.#objects = null
    this.#text = ''
    this.heard = NOT_HEARD
    this.failure = null
  }

  /** Reads the same objects again: something beside them has changed. */
  again(): void {
    if (this.#objects !== null) this.#accept(this.#objects)
  }

  #take({ objects, asOf, failure }: FollowedObjects): void {
    this.failure = failure
    this.heard = {
      value: this.heard.value,
      knownUntil: failure === null ? null : asOf,
      failure: failure?.message ?? null,
    }
    if (objects !== null) {
      this.#objects = [...objects.values()]
      this.#accept(this.#objects)
    }
    this.#onNews()
  }

  #accept(objects: readonly KubeObject[]): void {
    let value: T
    try {
      value = this.#read(objects)
    } catch (error) {
      this.failure = asKubeError(error).failure
      this.heard = { ...this.heard, failure: this.failure.message }
      this.#onFault(error)
      return
    }
    const text = JSON.stringify(value)
    if (text === this.#text && this.heard.value !== null) return
    this.#text = text
    this.heard = { ...this.heard, value }
  }
}
