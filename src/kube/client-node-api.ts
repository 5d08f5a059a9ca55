import { type ApiExchange, type ApiRequest, readBody } from './api-exchange.ts'
import type { KubeClock } from './clock.ts'
import { ApiCollection, parseObject } from './collection.ts'
import { Follower } from './follower.ts'
import type { FollowedObjects, KubeApi, KubeObject, KubeQuery, PatchKind } from './kube-api.ts'
import { prune } from './read-object.ts'

/** Milliseconds, of a request that is no watch. */
const DEADLINE = 30_000
const LARGEST_ANSWER = 8 * 1024 * 1024

const PATCH_TYPES: Readonly<Record<PatchKind, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
}

/** The API server, over client-node's configuration and authentication. */
export class ClientNodeApi implements KubeApi {
  readonly #exchange: Pick<ApiExchange, 'send'>
  readonly #clock: KubeClock

  constructor(exchange: Pick<ApiExchange, 'send'>, clock: KubeClock) {
    this.#exchange = exchange
    this.#clock = clock
  }

  get(path: string, query: KubeQuery = {}, signal?: AbortSignal): Promise<KubeObject> {
    return this.#ask({ method: 'GET', path, query, signal })
  }

  create(path: string, body: KubeObject, signal?: AbortSignal): Promise<KubeObject> {
    return this.#ask({ method: 'POST', path, body: { type: 'application/json', value: body }, signal })
  }

  patch(path: string, kind: PatchKind, body: unknown, signal?: AbortSignal): Promise<KubeObject> {
    return this.#ask({ method: 'PATCH', path, body: { type: PATCH_TYPES[kind], value: body }, signal })
  }

  follow(path: string, selector: KubeQuery, heard: (state: FollowedObjects) => void): { stop(): void } {
    return new Follower(new ApiCollection(this.#exchange, this.#clock, path, selector), this.#clock, heard).start()
  }

  #ask(request: ApiRequest): Promise<KubeObject> {
    return this.#exchange.send(request, { head: DEADLINE, body: DEADLINE }, async (answer, title) =>
      prune(parseObject(await readBody(answer, LARGEST_ANSWER, title), title)),
    )
  }
}
