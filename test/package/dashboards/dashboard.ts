/** The parts of a Grafana dashboard that ours are made of, as its JSON has them (schema version 42). */

/** Chosen by whoever looks: nothing names a data source of its own. */
export const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' } as const

export interface Target {
  refId: string
  datasource: typeof DATA_SOURCE
  editorMode: 'code'
  expr: string
  instant: boolean
  range: boolean
  format: 'time_series' | 'table' | 'heatmap'
  legendFormat: string
}

export interface Link {
  title: string
  url: string
  targetBlank: boolean
}

export interface Property {
  id: string
  value: unknown
}

export interface Panel {
  type: 'stat' | 'table' | 'timeseries' | 'state-timeline' | 'heatmap' | 'barchart'
  title: string
  description: string
  datasource: typeof DATA_SOURCE
  fieldConfig: {
    defaults: { unit: string; [key: string]: unknown }
    overrides: { matcher: { id: 'byName'; options: string }; properties: Property[] }[]
  }
  options: Record<string, unknown>
  targets: Target[]
  transformations: { id: string; options: Record<string, unknown> }[]
}

export interface Row {
  type: 'row'
  title: string
  collapsed: false
  panels: []
}

export interface Place {
  h: number
  w: number
  x: number
  y: number
}

export type Placed<T> = T & { id: number; gridPos: Place }

export interface Variable {
  name: string
  label: string
  type: 'datasource' | 'query' | 'textbox'
  query: string | { query: string; refId: string }
  [key: string]: unknown
}

export interface Dashboard {
  uid: string
  title: string
  description: string
  tags: string[]
  schemaVersion: number
  editable: boolean
  templating: { list: Variable[] }
  panels: Placed<Panel | Row>[]
  [key: string]: unknown
}

/** A part of the dashboard: panels from left to right, each with its width of 24, all of one height. */
export interface Section {
  title: string
  lines: { height: number; panels: [width: number, panel: Panel][] }[]
}

const GRID_WIDTH = 24

/** Every panel gets its place from the order in which it is written. Throws RangeError where a line is too wide. */
export function placed(sections: readonly Section[]): Placed<Panel | Row>[] {
  const all: Placed<Panel | Row>[] = []
  let y = 0
  const place = (part: Panel | Row, gridPos: Place) => all.push({ ...part, id: all.length + 1, gridPos })
  for (const { title, lines } of sections) {
    place({ type: 'row', title, collapsed: false, panels: [] }, { h: 1, w: GRID_WIDTH, x: 0, y })
    y += 1
    for (const { height, panels } of lines) {
      let x = 0
      for (const [width, panel] of panels) {
        place(panel, { h: height, w: width, x, y })
        x += width
      }
      if (x > GRID_WIDTH) throw new RangeError(`${panels.map(([, { title }]) => title).join(', ')}: ${x} wide`)
      y += height
    }
  }
  return all
}

export function dashboard(parts: {
  uid: string
  title: string
  description: string
  from: string
  variables: Variable[]
  sections: Section[]
}): Dashboard {
  return {
    uid: parts.uid,
    title: parts.title,
    description: parts.description,
    tags: ['pullpath'],
    schemaVersion: 42,
    // It is kept in Git: a change that is made in Grafana would be lost at the next start.
    editable: false,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: parts.from, to: 'now' },
    timezone: '',
    annotations: { list: [] },
    links: [
      {
        type: 'dashboards',
        title: 'Pullpath',
        tags: ['pullpath'],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'external link',
        tooltip: '',
        url: '',
      },
    ],
    templating: { list: parts.variables },
    panels: placed(parts.sections),
  }
}
