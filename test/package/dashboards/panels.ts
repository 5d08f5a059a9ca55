import { DATA_SOURCE, type Link, type Panel, type Property, type Target } from './dashboard.ts'

/** What a panel says of itself. `unit`: a name of Grafana's value formats. */
interface About {
  title: string
  description: string
  unit: string
}

/** A query over time, with the legend of each of its series. */
export interface Query {
  expr: string
  legend: string
}

/** What 0 and 1 mean, and whether that is good. */
export interface Meaning {
  zero: readonly [text: string, colour: Colour]
  one: readonly [text: string, colour: Colour]
}

type Colour = 'green' | 'orange' | 'red' | 'blue' | 'text'

function target(refId: string, { expr, legend }: Query, shape: Pick<Target, 'format' | 'instant'>): Target {
  return {
    refId,
    datasource: DATA_SOURCE,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    ...shape,
    range: !shape.instant,
  }
}

const refId = (index: number) => String.fromCharCode('A'.charCodeAt(0) + index)

function overTime(queries: readonly Query[]): Target[] {
  return queries.map((query, index) => target(refId(index), query, { format: 'time_series', instant: false }))
}

function mappingsOf({ zero, one }: Meaning): unknown[] {
  const result = ([text, color]: readonly [string, Colour], index: number) => ({ text, color, index })
  return [{ type: 'value', options: { 0: result(zero, 0), 1: result(one, 1) } }]
}

const RED_FROM_1 = {
  mode: 'absolute',
  steps: [
    { color: 'green', value: null },
    { color: 'red', value: 1 },
  ],
}
const NO_THRESHOLD = { mode: 'absolute', steps: [{ color: 'text', value: null }] }

/** One number now. `bad`: from 1 on it is red; `meaning`: it is a word instead. */
export function stat(about: About & { expr: string; bad?: boolean; meaning?: Meaning }): Panel {
  const { title, description, unit, expr, bad = false, meaning } = about
  const isJudged = bad || meaning !== undefined
  return {
    type: 'stat',
    title,
    description,
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        color: { mode: 'thresholds' },
        thresholds: bad ? RED_FROM_1 : NO_THRESHOLD,
        ...(meaning === undefined ? {} : { mappings: mappingsOf(meaning) }),
        noValue: 'no data',
      },
      overrides: [],
    },
    options: {
      colorMode: isJudged ? 'background' : 'value',
      graphMode: bad ? 'area' : 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: 'value',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
    targets: overTime([{ expr, legend: title }]),
    transformations: [],
  }
}

/** A row for each series, coloured by what its value means. `links`: where a click on a row leads. */
export function timeline(
  about: Omit<About, 'unit'> & { queries: readonly Query[]; meaning: Meaning; links?: Link[] },
): Panel {
  const { title, description, queries, meaning, links = [] } = about
  return {
    type: 'state-timeline',
    title,
    description,
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: {
        unit: 'none',
        color: { mode: 'thresholds' },
        thresholds: NO_THRESHOLD,
        mappings: mappingsOf(meaning),
        custom: { fillOpacity: 80, lineWidth: 0, spanNulls: false },
        noValue: 'none',
        links,
      },
      overrides: [],
    },
    options: {
      alignValue: 'left',
      mergeValues: true,
      rowHeight: 0.9,
      showValue: 'auto',
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'single', sort: 'none' },
      perPage: 20,
    },
    targets: overTime(queries),
    transformations: [],
  }
}

/** Lines over time. `stacked`: their sum means something. */
export function timeSeries(about: About & { queries: readonly Query[]; stacked?: boolean }): Panel {
  const { title, description, unit, queries, stacked = false } = about
  return {
    type: 'timeseries',
    title,
    description,
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: 'palette-classic' },
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: stacked ? 30 : 0,
          showPoints: 'auto',
          spanNulls: false,
          stacking: { group: 'A', mode: stacked ? 'normal' : 'none' },
        },
      },
      overrides: [],
    },
    options: {
      legend: { calcs: ['lastNotNull', 'max'], displayMode: 'table', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: overTime(queries),
    transformations: [],
  }
}

/** How many observations fell into each bucket of a histogram; `expr` is by `le`. `unit`: that of the buckets. */
export function heatmap(about: About & { expr: string }): Panel {
  const { title, description, unit, expr } = about
  return {
    type: 'heatmap',
    title,
    description,
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: { unit: 'none', custom: { hideFrom: { legend: false, tooltip: false, viz: false } } },
      overrides: [],
    },
    options: {
      calculate: false,
      cellGap: 1,
      color: {
        mode: 'scheme',
        scheme: 'Oranges',
        steps: 64,
        exponent: 0.5,
        fill: 'dark-orange',
        reverse: false,
        scale: 'exponential',
      },
      exemplars: { color: 'rgba(255,0,255,0.7)' },
      filterValues: { le: 1e-9 },
      legend: { show: true },
      rowsFrame: { layout: 'auto' },
      tooltip: { mode: 'single', showColorScale: false, yHistogram: true },
      yAxis: { axisPlacement: 'left', reverse: false, unit },
    },
    targets: [target('A', { expr, legend: '{{le}}' }, { format: 'heatmap', instant: false })],
    transformations: [],
  }
}

