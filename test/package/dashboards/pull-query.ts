/**
 * Questions about measured pulls. A kind of pull is measured once an hour on a node, and its series begin with its first
 * pull: what is counted of them is counted over hours, and what is shown of the last one is looked for as far back.
 */
import type { MetricName, Select } from './query.ts'

/** What every count is over: long enough for some pulls of one node. */
export const WITHIN = '6h'
/** How long the last pull of a kind is shown, whether or not its agent was started anew since. */
export const LAST_WITHIN = '1d'
/** So long before a time it is looked whether a series was there: a scrape that failed is no beginning. */
export const BEFORE = '1h'

/** A recording rule of chart/rules/pullpath.yaml: over all nodes of a cluster, whatever node is chosen. */
export const PEER_TO_FIRST =
  'cluster_method_size_class:pullpath_pull_duration_seconds:peer_to_first6h{cluster=~"$cluster"}'

/**
 * By how much a counter of pulls grew within a time. `increase` does not see the first pull of a series, which begins at
 * 1: what a series begins at is added where it began within the time. One that was away with all of Prometheus seems to
 * begin too, hence no more than 1. The recording rules do the same.
 */
export function countedWithin(series: string, within: string = WITHIN): string {
  const increase = `increase(${series}[${within}])`
  const begun = `min_over_time(${series}[${within}]) unless present_over_time(${series}[${BEFORE}] offset ${within})`
  return `(${increase} + clamp_max(${begun}, 1) or ${increase})`
}

/**
 * A metric of the last pull of each source and method; `labels`: what else tells pulls apart. Where several agents
 * have told of a node one after the other, it is what the latest told.
 */
export function ofLastPulls(select: Select, metric: MetricName, labels: readonly string[]): string {
  const by = [...labels, 'source', 'method'].join(', ')
  const ended = `last_over_time(${select('pullpath_pull_last_timestamp_seconds')}[${LAST_WITHIN}])`
  const last = `${ended} == on (${by}) group_left () max by (${by}) (${ended})`
  return `max by (${by}) (last_over_time(${select(metric)}[${LAST_WITHIN}]) and ${last})`
}

/** A gauge, over a scrape or two that failed too. Not longer: what vanishes has no value any more. */
export function held(series: string): string {
  return `last_over_time(${series}[$__rate_interval])`
}
