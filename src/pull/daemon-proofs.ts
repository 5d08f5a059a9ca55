import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import { rememberedPath } from '../drift/remembered-paths.ts'
import type { ResolveProof } from '../drift/resolve-proof.ts'
import type { Inputs } from '../watch/inputs.ts'
import { witnessOf } from './daemon-witness.ts'
import { CRI_NAMESPACE } from './node-images.ts'
import { OneByOne } from './one-by-one.ts'
import { openOrigin, type ProofTarget, proofTarget } from './proof-target.ts'
import { proveResolve } from './resolve-prover.ts'
import type { Turns } from './turns.ts'

/** A tree in the making changes several times within seconds: one proof in so many times `watch.settle` is enough. */
const PAUSE_IN_SETTLES = 40

/** Who hears of proofs. */
export interface ProofListener {
  onProof(proof: ResolveProof): void
  onWitness(witness: WitnessComparison): void
}

/**
 * Has the daemon prove what it resolves: whenever the pull path of the canary's registry has changed or the daemon was
 * restarted, and every `containerd.proof.interval`.
 */
export class DaemonProofs {
  readonly #config: Config
  readonly #client: DaemonClient
  readonly #listener: ProofListener
  readonly #rounds: OneByOne
  readonly #pause: number
  #latest: { inputs: Inputs; target: ProofTarget } | null = null
  #seen = ''

  /** `turns`: shared with what must not be done at the same time. */
  constructor(config: Config, client: DaemonClient, turns: Turns, listener: ProofListener) {
    this.#config = config
    this.#client = client
    this.#listener = listener
    this.#pause = config.watch.settle * PAUSE_IN_SETTLES
    const rhythm = { interval: config.containerd.proof.interval, pause: this.#pause }
    this.#rounds = new OneByOne(() => turns.run(() => this.#round()), rhythm)
  }

  /** Hears of every evaluation. Nothing is proven while the daemon does not answer. */
  consider(inputs: Inputs): void {
    if (inputs.failures.has('containerd')) return
    const target = proofTarget(this.#config, inputs)
    if (target === null) return
    this.#latest = { inputs, target }
    const { intent, observed, daemon, node } = inputs
    const path = rememberedPath(target.reference.registry, daemon, observed.view, intent, node.ip)
    const started = daemon.facts.find((it) => it.name === 'started')?.value
    const now = JSON.stringify([started, target, path])
    if (now === this.#seen) return
    this.#seen = now
    this.#rounds.request()
  }

  stop(): void {
    this.#rounds.stop()
  }

  async #round(): Promise<void> {
    if (this.#latest === null) return
    const { inputs, target } = this.#latest
    const latest = () => this.#latest?.inputs ?? inputs
    const witness = await witnessOf(this.#client, this.#config, latest, this.#pause)
    if (witness !== null) this.#listener.onWitness(witness)
    const { cri } = this.#client
    const store = this.#client.inNamespace(CRI_NAMESPACE)
    const origin = openOrigin(target)
    this.#listener.onProof(await proveResolve(target, { cri, store, origin, now: () => new Date() }))
  }
}
