/**
 * The whole way of an installation, with the values of the example HelmRelease: `helm template`, the image pulled from
 * Harbor's address by real containerd through the node's own hosts tree, the agent in a container over that tree, a real
 * Prometheus with the chart's scrape and rules; then Talos writes its tree over Spegel's, alerts fire, Spegel writes
 * again, and they resolve. Needs root and what `.ci/tools` installs: npx tap test/package/install.e2e.ts
 *
 * Three things are not as installed, all by values that the chart documents: `podMonitor.interval`, `for` of each alert by
 * `prometheusRule.alerts` (test/package/rules/ holds the real ones, over hours, by promtool), and what is asked of Spegel,
 * Harbor and containerd's own view, which are not those of a node here.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import type { Finding } from '../../src/drift/report.ts'
import { type AnsweredSeries, startPrometheus } from './dashboards/prometheus.ts'
import { until } from './examples/until.ts'
import { startAgentPod } from './image/agent-pod.ts'
import { ImageBuilder } from './image/build-image.ts'
import { type KubernetesObject, type RenderedChart, renderChart } from './image/chart.ts'
import { startContainerd } from './image/containerd.ts'
import { exampleNode } from './image/example-node.ts'
import { HARBOR, type Inside, inside, raiseNetwork, runInside } from './image/namespaces.ts'
import { startRegistry } from './image/registry.ts'

const REGISTRIES = [HARBOR, 'docker.io', 'ghcr.io', 'registry.k8s.io']
const TAG = 'localhost/pullpath'
const PAUSE = 'localhost/pause'
const INTERVAL = '1s'
const FOR = '2s'

t.setTimeout(600_000)

async function outside() {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-install-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const builder = new ImageBuilder(directory)
  await builder.buildPullpath(TAG, { VERSION: packageJson.version })
  await builder.buildPause(PAUSE)
  await runInside(t, import.meta.filename, directory)
}

interface PrometheusRule extends KubernetesObject {
  spec: { groups: { rules: { alert?: string; for?: string }[] }[] }
}

interface PodMonitor extends KubernetesObject {
  spec: { podMetricsEndpoints: { path: string; relabelings: { sourceLabels: string[]; targetLabel: string }[] }[] }
}

const alertsOf = (chart: RenderedChart) => {
  const rules = chart.the<PrometheusRule>('PrometheusRule').spec.groups.flatMap((group) => group.rules)
  return [...new Set(rules.flatMap(({ alert }) => alert ?? []))]
}

/** The configuration that the Prometheus operator makes of the chart's objects, for one pod. */
function prometheusConfig(chart: RenderedChart, rules: string, node: { name: string; ip: string }, port: number) {
  const [endpoint] = chart.the<PodMonitor>('PodMonitor').spec.podMetricsEndpoints
  return stringify({
    global: { scrape_interval: INTERVAL, scrape_timeout: INTERVAL, evaluation_interval: INTERVAL },
    rule_files: [rules],
    scrape_configs: [
      {
        job_name: 'pullpath',
        metrics_path: endpoint?.path,
        static_configs: [{ targets: [`${node.ip}:${port}`], labels: { __meta_kubernetes_pod_node_name: node.name } }],
        relabel_configs: endpoint?.relabelings.map(({ sourceLabels, targetLabel }) => {
          return { source_labels: sourceLabels, target_label: targetLabel }
        }),
      },
    ],
  })
}

