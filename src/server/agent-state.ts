import type { Explanation } from '../containerd/explanation.ts'
import type { Pull, PullChoice, PullVia } from '../drift/pull.ts'
import type { NodeReport } from '../drift/report.ts'

/** What the HTTP interface shows; the agent implements it, a test may hand in its own. */
export interface AgentState {
  /** null until the first full evaluation. */
  report(): NodeReport | null
  /** Whether the agent is shutting down. */
  stopping(): boolean
  /** Throws PP_REFERENCE_INVALID for what is no image reference, PP_NOT_READY before the first evaluation. */
  explain(image: string): Explanation
  /** Newest first. */
  pulls(choice: PullChoice): readonly Pull[]
  /** null: it is not known, or not over. */
  pull(id: string): Pull | null
  /** Whether the measurement of this id was started, and is not over. */
  isMeasuring(id: string): boolean
  /**
   * Starts a measurement of the configured canary; what comes of it is the pull of this id.
   * Throws PP_MEASUREMENT_BUSY, PP_MEASUREMENT_LIMITED, PP_NOT_READY.
   */
  measure(via: PullVia): { id: string }
  /** What whoever starts a measurement must show; null: nobody may. Throws PP_FILE_UNREADABLE. */
  token(): string | null
  /** Prometheus text of all metrics; never rejects because one source failed. */
  metrics(): Promise<{ contentType: string; body: string }>
}
