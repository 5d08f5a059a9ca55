import type { ClusterAnswer, ClusterFacts } from './cluster-facts.ts'

/**
 * Whether two answers are the same to every rule. A roll-out of Spegel changes the DaemonSet's counts on every node,
 * several times for each: of them it counts alone whether there is more than one node to run on.
 */
export function isSameCluster(a: ClusterAnswer | null, b: ClusterAnswer | null): boolean {
  return a === b || (a !== null && b !== null && textOf(a) === textOf(b))
}

function textOf({ facts, ...rest }: ClusterAnswer): string {
  return JSON.stringify({ ...rest, facts: { ...facts, daemonSet: withoutCounts(facts.daemonSet) } })
}

function withoutCounts(heard: ClusterFacts['daemonSet']): unknown {
  const { value } = heard
  if (value === null || value === 'absent') return heard
  const { ready: _, desired, ...rest } = value
  return { ...heard, value: { ...rest, desired: desired === null ? null : desired <= 1 } }
}
