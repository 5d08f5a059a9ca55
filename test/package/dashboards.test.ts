import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { REASONS } from '../../src/drift/reasons.ts'
import { CATALOGUE } from '../../src/metrics/catalogue.ts'
import { clusterDashboard } from './dashboards/cluster-dashboard.ts'
import { type Dashboard, type Panel, type Placed, placed } from './dashboards/dashboard.ts'
import { nodeDashboard } from './dashboards/node-dashboard.ts'
import { BEFORE, LAST_WITHIN, WITHIN } from './dashboards/pull-query.ts'
import { selectorsOf } from './dashboards/selectors.ts'

const DASHBOARDS: [file: URL, made: Dashboard][] = [
  [new URL('../../chart/dashboards/cluster.json', import.meta.url), clusterDashboard()],
  [new URL('../../chart/dashboards/node.json', import.meta.url), nodeDashboard()],
]

const SERIES = new Set(
  Object.values(CATALOGUE).flatMap((entry) => {
    return entry.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => entry.name + part) : [entry.name]
  }),
)

/** Of Grafana's formats, those that our panels use: a name that Grafana does not know is shown as a suffix. */
const UNITS = ['none', 's', 'bytes', 'Bps', 'percentunit', 'dateTimeAsIso', 'dtdurations']

/** What the recording rules make: of a cluster, so that they have no `job` and no `instance`. */
const RECORDED = new Set(
  readFileSync(new URL('../../chart/rules/pullpath.yaml', import.meta.url), 'utf8').match(/(?<=- record: ).*/g),
)

/** Pulls are an hour apart: what is counted of them is counted over a time of its own. */
const ofPulls = (metric: string) => metric.startsWith('pullpath_pull')

function panelsOf(dashboard: Dashboard): Placed<Panel>[] {
  return dashboard.panels.filter((panel) => panel.type !== 'row')
}

