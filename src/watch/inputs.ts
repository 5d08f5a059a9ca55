import type { DaemonFacts, NodeFacts, ObservedTree } from '../drift/facts.ts'
import type { InputReport } from '../drift/report.ts'
import type { InputFailure } from '../input-failure.ts'
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
