import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import { type ImageReference, parseImageReference } from '../containerd/reference.ts'
import type { MirrorFacts } from '../drift/classification.ts'
import type { Pull } from '../drift/pull.ts'
import { rememberedPath } from '../drift/remembered-paths.ts'
import type { Inputs } from '../watch/inputs.ts'
import type { ClusterNodes } from './cluster-nodes.ts'
import type { ObservedPulls } from './observed-pulls.ts'
import type { PulledEvents } from './pulled-events.ts'
import { mirrorFacts } from './spegel-evidence.ts'

export interface ObservingOptions {
  config: Config
  /** null: no socket of containerd is configured. */
  client: Promise<DaemonClient> | null
  /** Resolves to null where there is no API server to ask. */
  pulledEvents: Promise<PulledEvents | null>
  /** Resolves to null where nobody tells the nodes of the cluster. */
  nodes: Promise<ClusterNodes | null>
  onPull(pull: Pull): void
  /** A fault of Pullpath itself. */
  onFault(error: unknown): void
}

/** So many requests a minute at most, whatever the node pulls: of the API server one for a pull, of peers HEADs. */
const REQUESTS = { api: 20, heads: 120 }

/** Observes the node's real pulls for one configuration; without `observe.enabled` or a socket it does nothing. */
export class Observing {
  #inputs: Inputs | null = null
  #pulls: ObservedPulls | null = null
  #isStopped = false

  constructor(options: ObservingOptions) {
    const { config, client, onFault } = options
    if (config.observe.enabled && client !== null) client.then((it) => this.#start(it, options)).catch(onFault)
  }

  /** Hears of every evaluation: the pull paths are in it. */
  consider(inputs: Inputs): void {
    this.#inputs = inputs
  }

  stop(): void {
    this.#isStopped = true
    this.#pulls?.stop()
  }

  /** What is needed for it is loaded only now. */
  async #start(
    client: DaemonClient,
    { config, pulledEvents, nodes: opened, onPull, onFault }: ObservingOptions,
  ): Promise<void> {
    const [{ ObservedPulls }, { ObservedSource }, { KubeletEvents }, { PerMinute }, spegel, nodes, events] =
      await Promise.all([
        import('./observed-pulls.ts'),
        import('./observed-source.ts'),
        import('./kubelet-events.ts'),
        import('./per-minute.ts'),
        import('./spegel-party.ts'),
        opened,
        pulledEvents,
      ])
    if (this.#isStopped) return
    this.#pulls = new ObservedPulls({
      isOwn: (reference) => isCanary(config.canary.image, reference),
      mirrorsOf: (registry) => this.#mirrorsOf(registry),
      source: new ObservedSource({
        spegel: () => spegel.spegelParty(config, nodes?.known() ?? null, this.#inputs),
        heads: new PerMinute(REQUESTS.heads),
      }),
      kubelet: events === null ? null : new KubeletEvents(events, new PerMinute(REQUESTS.api)),
      onPull,
      onFault,
    })
    this.#pulls.start(client)
  }

  /** As long as the path is not known, it may have mirrors of any kind. */
  #mirrorsOf(registry: string): MirrorFacts {
    if (this.#inputs === null) return { targets: 0, resolve: false, others: true, marksOwn: null }
    const { intent, observed, daemon, node } = this.#inputs
    return mirrorFacts(rememberedPath(registry, daemon, observed.view, intent, node.ip).endpoints, intent.spegel)
  }
}

/** The measurements and the proofs of this agent have a repository of their own. */
function isCanary(image: string, { registry, repository }: ImageReference): boolean {
  const canary = parseImageReference(image)
  return canary.registry === registry && canary.repository === repository
}