async function onTheNode(t: Test, { directory, cgroup }: Inside) {
  await raiseNetwork()
  const registry = await startRegistry(directory, HARBOR)
  t.teardown(() => registry.stop())
  const builder = new ImageBuilder(directory)
  await builder.push(TAG, `${HARBOR}/library/pullpath:${packageJson.version}`)
  await builder.push(PAUSE, `${HARBOR}/library/pause:1`)

  const node = exampleNode(join(directory, 'node'))
  const pauseImage = `${HARBOR}/library/pause:1`
  const containerd = await startContainerd({
    major: 2,
    directory,
    hostsDir: node.hostsDir,
    socket: node.socket,
    pauseImage,
  })
  t.teardown(() => containerd.stop())

  const podMonitor = { ...node.values.podMonitor, interval: INTERVAL, scrapeTimeout: INTERVAL }
  const names = alertsOf(await renderChart(node.values))
  const alerts = Object.fromEntries(names.map((name) => [name, { for: FOR }]))
  const prometheusRule = { ...node.values.prometheusRule, alerts }
  const off = { interval: 0 }
  const { containerd: daemon, ...others } = node.values.config
  const config = { ...others, probe: off, canary: off, containerd: { ...daemon, proof: off } }
  const chart = await renderChart({ ...node.values, config, podMonitor, prometheusRule })
  const agent = await startAgentPod(containerd, chart, { ...node, directory, cgroup })
  t.comment(`containerd ${containerd.version}; ready ${agent.readyAfter.toFixed(0)} ms after the pod was asked for`)

  const rules = join(directory, 'rules.yaml')
  writeFileSync(rules, stringify({ groups: chart.the<PrometheusRule>('PrometheusRule').spec.groups }))
  const prometheus = await startPrometheus(directory, prometheusConfig(chart, rules, node, agent.pod.port))
  t.teardown(() => prometheus.stop())
  /** Until it has an answer. */
  const comes = (expr: string) => {
    return until(expr, async () => ((await prometheus.query(expr)).length > 0 ? true : null))
  }
  /** As `alertname registry reason severity`, of all that are pending or firing. */
  const active = async (state = '') => (await prometheus.query(`ALERTS${state}`)).map(shown).sort()

  await t.test("after boot: Spegel's tree, every mirror is effective, no alert", async (t) => {
    // The rules have been evaluated for longer than any of them waits.
    await comes(`count_over_time(cluster_registry:pullpath_mirror_effective:avg{registry="${HARBOR}"}[1m]) > 5`)
    t.same(await active(), [])
    const effective = await prometheus.query('pullpath_mirror_effective == 1')
    t.same(effective.map(({ metric }) => metric.registry).sort(), REGISTRIES)
    t.ok(effective.every(({ metric }) => metric.node === node.name && metric.job === 'pullpath'))
  })

  await t.test("Talos' tree replaces Spegel's: alerts fire", async (t) => {
    node.talosRewrites()
    for (const registry of REGISTRIES) {
      const of = `alertstate="firing", node="${node.name}", registry="${registry}"`
      await comes(`ALERTS{alertname="PullpathMirrorNotEffective", ${of}}`)
      await comes(`ALERTS{alertname="PullpathMirrorDrift", ${of}, reason="peer-mirror-missing"}`)
    }
    t.same(
      await active('{alertstate="firing"}'),
      REGISTRIES.flatMap((registry) => [
        `PullpathMirrorDrift ${registry} peer-mirror-missing warning`,
        `PullpathMirrorNotEffective ${registry}  warning`,
      ]).sort(),
    )
    const answer = await fetch(`http://${node.ip}:${agent.pod.port}/api/v1/findings?registry=${HARBOR}`)
    const [finding] = (await answer.json()) as Finding[]
    t.match(finding, { reason: 'peer-mirror-missing', cause: { actor: 'talos' } })
    t.match(finding?.remedy[0]?.command, /^kubectl /, 'what the agent says then helps')
  })

  await t.test('Spegel writes again: they resolve', async (t) => {
    node.spegelRewrites()
    await comes('absent(ALERTS)')
    t.same(await active(), [])
    t.equal((await prometheus.query('pullpath_mirror_effective == 1')).length, REGISTRIES.length)
  })

  t.equal(await agent.stop(), 0)
}

const shown = ({ metric }: AnsweredSeries) => {
  const { alertname, registry = '', reason = '', severity = '' } = metric
  return `${alertname} ${registry} ${reason} ${severity}`
}

const given = inside()
if (given === null) await outside()
else t.test('from helm template to an alert and back', async (t) => await onTheNode(t, given))
