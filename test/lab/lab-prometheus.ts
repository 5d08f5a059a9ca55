import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AskedPrometheus, prometheusAt } from '../package/dashboards/prometheus.ts'
import { until } from '../package/examples/until.ts'
import { AGENT_PORT } from './lab-agent.ts'
import type { Machine } from './machine.ts'

const RULES = join(import.meta.dirname, '..', '..', 'chart', 'rules', 'pullpath.yaml')
const CONFIGURATION = '/run/prometheus.yaml'
const URL = 'http://127.0.0.1:9090'

/** Seconds between scrapes of the lab. */
export const SCRAPE_INTERVAL = 2

/**
 * Starts Prometheus on a machine of the lab; resolves when it is ready. It scrapes the agents of these nodes, with the
 * labels that the chart's monitors add, and has the chart's rules as they are.
 */
export async function startLabPrometheus(machine: Machine, nodes: readonly Machine[]): Promise<AskedPrometheus> {
  const targets = nodes.map(
    ({ name, address }) =>
      `      - { targets: ['${address}:${AGENT_PORT}'], labels: { node: ${name}, pod: pullpath-${name} } }\n`,
  )
  writeFileSync(
    machine.outside(CONFIGURATION),
    `global: { scrape_interval: ${SCRAPE_INTERVAL}s, scrape_timeout: ${SCRAPE_INTERVAL}s, evaluation_interval: ${SCRAPE_INTERVAL}s }
rule_files: ['${RULES}']
scrape_configs:
  - job_name: kube-system/pullpath
    static_configs:
${targets.join('')}`,
  )
  const listens = ['--web.listen-address=127.0.0.1:9090', '--storage.tsdb.path=/run/prometheus']
  machine.start('prometheus', [`--config.file=${CONFIGURATION}`, ...listens])
  // It refuses until it listens, and says 503 until it is ready.
  await machine.run('curl', [
    '-sS',
    '--fail',
    '--retry',
    '30',
    '--retry-connrefused',
    '--retry-delay',
    '1',
    `${URL}/-/ready`,
  ])
  return prometheusAt(URL, (url, form) =>
    machine.run('curl', ['-sS', ...(form === null ? [] : ['--data', `${form}`]), url]),
  )
}

/** `PullpathFallbackPulls k8s-1 firing`, each once. */
export async function alertsOfPulls(prometheus: AskedPrometheus): Promise<string[]> {
  const raised = (await prometheus.alerts()).filter(({ labels }) => labels.alertname?.includes('Pulls'))
  return [...new Set(raised.map(({ state, labels }) => `${labels.alertname} ${labels.node} ${state}`))].sort()
}

/** Resolves once all that there is now is scraped, and the rules have seen it. */
export async function scrapedAgain(prometheus: AskedPrometheus): Promise<void> {
  const after = (time: number, expr: string) => {
    return until(`${expr} after ${time}`, async () => {
      const [at = 0] = (await prometheus.query(expr))[0]?.values ?? []
      return at > time ? at : null
    })
  }
  const scraped = await after(Date.now() / 1000, 'min(timestamp(pullpath_build_info))')
  await after(scraped, 'max(timestamp(cluster_node_method_source:pullpath_pulls:increase3h))')
}
