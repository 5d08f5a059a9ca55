/**
 * Every query of the dashboards against a real Prometheus that scrapes a real agent, while the node's tree goes from
 * Spegel's (state A) to Talos' alone (state B) and back, its containerd through a pull that fails, and Git through a conflict
 * and a file that cannot be read. containerd is one in memory, and the canary's origin a stand-in on the loopback. Two
 * nodes beside it show what was measured where Spegel and its peers are: no part of them runs here.
 * Needs `prometheus` in the PATH (Debian's package) and nothing beyond the loopback.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
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
import { roundOfPulls, startMeasuredNode } from './dashboards/measured-node.ts'
import {
  askPanels,
  type Choice,
  hasData,
  hasMoreThanZeros,
  panelsOf,
  substituted,
  type View,
} from './dashboards/panel-answers.ts'
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

type Target = readonly [node: string, address: string]

/**
 * The agent under two jobs, as two clusters' Prometheus would show it to one Grafana: one with a `cluster` label and
 * one without. `node` comes from the pod's node as the chart's relabelling takes it. The third job stands for any other
 * program that has `process_` and `nodejs_` metrics too: it must not be shown as an agent.
 */
function prometheusConfig(agentAddress: string, measured: readonly Target[]): string {
  const job = (name: string, labels: string, targets: readonly Target[]) => `
  - job_name: ${name}
    static_configs:
${targets
  .map(
    ([node, target]) => `      - targets: ['${target}']
        labels: { __meta_kubernetes_pod_node_name: ${node}${labels} }`,
  )
  .join('\n')}
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_node_name]
        target_label: node`
  const agents: Target[] = [['k8s-1', agentAddress], ...measured]
  return `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: ['${RULES}']
scrape_configs:
${job('kube-system/pullpath', '', agents)}
${job('pullpath', ', cluster: home', agents)}
${job('other', '', [['k8s-9', agentAddress]])}
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: process_.*|nodejs_.*
        action: keep
`
}

const RULES = fileURLToPath(new URL('../../chart/rules/pullpath.yaml', import.meta.url))

const dashboardOf = (name: string): Dashboard =>
  JSON.parse(readFileSync(new URL(`../../chart/dashboards/${name}.json`, import.meta.url), 'utf8'))

const DASHBOARDS = { cluster: dashboardOf('cluster'), node: dashboardOf('node') }

/** One dashboard is of all nodes, the other one of a node that must be chosen. */
function viewOf(dashboard: Dashboard, choice: Choice, start: number, end: number): View {
  const node = dashboard === DASHBOARDS.node ? { node: 'k8s-1' } : {}
  return { choice: { ...node, ...choice }, start, end, rateInterval: '4s' }
}

