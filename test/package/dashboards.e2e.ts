/**
 * Every query of the dashboards against a real Prometheus that scrapes a real agent, while the node's tree goes from
 * Spegel's (state A) to Talos' alone (state B) and back, its containerd through a pull that fails, and Git through a conflict
 * and a file that cannot be read. containerd is one in memory, and the canary's origin a stand-in on the loopback.
 * Needs `prometheus` in the PATH (Debian's package) and nothing beyond the loopback.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startAgent } from '../../src/agent.ts'
import { startHarborDouble } from '../../src/commands/demo/harbor-double.ts'
import { readDaemonFacts } from '../../src/containerd/client/read-daemon-facts.ts'
import { newImage, originImage } from '../containerd/client/images.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import {
  configOf,
  type NodeDirectory,
  removeHosts,
  talosPatchOf,
  writeNodeDirectory,
  writeTree,
} from '../fixtures/node-directory.ts'
import type { Dashboard, Panel } from './dashboards/dashboard.ts'
import { type AnsweredSeries, type Prometheus, startPrometheus } from './dashboards/prometheus.ts'

const CANARY = 'canary.example'
const REGISTRIES = ['192.168.1.106', 'docker.io', CANARY]
const REPOSITORY = 'library/pullpath-canary'
const MORE = `watch: { settle: 20ms, rescan: 100ms }
containerd: { socket: /run/containerd.sock }
canary: { image: ${CANARY}/${REPOSITORY}, tags: 1, interval: 0 }
`
/** Generous: four scrapes are enough for every condition. */
const PATIENCE_MS = 30_000

t.setTimeout(180_000)

/**
 * The agent under two jobs, as two clusters' Prometheus would show it to one Grafana: one with a `cluster` label and
 * one without. `node` comes from the pod's node as the chart's relabelling takes it. The third job stands for any other
 * program that has `process_` and `nodejs_` metrics too: it must not be shown as an agent.
 */
function prometheusConfig(agentAddress: string): string {
  const job = (name: string, target: string, labels: string) => `
  - job_name: ${name}
    static_configs:
      - targets: ['${target}']
        labels: { ${labels} }
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_node_name]
        target_label: node`
  return `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
${job('kube-system/pullpath', agentAddress, '__meta_kubernetes_pod_node_name: k8s-1')}
${job('pullpath', agentAddress, '__meta_kubernetes_pod_node_name: k8s-1, cluster: home')}
${job('other', agentAddress, '__meta_kubernetes_pod_node_name: k8s-9')}
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: process_.*|nodejs_.*
        action: keep
`
}

const dashboardOf = (name: string): Dashboard =>
  JSON.parse(readFileSync(new URL(`../../chart/dashboards/${name}.json`, import.meta.url), 'utf8'))

const DASHBOARDS = { cluster: dashboardOf('cluster'), node: dashboardOf('node') }

const panelsOf = (dashboard: Dashboard): Panel[] => dashboard.panels.filter((panel) => panel.type !== 'row')

/** What someone chose in Grafana, as it stands in a query; what is not in it is "All", except for the node. */
type Choice = Readonly<Record<string, string>>

const CHOICES: Record<string, Choice> = {
  All: {},
  'a cluster': { cluster: 'home' },
  'a job without a cluster, two registries': {
    job: 'kube-system/pullpath',
    registry: '(canary\\\\.example|ghcr\\\\.io)',
  },
}

/**
 * As Grafana does it; four times the scrape interval is its `$__rate_interval` at the finest resolution, and `$__range`
 * is what is shown: here all there is.
 */
function substituted(dashboard: Dashboard, expr: string, choice: Choice): string {
  const values: Record<string, string> = { __rate_interval: '4s', __range: '180s' }
  for (const { name, allValue } of dashboard.templating.list) values[name] = String(choice[name] ?? allValue ?? 'k8s-1')
  return expr.replace(/\$(\w+)/g, (whole, name: string) => values[name] ?? whole)
}

const hasData = (series: readonly AnsweredSeries[]) => series.some(({ values }) => values.some(Number.isFinite))

