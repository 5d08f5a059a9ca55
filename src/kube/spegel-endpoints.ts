import type { ClusterMembers, MemberPod } from '../drift/cluster-members.ts'
import { podsIn } from './endpoint-slices.ts'
import { type KubeApi, KubeError, type KubeFailure } from './kube-api.ts'
import { listAt } from './kube-fields.ts'
import type { ObjectPlace } from './spegel-place.ts'

export interface SpegelEndpointsOptions {
  /** Where Spegel's DaemonSet is; its service is beside it. */
  place(): ObjectPlace
  /** How long the nodes are believed to be the same when they cannot be read. Milliseconds. */
  keep: number
  /** They are read no more often than this, whoever asks. Milliseconds. */
  pause: number
  /** Hears of each change: why they cannot be read; null: they can again. */
  onFailure(failure: KubeFailure | null): void
  now?: () => number
}

/** An API server that does not answer is not waited for longer. Milliseconds. */
const PATIENCE = 10_000

/**
 * The nodes that run Spegel, from the EndpointSlices of its headless service, which the chart names after the DaemonSet
 * (0.7.4: templates/service.yaml): one request, whatever the number of nodes,
 * answered from the API server's cache (`resourceVersion=0`, without `limit`).
 */
export class SpegelEndpoints {
  readonly #api: Pick<KubeApi, 'get'>
  readonly #options: SpegelEndpointsOptions
  readonly #now: () => number
  /** `pods`: those that were there, without those that were gone. */
  #last: { at: number; members: ClusterMembers } | null = null
  #asked = Number.NEGATIVE_INFINITY
  #failure: string | null = null

  constructor(api: Pick<KubeApi, 'get'>, options: SpegelEndpointsOptions) {
    this.#api = api
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Never rejects. null: they are not known, or were read for the last time too long ago. */
  async read(signal: AbortSignal): Promise<ClusterMembers | null> {
    const { pause } = this.#options
    const now = this.#now()
    // A clock that was set back must not keep them from being read.
    if (now < this.#asked || now >= this.#asked + pause) {
      this.#asked = now
      await this.#refresh(signal)
    }
    return this.known()
  }

  /** As they were read last, if that is not too long ago; nobody is asked. */
  known(): ClusterMembers | null {
    const isKept = this.#last !== null && Math.abs(this.#now() - this.#last.at) <= this.#options.keep
    return isKept ? (this.#last?.members ?? null) : null
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { onFailure } = this.#options
    const { namespace, name } = this.#options.place()
    const service = `${name}-bootstrap`
    try {
      const slices = await this.#api.get(
        `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
        { labelSelector: `kubernetes.io/service-name=${service}`, resourceVersion: '0' },
        AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
      )
      const { pods, unnamed } = podsIn(listAt(slices, 'items'))
      if (pods.length + unnamed === 0) {
        const message = `the service ${service} in the namespace ${namespace} has no endpoints: is Spegel's DaemonSet called ${name}?`
        throw new KubeError({ reason: 'not-found', message })
      }
      const at = this.#now()
      const members = { pods: this.#withGone(pods), unnamed, asOf: new Date(at).toISOString() }
      this.#last = { at, members }
      if (this.#failure !== null) onFailure(null)
      this.#failure = null
    } catch (error) {
      if (!(error instanceof KubeError)) throw error
      if (signal.aborted) return
      if (this.#failure !== error.failure.reason) onFailure(error.failure)
      this.#failure = error.failure.reason
    }
  }

  /** A pod that was there a moment ago may be on its way back, and its node has what it had. */
  #withGone(pods: readonly Omit<MemberPod, 'isGone'>[]): MemberPod[] {
    const there = pods.map((it) => ({ ...it, isGone: false }))
    const nodes = new Set(pods.map((it) => it.node))
    const addresses = new Set(pods.map((it) => it.address))
    const before =
      this.#last?.members.pods.filter((it) => !it.isGone && !nodes.has(it.node) && !addresses.has(it.address)) ?? []
    return [...there, ...before.map((it) => ({ ...it, isGone: true }))]
  }
}
