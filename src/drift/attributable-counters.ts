import type { MirrorFacts, PullEvidence } from './classification.ts'

/**
 * What counters of Spegel that were read before and after say of one pull that took place in between; null: they count
 * something else too, or not all of it. Here nobody stood still meanwhile: other pulls may have failed unseen, and probes
 * count as well. Only where the sum is that of the pull's own requests, neither more nor less, it is taken for theirs.
 * `objects`: how many were fetched.
 */
export function attributableCounters(
  counters: PullEvidence['counters'],
  { targets, resolve }: MirrorFacts,
  objects: number,
): PullEvidence['counters'] {
  if (counters === null) return null
  const requests = objects + (resolve ? 1 : 0)
  const { hits, misses } = counters
  if (targets === 1) return hits + misses === requests ? counters : null
  // A request that misses is asked again of the next target; where some hit it is not known of which the others missed.
  const isAllOrNothing = (hits === requests && misses === 0) || (hits === 0 && misses === targets * requests)
  return targets > 1 && isAllOrNothing ? counters : null
}