/** Asks until the answer fits, and says after a bound what did not come. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(`it did not come to this: ${what}`)
    await delay(50)
  }
}

/** Shows what was asked of a panel's table or number: all of its targets now. */
async function shownNow(prometheus: Prometheus, dashboard: Dashboard, title: string): Promise<AnsweredSeries[]> {
  const panel = panelsOf(dashboard).find((it) => it.title === title)
  if (panel === undefined) throw new Error(`no panel ${title}`)
  const choice = { cluster: 'home' }
  const answers = panel.targets.map(({ expr }) => prometheus.query(substituted(dashboard, expr, choice)))
  return (await Promise.all(answers)).flat()
}

const numberOf = (series: readonly AnsweredSeries[]) => series[0]?.values[0]

function toTalosAlone(node: NodeDirectory): void {
  for (const name of node.tree.entries.keys()) if (!node.talosTree.entries.has(name)) removeHosts(node, name)
  writeTree(node.hosts, node.talosTree)
}

/** A containerd that can pull the canary, and where its origin answers for it. */
async function startOrigin(t: Test): Promise<{ daemon: MemoryDaemon; url: string }> {
  const reference = `${CANARY}/${REPOSITORY}:proof-0`
  const built = newImage(reference, 'a canary')
  const harbor = await startHarborDouble(new Map([[`${CANARY}/${REPOSITORY}`, new Map([['proof-0', built.image]])]]))
  t.teardown(() => harbor.close())
  const daemon = new MemoryDaemon()
  daemon.origin.set(reference, originImage(built))
  return { daemon, url: `${harbor.url}/v2/${CANARY}` }
}

