import type { Explanation } from '../containerd/explanation.ts'
import type { NodeReport } from '../drift/report.ts'

/** What the HTTP interface shows; the agent implements it, a test may hand in its own. */
export interface AgentState {
  /** null until the first full evaluation. */
  report(): NodeReport | null
  /** Whether the agent is shutting down. */
  stopping(): boolean
  /** Throws PP_REFERENCE_INVALID for what is no image reference, PP_NOT_READY before the first evaluation. */
  explain(image: string): Explanation
  /** Prometheus text of all metrics; never rejects because one source failed. */
  metrics(): Promise<{ contentType: string; body: string }>
}
