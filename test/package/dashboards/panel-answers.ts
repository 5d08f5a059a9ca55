import type { Dashboard, Panel } from './dashboard.ts'
import type { AnsweredSeries, AskedPrometheus } from './prometheus.ts'

/** What someone chose in Grafana, as it stands in a query; what is not in it is "All", except for the node. */
export type Choice = Readonly<Record<string, string>>

/** What is looked at, as Grafana would ask for it. */
export interface View {
  choice: Choice
  /** Seconds since the epoch. */
  start: number
  end: number
  /** Four times the scrape interval is Grafana's at the finest resolution: `4s`. */
  rateInterval: string
}

/** What one query of a panel returned. */
export interface PanelAnswer {
  panel: Panel
  refId: string
  series: AnsweredSeries[]
}

/** All panels, or those of the rows of these titles. */
export function panelsOf(dashboard: Dashboard, rows?: readonly string[]): Panel[] {
  let row = ''
  return dashboard.panels.filter((panel): panel is Exclude<typeof panel, { type: 'row' }> => {
    if (panel.type === 'row') row = panel.title
    return panel.type !== 'row' && (rows?.includes(row) ?? true)
  })
}

/** A query as Grafana sends it. `$__range` is what is looked at. Throws where no node is chosen and one is asked for. */
export function substituted(dashboard: Dashboard, expr: string, { choice, start, end, rateInterval }: View): string {
  const values: Record<string, string> = { __rate_interval: rateInterval, __range: `${Math.ceil(end - start)}s` }
  for (const { name, allValue } of dashboard.templating.list) {
    const value = choice[name] ?? allValue
    if (value !== undefined) values[name] = String(value)
  }
  return expr.replace(/\$(\w+)/g, (whole, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`nothing is chosen for ${whole}`)
    return value
  })
}

/** Asks every query of these panels over the time of the view, whether it is of a time or of now. */
export async function askPanels(
  prometheus: AskedPrometheus,
  dashboard: Dashboard,
  panels: readonly Panel[],
  view: View,
): Promise<PanelAnswer[]> {
  const answers: PanelAnswer[] = []
  for (const panel of panels) {
    for (const { refId, expr } of panel.targets) {
      const series = await prometheus.queryRange(substituted(dashboard, expr, view), view.start, view.end)
      answers.push({ panel, refId, series })
    }
  }
  return answers
}

/** Whether something can be seen: a number at all. */
export const hasData = ({ series }: PanelAnswer) => series.some(({ values }) => values.some(Number.isFinite))

/** Whether more than zeros can be seen, where all are zero as long as nothing was measured. */
export const hasMoreThanZeros = ({ series }: PanelAnswer) => series.some(({ values }) => values.some((it) => it > 0))