t.test('every query of every dashboard returns data', async (t) => {
  const { daemon, url } = await startOrigin(t)
  const endpoints = { [CANARY]: url }
  const node = writeNodeDirectory(t.testdir({}), REGISTRIES, { more: MORE, endpoints })
  const agent = await startAgent({
    configFile: node.configFile,
    env: {},
    logger: pino({ level: 'silent' }),
    openDaemon: async () => ({ client: daemon.client(), readFacts: readDaemonFacts }),
  })
  t.teardown(() => agent.stop())
  const start = Date.now() / 1000 - 1
  const prometheus = await startPrometheus(t.testdirName, prometheusConfig(agent.url.replace('http://', '')))
  t.teardown(() => prometheus.stop())
  /** Until both jobs have scraped it. */
  const scraped = (expr: string) => {
    return until(expr, async () => (await prometheus.query(expr)).length === 2)
  }
  const now = (title: string) => shownNow(prometheus, DASHBOARDS.cluster, title)
  const pullPath = async () => {
    const rows = await shownNow(prometheus, DASHBOARDS.node, 'Pull path of each registry')
    return rows
      .filter(({ metric }) => metric.registry === '192.168.1.106')
      .sort((a, b) => Number(a.metric.position) - Number(b.metric.position))
      .map(({ metric }) => metric.role)
  }
  const drifts = async () => {
    return (await now('Findings')).filter(({ metric }) => metric.kind === 'drift').map(({ metric }) => metric.reason)
  }

  await scraped('sum by (job) (pullpath_registry_in_sync) == 3')
  await scraped('pullpath_containerd_resolve_success == 1')
  t.equal(numberOf(await now('Nodes with an agent')), 1)
  t.equal(numberOf(await now('Nodes not in sync')), 0)
  t.same(await drifts(), [])
  t.same(await pullPath(), ['peer', 'peer', 'origin', 'origin'], 'peers first')

  daemon.pullFailure = 'http: server gave HTTP response to HTTPS client'
  toTalosAlone(node)
  await scraped('pullpath_containerd_resolve_success == 0')
  t.match(
    (await now('Findings')).filter(({ metric }) => metric.kind === 'fault'),
    [{ metric: { registry: CANARY, reason: 'resolve-failed' } }],
  )
  await scraped('pullpath_drift{registry="192.168.1.106", reason="peer-mirror-missing"} == 1')
  t.equal(numberOf(await now('Nodes not in sync')), 1)
  t.equal(numberOf(await now('Nodes with a mirror that is not effective')), 1)
  t.ok((await drifts()).includes('peer-mirror-missing'))
  const [finding] = (await now('Findings')).filter(({ metric }) => metric.reason === 'peer-mirror-missing')
  t.match(finding, { metric: { node: 'k8s-1', cluster: 'home', registry: '192.168.1.106' } })
  t.ok((finding?.values[0] ?? -1) >= 0, 'its age')
  t.same(await pullPath(), ['origin', 'origin'], 'no peers')

  daemon.pullFailure = null
  writeTree(node.hosts, node.tree)
  await scraped('pullpath_containerd_resolve_success == 1')
  await scraped('sum by (job) (pullpath_registry_in_sync) == 3')
  t.equal(numberOf(await now('Nodes not in sync')), 0)
  t.same(await drifts(), [])

  writeFileSync(node.talosFile, talosPatchOf([...REGISTRIES, 'ghcr.io'], endpoints))
  await scraped('pullpath_conflict{registry="ghcr.io", reason="registry-not-mirrored"} == 1')
  t.match(await now('Conflicts in Git, by registry'), [
    { metric: { registry: 'ghcr.io', reason: 'registry-not-mirrored' }, values: [1] },
  ])
  writeFileSync(node.talosFile, 'machine: [\n')
  await scraped('pullpath_input_up{input="intent_talos"} == 0')
  t.equal(numberOf(await now('Inputs down')), 1)
  writeFileSync(node.configFile, `${configOf(node.directory, { more: MORE })}no: [`)
  await scraped('pullpath_config_last_reload_successful == 0')
  t.equal(numberOf(await now('Configurations refused')), 1)

  const end = Date.now() / 1000
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    for (const [chosen, choice] of Object.entries(CHOICES)) {
      t.test(`${name}, ${chosen}: data for every panel`, async (t) => {
        for (const panel of panelsOf(dashboard)) {
          const labels = new Set<string>()
          for (const { refId, expr } of panel.targets) {
            const series = await prometheus.queryRange(substituted(dashboard, expr, choice), start, end)
            for (const { metric } of series) for (const label of Object.keys(metric)) labels.add(label)
            t.ok(hasData(series), `${panel.title}: ${refId}`)
          }
          for (const label of labelsShown(panel)) {
            if (label === 'cluster' && choice.job !== undefined) continue // it is the job without one
            t.ok(labels.has(label), `${panel.title}: ${label}`)
          }
        }
      })

      t.test(`${name}, ${chosen}: a choice for every variable`, async (t) => {
        for (const { name: variable, type, query } of dashboard.templating.list) {
          if (type !== 'query' || typeof query === 'string') continue
          if (variable === 'cluster' && choice.job !== undefined) continue
          const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query.query) ?? []
          const values = await prometheus.labelValues(label, substituted(dashboard, selector, choice), start, end)
          t.not(values.length, 0, `${variable}: ${values}`)
        }
      })
    }
  }

  t.test(
    'the timeline of drift has a row for what drifted, from its first second to its last, and no other',
    async (t) => {
      const panel = panelsOf(DASHBOARDS.cluster).find(({ title }) => title === 'Drift, by node, registry and reason')
      const expr = substituted(DASHBOARDS.cluster, panel?.targets[0]?.expr ?? '', { cluster: 'home' })
      const rows = await prometheus.queryRange(expr, start, end)
      t.ok(rows.some(({ metric }) => metric.registry === '192.168.1.106' && metric.reason === 'peer-mirror-missing'))
      for (const { metric, values } of rows) {
        t.match(values.join(''), /^0+1+0+$/, `${metric.registry} ${metric.reason}`)
      }
    },
  )

  t.test('another process with metrics of the same names is not shown as an agent', async (t) => {
    const everyone = await prometheus.query('count by (node) (process_resident_memory_bytes)')
    t.same(everyone.map(({ metric }) => metric.node).sort(), ['k8s-1', 'k8s-9'])
    for (const title of ['Memory of the agents', 'CPU of the agents']) {
      const panel = panelsOf(DASHBOARDS.cluster).find((it) => it.title === title)
      const expr = substituted(DASHBOARDS.cluster, panel?.targets[0]?.expr ?? '', {})
      const nodes = (await prometheus.queryRange(expr, start, end)).map(({ metric }) => metric.node)
      t.same([...new Set(nodes)], ['k8s-1'], title)
    }
  })
})

/** The labels that legends or a table's columns name. */
function labelsShown({ targets, transformations }: Panel): string[] {
  const inLegends = targets.flatMap(({ legendFormat }) => {
    return [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
  })
  const columns = transformations.find(({ id }) => id === 'organize')?.options.indexByName ?? {}
  return [...inLegends, ...Object.keys(columns).filter((field) => field !== 'Value')]
}
