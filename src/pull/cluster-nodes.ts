import type { ClusterMembers } from '../drift/cluster-members.ts'

/** What the canary's slots need to know of a cluster. */
export interface ClusterNodes {
  /** Asked once a slot. Never rejects; null: the nodes are not known, or were not for too long. */
  read(signal: AbortSignal): Promise<ClusterMembers | null>
  /** As they were read last; nobody is asked. */
  known(): ClusterMembers | null
}