for (const [file, made] of DASHBOARDS) {
  const name = file.pathname.replace(/.*\//, '')
  const text = `${JSON.stringify(made, null, 2)}\n`
  const panels = panelsOf(made)
  const targets = panels.flatMap((panel) => panel.targets.map((target) => ({ panel, target })))
  const variable = (wanted: string) => made.templating.list.find((it) => it.name === wanted)

  t.test(`${name} is what its source makes`, async (t) => {
    if (t.writeSnapshot) writeFileSync(file, text)
    t.equal(readFileSync(file, 'utf8'), text, 'run this test with --snapshot to write it anew')
  })

  // The rules of dashboard-linter v0.2.0 by their names, for every type of panel where it looks at some only.
  t.test(`${name}: template-datasource-rule`, async (t) => {
    t.match(variable('datasource'), { type: 'datasource', query: 'prometheus', label: 'Data source' })
    t.equal(made.templating.list.filter(({ type }) => type === 'datasource').length, 1)
  })

  for (const [wanted, label] of [
    ['job', 'Job'],
    ['instance', 'Instance'],
  ] as const) {
    t.test(`${name}: template-${wanted}-rule`, async (t) => {
      const datasource = { uid: '${datasource}' }
      t.match(variable(wanted), { type: 'query', label, multi: true, includeAll: true, allValue: '.+', datasource })
    })
    t.test(`${name}: target-${wanted}-rule`, async (t) => {
      for (const { panel, target } of targets) {
        for (const { metric, matchers } of selectorsOf(target.expr)) {
          if (RECORDED.has(metric)) continue
          t.ok(matchers.includes(`${wanted}=~"$${wanted}"`), `${panel.title}: ${target.refId}`)
        }
      }
    })
  }

  t.test(`${name}: template-label-promql-rule and template-on-time-change-reload-rule`, async (t) => {
    for (const it of made.templating.list.filter(({ type }) => type === 'query')) {
      const query = typeof it.query === 'string' ? it.query : it.query.query
      t.match(query, /^label_values\(\w+(\{.+\})?, \w+\)$/, it.name)
      t.equal(it.refresh, 2, it.name)
    }
  })

  t.test(`${name}: panel-datasource-rule, and no data source by a name of its own anywhere`, async (t) => {
    for (const panel of panels) t.equal(panel.datasource.uid, '${datasource}', panel.title)
    for (const [, uid] of text.matchAll(/"uid": "([^"]*)"/g))
      t.ok([made.uid, '${datasource}'].includes(uid ?? ''), String(uid))
  })

  t.test(`${name}: panel-title-description-rule, and no title twice`, async (t) => {
    for (const { title, description } of panels) t.match(description, /^[A-Z"'c].{20,}\.$/, title)
    t.equal(new Set(panels.map(({ title }) => title)).size, panels.length)
    t.notOk(panels.some(({ title }) => title === ''))
  })

  t.test(`${name}: panel-units-rule`, async (t) => {
    for (const { title, fieldConfig } of panels) {
      const overridden = fieldConfig.overrides.flatMap(({ properties }) => properties.filter(({ id }) => id === 'unit'))
      for (const unit of [fieldConfig.defaults.unit, ...overridden.map(({ value }) => value)]) {
        t.ok(UNITS.includes(String(unit)), `${title}: ${unit}`)
      }
    }
  })

  t.test(`${name}: panel-no-targets-rule`, async (t) => {
    for (const { title, targets } of panels) t.not(targets.length, 0, title)
  })

  t.test(`${name}: target-promql-rule: only metrics that the agent has`, async (t) => {
    for (const { panel, target } of targets) {
      const selectors = selectorsOf(target.expr)
      t.not(selectors.length, 0, panel.title)
      for (const { metric } of selectors) t.ok(SERIES.has(metric) || RECORDED.has(metric), `${panel.title}: ${metric}`)
    }
  })

  t.test(`${name}: target-rate-interval-rule and target-counter-agg-rule`, async (t) => {
    for (const { panel, target } of targets) {
      for (const { metric, before, after } of selectorsOf(target.expr)) {
        const [, range, more = ''] = /^\[([^\]]*)\]( @ end\(\))?/.exec(after) ?? []
        const ranges = ['$__rate_interval', ...(ofPulls(metric) ? [WITHIN, BEFORE, LAST_WITHIN] : [])]
        if (range !== undefined && more === '') t.ok(ranges.includes(range), `${panel.title}: ${range}`)
        if (!/_(total|bucket)$/.test(metric)) continue
        const functions = ofPulls(metric) ? /\b(increase|min_over_time|present_over_time)\($/ : /\b(rate|increase)\($/
        t.match(before, functions, `${panel.title}: ${metric}`)
        t.match(after, /^\[/, `${panel.title}: ${metric}`)
      }
    }
  })

  t.test(`${name}: uneditable-dashboard`, async (t) => {
    t.equal(made.editable, false)
  })

  t.test(`${name}: every series of a panel over time has a legend`, async (t) => {
    for (const { panel, target } of targets) {
      if (target.format !== 'table') t.not(target.legendFormat, '', panel.title)
    }
  })

  t.test(`${name}: every reason's link leads to a page that exists`, async (t) => {
    const [, path = ''] = /\$\{runbooks\}\/([^"]*)/.exec(text) ?? []
    for (const reason of Object.keys(REASONS)) {
      t.ok(existsSync(new URL(`../../${path.replace('${__value.raw}', reason)}`, import.meta.url)), reason)
    }
  })

  t.test(`${name}: ids are unique and no panel covers another`, async (t) => {
    t.equal(new Set(made.panels.map(({ id }) => id)).size, made.panels.length)
    const cells = made.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`)
    })
    t.equal(new Set(cells).size, cells.length)
  })

  t.test(`${name}: variables in use are declared, and those declared are in use`, async (t) => {
    const declared = made.templating.list.map(({ name }) => name)
    const used = new Set([...text.matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name))
    t.same([...used].sort(), [...declared].sort())
  })
}

t.test('a line that is too wide is refused', async (t) => {
  const [panel] = panelsOf(nodeDashboard())
  t.ok(panel)
  if (panel === undefined) return
  const lines = [{ height: 4, panels: Array.from({ length: 5 }, (): [number, Panel] => [5, panel]) }]
  t.throws(() => placed([{ title: 'row', lines }]), RangeError)
})
