import type { CATALOGUE } from '../../../src/metrics/catalogue.ts'

type Gauges = (typeof CATALOGUE)[keyof typeof CATALOGUE]['name']

/** A metric that the agent has, or a part of its histogram: no panel can ask for another. */
export type MetricName =
  | Gauges
  | 'pullpath_evaluation_duration_seconds_bucket'
  | 'pullpath_pull_duration_seconds_bucket'

/** Which node's series a dashboard asks for: any number of nodes, or the one. */
export type Scope = 'nodes' | 'node'

/** Selects a metric within the dashboard's variables; more matchers may be added: `registry=~"$registry"`. */
export type Select = (name: MetricName, ...matchers: string[]) => string

/**
 * The matchers of every query. `job` and `instance` are what dashboard-linter asks for; `cluster` and `node` are labels
 * that the scrape adds, and `cluster` matches series without it too.
 */
export function selectWithin(scope: Scope): Select {
  const node = scope === 'nodes' ? 'node=~"$node"' : 'node="$node"'
  return (name, ...matchers) => {
    const all = ['cluster=~"$cluster"', 'job=~"$job"', 'instance=~"$instance"', node, ...matchers]
    return `${name}{${all.join(', ')}}`
  }
}

/** For report metrics; node-level reasons carry an empty registry, which the variable's "All" matches too. */
export const OF_REGISTRY = 'registry=~"$registry"'

/** A metric that other processes have too is the agent's only where the same target has Pullpath's build. */
export function ofAgents(select: Select, expression: string): string {
  return `${expression} and on (cluster, job, instance) ${select('pullpath_build_info')}`
}

/**
 * A 0/1 metric as it was, but only the series that were at the `worst` value some time in what is shown: a timeline of
 * every reason there is would be too long. The others' times are kept too, so that a row ends where the state ended.
 * `@ end()` makes Prometheus look back once and not at every point.
 */
export function onceAt(worst: 0 | 1, series: string, labels: readonly string[]): string {
  const by = labels.join(', ')
  const extreme = worst === 1 ? 'max' : 'min'
  const was = `${extreme} by (${by}) (${extreme}_over_time(${series}[$__range] @ end())) == ${worst}`
  return `${extreme} by (${by}) (${series}) and on (${by}) ${was}`
}

/**
 * How many seconds each finding lasts, with its kind. The kind is a metric's name and the time is another metric, and
 * a reason can be of two kinds at once: hence the many kinds to one time.
 */
export function ageOfFindings(select: Select, labels: readonly string[]): string {
  const by = labels.join(', ')
  const kinds = (['drift', 'conflict', 'fault'] as const).map((kind) => {
    return `label_replace(max by (${by}) (${select(`pullpath_${kind}`, OF_REGISTRY)}) == 1, "kind", "${kind}", "", "")`
  })
  const since = select('pullpath_finding_since_timestamp_seconds', OF_REGISTRY)
  return `(${kinds.join(' or ')}) * on (${by}) group_left () (time() - max by (${by}) (${since}))`
}
