/** The nodes of a cluster that run Spegel, as far as they are known. */
export interface ClusterMembers {
  pods: readonly MemberPod[]
  /** How many more pods there are whose node is not told: they may be this node's own, so that they are not asked. */
  unnamed: number
  /** ISO 8601: when this was read. */
  asOf: string
}

/** Spegel on one node. */
export interface MemberPod {
  node: string
  /** An IP address. */
  address: string
  /** Whether it was said to be ready, so that it is expected to answer. */
  isServing: boolean
  /** It was there when they were read before, and is not now: it may be on its way back, and still hold content. */
  isGone: boolean
}

/** The names of the nodes that take turns. */
export function nodeNames({ pods }: ClusterMembers): string[] {
  return pods.filter((it) => !it.isGone).map((it) => it.node)
}
