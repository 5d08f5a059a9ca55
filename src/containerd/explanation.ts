import type { EndpointReport } from './endpoint-report.ts'
import type { PathErrorCode, PathNoteCode, PullMode } from './pull-path.ts'
import type { WitnessComparison } from './witness-comparison.ts'

/** What containerd on this node does for one image: `explain --json`. */
export interface Explanation {
  image: string
  registry: string
  containerd: { version: string; pullMode: PullMode }
  directory: string | null
  endpoints: EndpointReport[]
  /** What is sent when every endpoint answers 404, in order, with repeats. */
  resolveRequests: string[]
  fetchRequests: string[]
  notes: { code: PathNoteCode; message: string }[]
  error: { code: PathErrorCode; message: string } | null
  /** containerd's own proof; null: it was not asked for one. */
  witness: WitnessComparison | null
}
