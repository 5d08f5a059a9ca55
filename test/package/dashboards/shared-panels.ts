import type { Link, Panel } from './dashboard.ts'
import { type Column, LINK_TO_RUNBOOK, linked, type Meaning, table, timeline, timeSeries } from './panels.ts'
import { ageOfFindings, OF_REGISTRY, type Select } from './query.ts'

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

/** How containerd's own proofs came out. `labels`: what tells one from another; `links`: where a row leads. */
export function proofs(select: Select, labels: readonly string[], links: Link[] = []): Panel {
  const success = select('pullpath_containerd_resolve_success', OF_REGISTRY)
  return timeline({
    title: "containerd's own proof",
    description:
      'Whether containerd itself could pull the proof image when it was asked last: on every change, and hourly. Red too where the origin is down. No row without a canary.',
    queries: [{ expr: `min by (${labels.join(', ')}) (${success})`, legend: legendOf(labels) }],
    meaning: { zero: ['could not', 'red'], one: ['pulled', 'green'] },
    links,
  })
}

export function proofDuration(select: Select, labels: readonly string[]): Panel {
  const duration = select('pullpath_containerd_resolve_duration_seconds', OF_REGISTRY)
  return timeSeries({
    title: 'Duration of the proof',
    description:
      'How long containerd took for the last proof, whether it could pull or not. 30 s and more: an endpoint swallows what is sent to it.',
    unit: 's',
    queries: [{ expr: `max by (${labels.join(', ')}) (${duration})`, legend: legendOf(labels) }],
  })
}

/** The values of these labels but that of the cluster. */
export function legendOf(labels: readonly string[]): string {
  const shown = labels.filter((it) => it !== 'cluster')
  return shown.map((it) => `{{${it}}}`).join(' ')
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
