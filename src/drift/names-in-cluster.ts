import { type ClusterFacts, present } from './cluster-facts.ts'

/** How things of Spegel are called in the cluster, for commands; null: that is not known. */
export interface ClusterNames {
  namespace: string | null
  daemonSet: string | null
  selector: string | null
  /** The one pod on this node, if it is known to be there now. */
  pod: string | null
  release: { name: string; namespace: string; isSuspended: boolean } | null
}

export function clusterNames(cluster: ClusterFacts | null): ClusterNames {
  const daemonSet = present(cluster?.daemonSet)
  const release = present(cluster?.release)
  // A pod that was there an hour ago may have another name by now.
  const pods = cluster !== null && cluster.pods.knownUntil === null ? (cluster.pods.value ?? []) : []
  const staying = pods.filter((it) => !it.isTerminating)
  return {
    namespace: cluster?.where?.namespace ?? null,
    daemonSet: cluster?.where?.daemonSet ?? null,
    selector: daemonSet?.selector ?? null,
    pod: staying.length === 1 ? (staying[0]?.name ?? null) : null,
    release: release && { name: release.name, namespace: release.namespace, isSuspended: release.suspended },
  }
}
