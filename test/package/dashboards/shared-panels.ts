import type { Panel } from './dashboard.ts'
import { type Column, LINK_TO_RUNBOOK, linked, type Meaning, table, timeSeries } from './panels.ts'
import { ageOfFindings, type Select } from './query.ts'

export const EFFECTIVE: Meaning = { zero: ['not effective', 'red'], one: ['effective', 'green'] }
export const IN_SYNC: Meaning = { zero: ['not in sync', 'orange'], one: ['in sync', 'green'] }
export const RAISED: Meaning = { zero: ['well', 'green'], one: ['raised', 'red'] }

/** What is found now. `labels`: what tells a finding from another; `before` and `after`: columns besides the common ones. */
export function findings(
  select: Select,
  about: { description: string; labels: readonly string[]; before?: Column[]; after?: Column[] },
): Panel {
  const { description, labels, before = [], after = [] } = about
  return table({
    title: 'Findings',
    description,
    unit: 'none',
    exprs: [ageOfFindings(select, labels)],
    columns: [
      ...before,
      { field: 'registry', heading: 'Registry' },
      { field: 'reason', heading: 'Reason', properties: [linked(LINK_TO_RUNBOOK)] },
      { field: 'kind', heading: 'Kind' },
      { field: 'Value', heading: 'Age', properties: [{ id: 'unit', value: 'dtdurations' }] },
      ...after,
    ],
    sortBy: [{ column: 'Age', desc: true }],
  })
}

export function evaluationDuration(select: Select): Panel {
  const buckets = select('pullpath_evaluation_duration_seconds_bucket')
  const quantile = (q: string) => `histogram_quantile(${q}, sum by (le) (rate(${buckets}[$__rate_interval])))`
  return timeSeries({
    title: 'Duration of an evaluation',
    description: 'Without the reading of its inputs. A gap where nothing changed: then nothing is evaluated.',
    unit: 's',
    queries: [
      { expr: quantile('0.5'), legend: 'median' },
      { expr: quantile('0.99'), legend: '99 in 100' },
    ],
  })
}
