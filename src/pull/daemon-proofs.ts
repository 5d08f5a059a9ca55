import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import { rememberedPath } from '../drift/remembered-paths.ts'
import type { ResolveProof } from '../drift/resolve-proof.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import type { Inputs } from '../watch/inputs.ts'
import { OneByOne } from './one-by-one.ts'
import { type ProofTarget, proofTarget } from './proof-target.ts'
import { proveResolve } from './resolve-prover.ts'

/** A tree in the making changes several times within seconds: one proof in so many times `watch.settle` is enough. */
const PAUSE_IN_SETTLES = 40
const CRI_NAMESPACE = 'k8s.io'

/**
 * Has the daemon prove what it resolves: whenever the pull path of the canary's registry has changed or the daemon was
 * restarted, and every `containerd.proof.interval`.
 */
export class DaemonProofs {
  readonly #config: Config
  readonly #client: DaemonClient
  readonly #onProof: (proof: ResolveProof) => void
  readonly #rounds: OneByOne
  #target: ProofTarget | null = null
  #seen = ''

  constructor(config: Config, client: DaemonClient, onProof: (proof: ResolveProof) => void) {
    this.#config = config
    this.#client = client
    this.#onProof = onProof
    const pause = config.watch.settle * PAUSE_IN_SETTLES
    this.#rounds = new OneByOne(() => this.#round(), { interval: config.containerd.proof.interval, pause })
  }

  /** Hears of every evaluation. Nothing is proven while the daemon does not answer. */
  consider(inputs: Inputs): void {
    if (inputs.failures.has('containerd')) return
    this.#target = proofTarget(this.#config, inputs)
    if (this.#target === null) return
    const { intent, observed, daemon, node } = inputs
    const path = rememberedPath(this.#target.reference.registry, daemon, observed.view, intent, node.ip)
    const started = daemon.facts.find((it) => it.name === 'started')?.value
    const now = JSON.stringify([started, this.#target, path])
    if (now === this.#seen) return
    this.#seen = now
    this.#rounds.request()
  }

  stop(): void {
    this.#rounds.stop()
  }

  async #round(): Promise<void> {
    const target = this.#target
    if (target === null) return
    const { cri } = this.#client
    const store = this.#client.inNamespace(CRI_NAMESPACE)
    const origin = openRegistryClient(target.origin)
    this.#onProof(await proveResolve(target, { cri, store, origin, now: () => new Date() }))
  }
}