/** What holds now, a bar for each value of the label `bar`, made up of a part for each value of the label `part`. */
export function barChart(about: About & { expr: string; bar: string; part: string }): Panel {
  const { title, description, unit, expr, bar, part } = about
  return {
    type: 'barchart',
    title,
    description,
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        color: { mode: 'palette-classic' },
        custom: { fillOpacity: 80, lineWidth: 0, axisPlacement: 'auto' },
        noValue: 'none',
      },
      overrides: [],
    },
    options: {
      orientation: 'horizontal',
      stacking: 'normal',
      showValue: 'never',
      barWidth: 0.9,
      groupWidth: 0.7,
      xTickLabelRotation: 0,
      legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'none' },
    },
    targets: [target('A', { expr, legend: '' }, { format: 'table', instant: true })],
    transformations: [
      {
        id: 'groupingToMatrix',
        options: { rowField: bar, columnField: part, valueField: 'Value', emptyValue: 'null' },
      },
    ],
  }
}

/** A column of a table: a label of the series, or the value of a query (`Value`, or `Value #A` of several). */
export interface Column {
  field: string
  heading: string
  properties?: Property[]
}

/** What holds now, a row for each series; rows of several queries with the same labels are one. */
export function table(
  about: About & {
    exprs: readonly string[]
    columns: readonly Column[]
    /** Headings and their directions, the most important first. */
    sortBy: readonly { column: string; desc: boolean }[]
    /** Labels that are numbers. */
    numbers?: readonly string[]
  },
): Panel {
  const { title, description, unit, exprs, columns, sortBy, numbers = [] } = about
  const fields = new Set(columns.map(({ field }) => field))
  const values = exprs.length === 1 ? ['Value'] : exprs.map((_, index) => `Value #${refId(index)}`)
  const organized = {
    id: 'organize',
    options: {
      excludeByName: Object.fromEntries(['Time', ...values].filter((it) => !fields.has(it)).map((it) => [it, true])),
      includeByName: {},
      indexByName: Object.fromEntries(columns.map(({ field }, index) => [field, index])),
      renameByName: Object.fromEntries(columns.map(({ field, heading }) => [field, heading])),
    },
  }
  const conversions = numbers.map((targetField) => ({ targetField, destinationType: 'number' }))
  // Sorting keeps the order of equals, and takes one column at a time: the least important one comes first.
  const sorted = sortBy.toReversed().map(({ column, desc }) => {
    return { id: 'sortBy', options: { fields: {}, sort: [{ field: column, desc }] } }
  })
  return {
    type: 'table',
    title,
    description,
    datasource: DATA_SOURCE,
    fieldConfig: {
      defaults: {
        unit,
        color: { mode: 'thresholds' },
        thresholds: NO_THRESHOLD,
        custom: { align: 'left', cellOptions: { type: 'auto' }, filterable: true },
        noValue: '',
      },
      overrides: columns.flatMap(({ heading, properties = [] }) => {
        return properties.length === 0 ? [] : [{ matcher: { id: 'byName' as const, options: heading }, properties }]
      }),
    },
    options: { cellHeight: 'sm', showHeader: true },
    targets: exprs.map((expr, index) => target(refId(index), { expr, legend: '' }, { format: 'table', instant: true })),
    transformations: [
      ...(exprs.length > 1 ? [{ id: 'merge', options: {} }] : []),
      ...(conversions.length > 0 ? [{ id: 'convertFieldType', options: { fields: {}, conversions } }] : []),
      organized,
      ...sorted,
    ],
  }
}

export function linked(link: Link): Property {
  return { id: 'links', value: [link] }
}

/** By its fixed address, with what is chosen here. `node`: what stands for the node's name in the link. */
export function linkToNode(node: string): Link {
  const chosen = '${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}&${runbooks:queryparam}'
  const url = `/d/pullpath-node?var-node=${node}&${chosen}&\${__url_time_range}`
  return { title: 'This node', url, targetBlank: false }
}

export const LINK_TO_RUNBOOK: Link = {
  title: 'Runbook (its address is the variable Runbooks)',
  url: '${runbooks}/docs/runbooks/${__value.raw}.md',
  targetBlank: true,
}
