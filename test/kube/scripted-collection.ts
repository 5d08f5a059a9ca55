import type { Collection, Listed, WatchEvent, WatchListener } from '../../src/kube/collection.ts'
import { KubeError, type KubeFailureReason } from '../../src/kube/kube-api.ts'

/** A collection without a wire: what is asked is counted, and what is answered is told by the test. */
export class ScriptedCollection implements Collection {
  /** `list 0`, `list`, `watch 7`. */
  readonly asked: string[] = []
  listed: Listed = { objects: [], version: '1' }
  /** null: it works. */
  failure: KubeError | null = null
  /** Refuses watches alone. */
  watchFailure: KubeError | null = null
  #listener: WatchListener | null = null
  #settle: { resolve(): void; reject(error: unknown): void } | null = null

  async list(from: '0' | ''): Promise<Listed> {
    this.asked.push(`list ${from}`.trim())
    if (this.failure !== null) throw this.failure
    return this.listed
  }

  watch(version: string, listener: WatchListener, signal: AbortSignal): Promise<void> {
    this.asked.push(`watch ${version}`)
    const failure = this.failure ?? this.watchFailure
    if (failure !== null) return Promise.reject(failure)
    listener.onOpen()
    this.#listener = listener
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      signal.addEventListener('abort', () => reject(fails('unreachable')))
    })
  }

  tell(...events: WatchEvent[]): void {
    this.#listener?.onEvents(events)
  }

  /** As at its timeout. */
  end(): void {
    this.#settle?.resolve()
  }

  break(error: KubeError): void {
    this.#settle?.reject(error)
  }
}

export function fails(reason: KubeFailureReason, retryAfter: number | null = null): KubeError {
  return new KubeError({ reason, message: `GET /pods: ${reason}` }, retryAfter)
}
