import type { DaemonFacts, NodeFacts, ObservedTree } from '../drift/evaluate.ts'
import type { InputReport } from '../drift/report.ts'
import type { Intent } from '../intent/intent.ts'

/** Everything that an evaluation needs. */
export interface Inputs {
  intent: Intent
  observed: ObservedTree
  daemon: DaemonFacts
  node: NodeFacts
  /** What failed, by input; inputs that are up are not in it. */
  failures: ReadonlyMap<InputName, InputFailure>
}

export type InputName = InputReport['input']

/** Why an input is down. */
export interface InputFailure {
  /** `unreadable`: missing, forbidden, too large. `invalid`: read, and not what its reader accepts. */
  reason: 'unreadable' | 'invalid'
  message: string
}

export const INPUT_FAILURE_REASONS: readonly InputFailure['reason'][] = ['unreadable', 'invalid']
