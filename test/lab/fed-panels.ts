import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Dashboard } from '../package/dashboards/dashboard.ts'
import { askPanels, hasData, hasMoreThanZeros, panelsOf, type View } from '../package/dashboards/panel-answers.ts'
import type { AskedPrometheus } from '../package/dashboards/prometheus.ts'
import { SCRAPE_INTERVAL } from './lab-prometheus.ts'

/**
 * Every panel of pulls of both dashboards: each query has data for each of these nodes, and more than zeros for one of
 * them at least. `start`: seconds since the epoch.
 */
export async function testPanels(
  t: Test,
  { prometheus, nodes, start }: { prometheus: AskedPrometheus; nodes: readonly string[]; start: number },
): Promise<void> {
  const end = Date.now() / 1000
  const rateInterval = `${4 * SCRAPE_INTERVAL}s`
  const views: readonly (readonly [string, View['choice']])[] = [
    ['cluster', {}],
    ...nodes.map((node) => ['node', { node }] as const),
  ]
  const shown = new Set<string>()
  const asked = new Set<string>()
  for (const [name, choice] of views) {
    const dashboard = dashboardOf(name)
    const panels = panelsOf(dashboard, ['Pulls'])
    t.ok(panels.length > 5)
    for (const answer of await askPanels(prometheus, dashboard, panels, { choice, start, end, rateInterval })) {
      const query = `${name}: ${answer.panel.title} ${answer.refId}`
      t.ok(hasData(answer), `${query} ${choice.node ?? ''}`)
      asked.add(query)
      if (hasMoreThanZeros(answer)) shown.add(query)
    }
  }
  t.same(
    [...asked].filter((it) => !shown.has(it)),
    [],
    'each shows more than zeros, of one node at least',
  )
}

function dashboardOf(name: string): Dashboard {
  const file = join(import.meta.dirname, '..', '..', 'chart', 'dashboards', `${name}.json`)
  return JSON.parse(readFileSync(file, 'utf8'))
}
