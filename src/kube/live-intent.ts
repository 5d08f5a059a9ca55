import type { ClusterAnswer } from '../drift/cluster-facts.ts'
import type { InputFailure } from '../input-failure.ts'
import type { Intent } from '../intent/intent.ts'
import { type FailedRequest, inputFailureOf, isDenied } from './cluster-failure.ts'
import type { IntentReading } from './spegel-intent-reader.ts'

/**
 * Spegel's intent as an object of the cluster has it: the last that could be read stays in force. While the API server is
 * away nothing in the cluster can come to this node either, so that it counts as it is; where the API server denies it,
 * others may see what this agent does not.
 */
export class LiveIntent {
  #intent: Intent | null = null
  #source: string | null = null

  /** The object that the intent in force was read from: `daemonset kube-system/spegel`; null: none was read yet. */
  get source(): string | null {
    return this.#source
  }

  /** `value`: what the object says; null: nothing was heard. `failed`: why it is not followed now; null: it is. */
  take(
    name: string,
    value: IntentReading | 'absent' | null,
    failed: FailedRequest | null,
  ): NonNullable<ClusterAnswer['spegel']> {
    if (value !== null && value !== 'absent' && value.intent !== null) {
      this.#intent = value.intent
      this.#source = name
    }
    return { intent: this.#intent, failure: this.#failure(name, value, failed) }
  }

  #failure(name: string, value: IntentReading | 'absent' | null, failed: FailedRequest | null): InputFailure | null {
    const isKnown = this.#intent !== null
    if (failed !== null && (!isKnown || isDenied(failed.failure))) return inputFailureOf(failed)
    if (value === null) {
      return isKnown ? null : { reason: 'silent', message: `${name}: the API server has not answered yet` }
    }
    // That it was deleted is a finding, and no reason to forget what it asked for.
    if (value === 'absent') return isKnown ? null : notThere(name)
    const { problem } = value
    return problem === null ? null : { reason: 'invalid', message: `${name}: ${problem}` }
  }
}

function notThere(name: string): InputFailure {
  const message = `there is no ${name}: where Spegel has another place, set intent.spegel.namespace and .name, and where it is not used intent.spegel.from: none`
  return { reason: 'unreadable', message }
}