const CHOICES: Record<string, Choice> = {
  All: {},
  'a cluster': { cluster: 'home' },
  'a job without a cluster, two registries': {
    job: 'kube-system/pullpath',
    registry: '(canary\\\\.example|ghcr\\\\.io)',
  },
}

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
  const now = Date.now() / 1000
  const view = viewOf(dashboard, { cluster: 'home' }, now - 180, now)
  const answers = panel.targets.map(({ expr }) => prometheus.query(substituted(dashboard, expr, view)))
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
  const measured = await startMeasuredNode([REGISTRIES[0] ?? '', CANARY])
  t.teardown(() => measured.close())
  const other = await startMeasuredNode([REGISTRIES[0] ?? '', CANARY])
  t.teardown(() => other.close())
  for (const pull of roundOfPulls()) for (const { pulls } of [measured, other]) pulls.count(pull)
  const config = prometheusConfig(agent.url.replace('http://', ''), [
    ['k8s-1', measured.address],
    ['k8s-2', other.address],
  ])
  const prometheus = await startPrometheus(t.testdirName, config)
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

  // One pull of each kind was all that there was so far.
  await scraped('sum by (job) (pullpath_pulls_total{source="fallback"}) == 2')
  t.equal(numberOf(await now('Fallback pulls')), 2, 'that of each node, which its series begins with')
  t.equal(numberOf(await now('Failed pulls')), 2)
  t.equal((await now('Last pulls')).length, 2 * 3 * 7, 'of two nodes, three values of seven kinds')
  const ofPulls = async () => {
    const raised = (await prometheus.alerts()).filter(({ labels }) => /Pulls/.test(labels.alertname ?? ''))
    return raised.map(({ state, labels }) => `${labels.alertname} ${labels.cluster ?? ''} ${labels.node} ${state}`)
  }
  t.same(await ofPulls(), [], 'one of each is nothing to be told')
  const bad = roundOfPulls().filter(({ source, failure }) => source === 'fallback' || failure !== null)
  for (const pull of [...bad, ...bad]) measured.pulls.count(pull)
  await until('the alerts of the second fallback and the second failure', async () => {
    return (await ofPulls()).length === 4
  })
  t.same((await ofPulls()).sort(), [
    'PullpathFallbackPulls  k8s-1 firing',
    'PullpathFallbackPulls home k8s-1 firing',
    'PullpathPullsFailing  k8s-1 firing',
    'PullpathPullsFailing home k8s-1 firing',
  ])

  const end = Date.now() / 1000
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    for (const [chosen, choice] of Object.entries(CHOICES)) {
      const view = viewOf(dashboard, choice, start, end)
      t.test(`${name}, ${chosen}: data for every panel`, async (t) => {
        for (const panel of panelsOf(dashboard)) {
          const answers = await askPanels(prometheus, dashboard, [panel], view)
          const labels = new Set(answers.flatMap(({ series }) => series.flatMap(({ metric }) => Object.keys(metric))))
          for (const answer of answers) t.ok(hasData(answer), `${panel.title}: ${answer.refId}`)
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
          const values = await prometheus.labelValues(label, substituted(dashboard, selector, view), start, end)
          t.not(values.length, 0, `${variable}: ${values}`)
        }
      })
    }
  }

  t.test(
    'the timeline of drift has a row for what drifted, from its first second to its last, and no other',
    async (t) => {
      const panel = panelsOf(DASHBOARDS.cluster).find(({ title }) => title === 'Drift, by node, registry and reason')
      const view = viewOf(DASHBOARDS.cluster, { cluster: 'home' }, start, end)
      const expr = substituted(DASHBOARDS.cluster, panel?.targets[0]?.expr ?? '', view)
      const rows = await prometheus.queryRange(expr, start, end)
      t.ok(rows.some(({ metric }) => metric.registry === '192.168.1.106' && metric.reason === 'peer-mirror-missing'))
      for (const { metric, values } of rows) {
        t.match(values.join(''), /^0+1+0+$/, `${metric.registry} ${metric.reason}`)
      }
    },
  )

  t.test('every panel of pulls and endpoints shows more than zeros', async (t) => {
    for (const dashboard of Object.values(DASHBOARDS)) {
      const panels = panelsOf(dashboard, ['Pulls', 'Endpoints and Harbor'])
      t.ok(panels.length > 5)
      for (const answer of await askPanels(prometheus, dashboard, panels, viewOf(dashboard, {}, start, end))) {
        t.ok(hasMoreThanZeros(answer), `${answer.panel.title}: ${answer.refId}`)
      }
    }
  })

  t.test('a panel that asks for a metric that is not there is found out', async (t) => {
    const wrong: Dashboard = JSON.parse(JSON.stringify(DASHBOARDS.node).replaceAll('pulls_total', 'pull_total'))
    const view = viewOf(DASHBOARDS.node, {}, start, end)
    const answers = await askPanels(prometheus, wrong, panelsOf(wrong, ['Pulls']), view)
    t.same(
      answers.filter((it) => !hasData(it)).map(({ panel }) => panel.title),
      ['Fallback pulls', 'Who served pulls'],
    )
  })

  t.test('what a node measured is shown on although it is not scraped any more', async (t) => {
    const titles = ['Last pulls', 'Fallback pulls', 'Failed pulls']
    const before = await Promise.all(titles.map(now))
    await other.close()
    await scraped('sum by (job) (up{node="k8s-2"}) == 0')
    t.same(await prometheus.query('pullpath_pulls_total{node="k8s-2"}'), [])
    const after = await Promise.all(titles.map(now))
    t.same(
      after.map((series) => series.length),
      before.map((series) => series.length),
    )
    t.same(after.slice(1).map(numberOf), before.slice(1).map(numberOf))
  })

  t.test('another process with metrics of the same names is not shown as an agent', async (t) => {
    const everyone = await prometheus.query('count by (node) (process_resident_memory_bytes)')
    t.same(everyone.map(({ metric }) => metric.node).sort(), ['k8s-1', 'k8s-9'])
    for (const title of ['Memory of the agents', 'CPU of the agents']) {
      const panel = panelsOf(DASHBOARDS.cluster).find((it) => it.title === title)
      const view = viewOf(DASHBOARDS.cluster, {}, start, end)
      const expr = substituted(DASHBOARDS.cluster, panel?.targets[0]?.expr ?? '', view)
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
  const { rowField, columnField } = transformations.find(({ id }) => id === 'groupingToMatrix')?.options ?? {}
  const ofBars = [rowField, columnField].flatMap((it) => (typeof it === 'string' ? [it] : []))
  return [...inLegends, ...ofBars, ...Object.keys(columns).filter((field) => !field.startsWith('Value'))]
}
