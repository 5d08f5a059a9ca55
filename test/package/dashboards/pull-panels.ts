/** Panels of measured pulls that both dashboards have. */
import type { Link, Panel } from './dashboard.ts'
import { barChart, type Column, heatmap, type Query, stat, table, timeline, timeSeries } from './panels.ts'
import { countedWithin, held, ofLastPulls } from './pull-query.ts'
import { OF_REGISTRY, type Select } from './query.ts'
import { legendOf } from './shared-panels.ts'

/** Pulls that containerd made: whence a probe's legs come was chosen. */
const REAL = 'method!="probe"'
const OVER_THE_NETWORK = 'source!="local"'

export function fallbacks(select: Select): Panel {
  return stat({
    title: 'Fallback pulls',
    description: 'How many pulls within six hours came from the origin although a peer held the image.',
    unit: 'none',
    expr: numberOf(select('pullpath_pulls_total', 'source="fallback"'), select),
    bad: true,
  })
}

export function failed(select: Select): Panel {
  return stat({
    title: 'Failed pulls',
    description: 'How many measured pulls failed within six hours. What could not be measured is not counted.',
    unit: 'none',
    expr: numberOf(select('pullpath_pull_failures_total'), select),
    bad: true,
  })
}

/** By how much a counter of pulls grew, as a whole number. 0 where pulls were measured and it counted none. */
function numberOf(series: string, select: Select): string {
  return `round(sum(${countedWithin(series)})) or 0 * sum(${countedWithin(select('pullpath_pulls_total'))})`
}

/** A quantile of what pulls took; `q`: 0 to 1. */
export function latency(select: Select, q: number, words: string): Panel {
  const pulls = countedWithin(select('pullpath_pull_duration_seconds_bucket', OVER_THE_NETWORK))
  return timeSeries({
    title: `Latency of pulls, ${words}`,
    description:
      'How long pulls took within the last six hours, by where the bytes came from, how it was measured, and size. Compare only what has the same size and way. It is as exact as the buckets of the histogram.',
    unit: 's',
    queries: [
      {
        expr: `histogram_quantile(${q}, sum by (source, method, size_class, le) (${pulls}))`,
        legend: '{{source}} {{method}} {{size_class}}',
      },
    ],
  })
}

/** When pulls of a source were made and how long they took. */
export function durations(select: Select, source: 'first' | 'peer'): Panel {
  const buckets = select('pullpath_pull_duration_seconds_bucket', `source="${source}"`)
  const words = { first: 'First pulls, from the origin', peer: 'Pulls from peers' }
  return heatmap({
    title: `${words[source]}, by duration`,
    description: 'How many pulls took how long, each where it was first scraped. All sizes and ways together.',
    unit: 's',
    expr: `sum by (le) (${countedWithin(buckets, '$__rate_interval')})`,
  })
}

export function servedBy(select: Select): Panel {
  const pulls = countedWithin(select('pullpath_pulls_total', REAL))
  return timeSeries({
    title: 'Who served pulls',
    description:
      "The share of each source in containerd's own pulls within the last six hours. Those that failed are unknown, and so is what the evidence does not tell. Empty where containerd makes none.",
    unit: 'percentunit',
    stacked: true,
    queries: [{ expr: `sum by (source) (${pulls}) / scalar(sum(${pulls}))`, legend: '{{source}}' }],
  })
}

export function throughput(select: Select): Panel {
  const bytes = held(select('pullpath_pull_last_bytes', OVER_THE_NETWORK))
  const seconds = held(select('pullpath_pull_last_duration_seconds', OVER_THE_NETWORK))
  return timeSeries({
    title: 'Throughput of the last pulls',
    description:
      'The bytes that the last pull of each kind fetched by the time that it took as a whole, unpacking included; nodes on average.',
    unit: 'Bps',
    queries: [{ expr: `avg by (source, method) (${bytes} / ${seconds})`, legend: '{{source}} {{method}}' }],
  })
}

export function failures(select: Select): Panel {
  const counted = countedWithin(select('pullpath_pull_failures_total'))
  return timeSeries({
    title: 'Failures, by reason',
    description:
      'How many measured pulls failed within the last six hours. docs/alerts.md (PullpathPullsFailing) tells what each reason asks for.',
    unit: 'none',
    queries: [{ expr: `sum by (method, reason) (${counted})`, legend: '{{method}} {{reason}}' }],
  })
}

/** `queries`: besides what each node itself compares. */
export function ratio(about: { description: string; queries: readonly Query[] }): Panel {
  return timeSeries({ title: 'Peer by first pull', unit: 'percentunit', ...about })
}

/** `labels`: what tells nodes apart; `before` and `after`: their columns. */
export function lastPulls(
  select: Select,
  { labels, before = [], after = [] }: { labels: readonly string[]; before?: Column[]; after?: Column[] },
): Panel {
  const of = (metric: Parameters<typeof ofLastPulls>[1]) => ofLastPulls(select, metric, labels)
  return table({
    title: 'Last pulls',
    description: 'The last pull of each source and method that succeeded, of the last day.',
    unit: 'none',
    exprs: [
      `${of('pullpath_pull_last_timestamp_seconds')} * 1000`,
      of('pullpath_pull_last_duration_seconds'),
      of('pullpath_pull_last_bytes'),
    ],
    columns: [
      ...before,
      { field: 'source', heading: 'Source' },
      { field: 'method', heading: 'Method' },
      { field: 'Value #A', heading: 'Ended', properties: [{ id: 'unit', value: 'dateTimeAsIso' }] },
      { field: 'Value #B', heading: 'Took', properties: [{ id: 'unit', value: 's' }] },
      { field: 'Value #C', heading: 'Fetched', properties: [{ id: 'unit', value: 'bytes' }] },
      ...after,
    ],
    sortBy: [{ column: 'Ended', desc: true }],
  })
}

/** A bar for each kind of pull of one node. */
export function lastPhases(select: Select): Panel {
  const phases = `max by (source, method, phase) (${held(select('pullpath_pull_last_phase_duration_seconds'))})`
  return barChart({
    title: 'Phases of the last pulls',
    description:
      'What each phase took of the last pull of a kind, over all that it fetched. Phases may overlap, so that a bar may be longer than the pull took.',
    unit: 's',
    expr: `label_join(${phases}, "pull", " ", "source", "method")`,
    bar: 'pull',
    part: 'phase',
  })
}

/** `labels`: what tells one from another; `links`: where a row leads. */
export function endpointsUp(select: Select, labels: readonly string[], links: Link[] = []): Panel {
  const by = [...labels, 'registry', 'role', 'url']
  return timeline({
    title: 'Endpoints',
    description:
      'Whether each endpoint that the agent probes answered everything rightly when it was asked last. No row where probes are off.',
    queries: [
      {
        expr: `min by (${by.join(', ')}) (${held(select('pullpath_endpoint_up', OF_REGISTRY))})`,
        legend: legendOf(by),
      },
    ],
    meaning: { zero: ['failed', 'red'], one: ['up', 'green'] },
    links,
  })
}

/** `labels`: what tells clusters apart. */
export function harbor(select: Select, labels: readonly string[] = []): Panel {
  const by = [...labels, 'component']
  return timeline({
    title: 'Harbor, by component',
    description: 'What Harbor says of its own components. It says nothing of blobs: an endpoint that fails does.',
    queries: [
      {
        expr: `min by (${by.join(', ')}) (${held(select('pullpath_harbor_component_healthy'))})`,
        legend: '{{component}}',
      },
    ],
    meaning: { zero: ['unhealthy', 'red'], one: ['healthy', 'green'] },
  })
}
