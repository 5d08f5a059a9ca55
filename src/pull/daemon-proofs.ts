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
/**
 * A proof that failed is made again after so long, in milliseconds, and twice as long after each further one: what
 * failed by chance is taken back soon, and what fails for good costs little.
 */
const FIRST_REPEAT = 60_000
/** What is no proof, and may be one the next time. Without a canary somebody has to push one first. */
const WORTH_REPEATING: readonly ResolveProof['outcome'][] = ['failed', 'origin-down', 'unasked']

/** Who hears of proofs. */
export interface ProofListener {
  onProof(proof: ResolveProof): void
  onWitness(witness: WitnessComparison): void
  /** Hears of a fault of Pullpath itself, which ends one proof. */
  onFault(error: unknown): void
}

/**
 * Has the daemon prove what it resolves: whenever the pull path of the canary's registry has changed or the daemon was
 * restarted, and every `containerd.proof.interval`; sooner after one that failed.
 */
export class DaemonProofs {
  readonly #config: Config
  readonly #client: DaemonClient
  readonly #listener: ProofListener
  readonly #rounds: OneByOne
  readonly #pause: number
  readonly #ending = new AbortController()
  #running: Promise<void> = Promise.resolve()
  /** In a row. */
  #failures = 0
  #latest: { inputs: Inputs; target: ProofTarget } | null = null
  #seen = ''

  /** `turns`: shared with what must not be done at the same time. */
  constructor(config: Config, client: DaemonClient, turns: Turns, listener: ProofListener) {
    this.#config = config
    this.#client = client
    this.#listener = listener
    this.#pause = config.watch.settle * PAUSE_IN_SETTLES
    const rhythm = { interval: () => this.#interval(), pause: this.#pause }
    const round = () => {
      this.#running = turns.run(() => this.#round())
      return this.#running
    }
    this.#rounds = new OneByOne(round, rhythm, listener.onFault)
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

  /** Ends a proof under way; resolves when nothing of it is left in the daemon. */
  async stop(): Promise<void> {
    this.#rounds.stop()
    this.#ending.abort()
    // `rounds` hears how it ended.
    await Promise.allSettled([this.#running])
  }

  #interval(): number {
    const { interval } = this.#config.containerd.proof
    return this.#failures === 0 ? interval : Math.min(interval, FIRST_REPEAT * 2 ** (this.#failures - 1))
  }

  async #round(): Promise<void> {
    const { signal } = this.#ending
    if (this.#latest === null || signal.aborted) return
    const { inputs, target } = this.#latest
    const latest = () => this.#latest?.inputs ?? inputs
    const witness = await witnessOf(this.#client, this.#config, latest, { again: this.#pause, signal })
    if (signal.aborted) return
    if (witness !== null) this.#listener.onWitness(witness)
    const { cri } = this.#client
    const store = this.#client.inNamespace(CRI_NAMESPACE)
    const origin = openOrigin(target)
    const proof = await proveResolve(target, { cri, store, origin, now: () => new Date(), signal })
    if (signal.aborted) return
    this.#failures = WORTH_REPEATING.includes(proof.outcome) ? this.#failures + 1 : 0
    this.#listener.onProof(proof)
  }
}
