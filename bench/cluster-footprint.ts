/**
 * What the idle agent costs in a cluster, with everything on: live intent from an API server over TLS, a slot of the
 * canary every five minutes, observed pulls, Events and the Node condition, probes of every endpoint of 20 registries,
 * containerd's socket, and a scrape every 30 s. Beside it, in the same run: agents of the same node that ask no
 * Kubernetes, and the bare node binary.
 *
 * Argument: seconds of rest that are measured; 320 hold at least one slot. Needs root: it happens in a network and a
 * mount namespace of its own, with the service account where a pod has it.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CANARY_CLASSES, canaryTag } from '../src/pull/canary-names.ts'
import { newImage, originImage } from '../test/containerd/client/images.ts'
import { MemoryDaemon } from '../test/containerd/client/memory-daemon.ts'
import { WireDouble } from '../test/containerd/client/wire-double.ts'
import { HOSTS_DIR } from '../test/fixtures/intents.ts'
import type { NodeDirectory } from '../test/fixtures/node-directory.ts'
import { NODE_IP } from '../test/fixtures/node-states.ts'
import { daemonSetObject, nodeObject, podObject, releaseObject } from '../test/fixtures/spegel-objects.ts'
import type { Json } from '../test/kube/api-object.ts'
import { ApiServer } from '../test/kube/api-server.ts'
import type { JournalEntry } from '../test/kube/journal.ts'
import { EVERYTHING } from '../test/kube/rbac.ts'
import { serviceAccountOf } from '../test/kube/service-account.ts'
import { endpoint, sliceOf } from '../test/kube/slices.ts'
import { type AgentSite, end, makeSite, REGISTRIES, spawnNode, startAgentProcess } from './agent-process.ts'
import { declareHarbor, HARBOR, requireProbes, runInside, serveEndpoints } from './local-endpoints.ts'
import { coreShare, type Usage, usageOf } from './process-usage.ts'
import { percentile, verdict } from './statistics.ts'

const AGENTS = 3
const REST_S = 30
const SCRAPE_S = 30
const GOALS = { rss: 90, cpu: 0.5, series: 1500, requests: 30 }
const SOCKET = '/run/containerd/containerd.sock'
const REPOSITORY = 'library/pullpath-canary'
const TAGS = 8
/** The other nodes of the cluster. */
const PEERS = ['192.168.1.99', '192.168.1.100']

interface Measured {
  site: AgentSite
  child: ChildProcess
  double: WireDouble
}

const [argument = '320', seconds = argument] = process.argv.slice(2)
if (argument === 'inside') await measure(Number(seconds))
else runInside(import.meta.filename, ['--net', '--mount'], [argument])

async function measure(seconds: number): Promise<void> {
  const image = newImage(`${REPOSITORY}:tag-0`, 'a canary')
  const servers = serveEndpoints(image.image, PEERS)
  const server = await ApiServer.start({ users: { 'token-1': { name: 'bench', rules: EVERYTHING } } })
  fillCluster(server)
  const account = serviceAccountOf(server, 'token-1')
  mountAccount(account.root)
  Object.assign(process.env, account.env)
  const bare = spawnNode(['-e', 'setInterval(() => {}, 1e6)'])
  const everything: Measured[] = []
  const without: Measured[] = []
  try {
    for (let count = 0; count < AGENTS; count++) {
      everything.push(await startAgent(image, true))
      without.push(await startAgent(image, false))
    }
    const processes = {
      bare: [bare],
      without: without.map((it) => it.child),
      everything: everything.map((it) => it.child),
    }
    await delay(REST_S * 1000)
    const before = usages(processes)
    const asked = server.journal.entries.length
    await rest(seconds, [...everything, ...without])
    const after = usages(processes)
    const requests = server.journal.entries.slice(asked)
    const pages = await Promise.all(everything.map(({ site }) => metricsOf(site)))
    console.log(
      `idle for ${seconds} s, ${AGENTS} agents each, load ${loadavg()
        .map((it) => it.toFixed(1))
        .join(' ')}`,
    )
    console.log(`${''.padEnd(22)} resident            anonymous   of one core`)
    for (const [name, of] of [
      ['bare node', 'bare'],
      ['Kubernetes off', 'without'],
      ['everything on', 'everything'],
    ] as const) {
      console.log(row(name, before[of], after[of], seconds))
    }
    const { rss, cpu } = figures(before.everything, after.everything, seconds)
    console.log(verdict(`RSS ${rss.toFixed(1)} MiB, goal at most ${GOALS.rss} MiB`, rss <= GOALS.rss))
    console.log(verdict(`${cpu.toFixed(3)} % of one core, goal below ${GOALS.cpu} %`, cpu < GOALS.cpu))
    const series = Math.max(...pages.map(seriesOf))
    console.log(verdict(`${series} series, goal below ${GOALS.series}`, series < GOALS.series))
    showRequests(requests, seconds)
    for (const page of pages) requireEverything(page)
  } finally {
    await Promise.all([bare, ...[...everything, ...without].map((it) => it.child)].map(end))
    for (const { double, site } of [...everything, ...without]) {
      double.stop()
      site.close()
    }
    await server.stop()
    account.remove()
    for (const it of servers) it.close()
  }
}

/** Spegel as Flux installs it, for every registry, on three nodes; and what its HelmRelease takes from elsewhere. */
function fillCluster(server: ApiServer): void {
  const values = {
    spegel: {
      containerdRegistryConfigPath: HOSTS_DIR,
      prependExisting: true,
      mirroredRegistries: [...REGISTRIES.map((it) => `https://${it}`), `http://${HARBOR}`],
    },
  }
  const spec = {
    chart: undefined,
    chartRef: { kind: 'OCIRepository', name: 'spegel' },
    valuesFrom: [{ kind: 'ConfigMap', name: 'spegel-values' }],
  }
  const named = (name: string, more: object) => ({ metadata: { name, namespace: 'kube-system' }, ...more })
  const put = (plural: string, object: unknown) => server.put(plural, object as Json)
  put('daemonsets', daemonSetObject(values))
  put('pods', podObject('spegel-x7k2p'))
  put('helmreleases', releaseObject(values, { spec }))
  put('ocirepositories', named('spegel', { spec: { url: 'oci://example/spegel', ref: { tag: '0.7.4' } } }))
  put('configmaps', named('spegel-values', { data: { 'values.yaml': 'spegel: {}\n' } }))
  put('nodes', nodeObject())
  const nodes = [NODE_IP, ...PEERS].map((address, at) => endpoint(address, `k8s-${at + 1}`))
  const labels = { 'kubernetes.io/service-name': 'spegel-bootstrap' }
  const metadata = { name: 'spegel-bootstrap-1', namespace: 'kube-system', labels }
  put('endpointslices', { ...sliceOf(nodes), metadata })
}

/** Where a pod has it: seen in this mount namespace alone, which ends with this process. */
function mountAccount(root: string): void {
  const mount = `mount -t tmpfs tmpfs /run; mkdir /run/secrets; mount --bind ${root}/var/run/secrets /run/secrets`
  const { status } = spawnSync('sh', ['-ec', mount], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the service account is not mounted')
}

async function startAgent(image: ReturnType<typeof newImage>, asksKubernetes: boolean): Promise<Measured> {
  const daemon = new MemoryDaemon()
  daemon.criConfig = JSON.stringify({ registry: { configPath: HOSTS_DIR }, containerd: { snapshotter: 'overlayfs' } })
  for (const name of CANARY_CLASSES) {
    for (let place = 0; place < TAGS; place++) {
      daemon.origin.set(`${HARBOR}/${REPOSITORY}:${canaryTag(name, place)}`, originImage(image))
    }
  }
  let double: WireDouble | null = null
  const more = `containerd: { socket: ${SOCKET} }
probe: { interval: 1m }
canary: { interval: 5m, tags: ${TAGS} }
kubernetes: { enabled: ${asksKubernetes ? 'on' : 'off'}, events: true, nodeCondition: true }
`
  const site = await makeSite(more, async (node) => {
    await declareHarbor(node)
    if (asksKubernetes) readFromCluster(node)
    const socket = join(node.directory, 'node', SOCKET)
    mkdirSync(dirname(socket), { recursive: true })
    double = new WireDouble(daemon, socket)
    await double.start()
  })
  if (double === null) throw new Error('no daemon was started')
  return { site, double, child: (await startAgentProcess(site)).child }
}

function readFromCluster({ configFile }: NodeDirectory): void {
  writeFileSync(
    configFile,
    readFileSync(configFile, 'utf8').replace('spegel: { from: values', 'spegel: { from: daemonset'),
  )
}

/** Nobody asks an agent for anything but its metrics. */
async function rest(seconds: number, agents: readonly Measured[]): Promise<void> {
  const until = performance.now() + seconds * 1000
  for (;;) {
    const left = until - performance.now()
    if (left <= 0) return
    await delay(Math.min(left, SCRAPE_S * 1000))
    for (const { site } of agents) await metricsOf(site)
  }
}

async function metricsOf({ port }: AgentSite): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
}

/** What is measured is an agent that does all of it: it sees the cluster, and its probes and canaries come to an end. */
function requireEverything(page: string): void {
  requireProbes(page)
  for (const sign of [
    /^pullpath_input_up\{input="kube"\} 1$/m,
    /^pullpath_input_up\{input="containerd"\} 1$/m,
    /^pullpath_pulls_total\{.*method="containerd".*\} [1-9]/m,
    /^pullpath_pulls_total\{.*method="probe".*\} [1-9]/m,
  ]) {
    if (!sign.test(page)) throw new Error(`an agent does not do it all: ${sign}`)
  }
}

function seriesOf(page: string): number {
  return page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
}

function usages<T extends Record<string, ChildProcess[]>>(processes: T): { [K in keyof T]: Usage[] } {
  const entries = Object.entries(processes).map(([name, list]) => [name, list.map(({ pid }) => usageOf(pid))])
  return Object.fromEntries(entries) as { [K in keyof T]: Usage[] }
}

function figures(before: readonly Usage[], after: readonly Usage[], seconds: number) {
  const shares = after.map((it, at) => coreShare(before[at] ?? it, it, seconds))
  const median = (values: readonly number[]) => percentile(values, 50)
  const [rss, anonymous] = [after.map((it) => it.rss), after.map((it) => it.anonymous)]
  return { all: rss, rss: median(rss), anonymous: median(anonymous), cpu: median(shares) }
}

function row(name: string, before: readonly Usage[], after: readonly Usage[], seconds: number): string {
  const { all, rss, anonymous, cpu } = figures(before, after, seconds)
  const each = `(${all.map((it) => it.toFixed(1)).join(', ')})`
  return `${name.padEnd(16)} ${rss.toFixed(1).padStart(6)} MiB ${each.padEnd(20)} ${anonymous.toFixed(1)} MiB ${cpu.toFixed(3).padStart(8)} %`
}

/** One agent's, counted over the time of rest: too short to see a watch end, which test/kube/request-budget.test.ts does. */
function showRequests(requests: readonly JournalEntry[], seconds: number): void {
  const perHour = (count: number) => (count / AGENTS) * (3600 / seconds)
  const counts = new Map<string, number>()
  for (const { verb, path } of requests) counts.set(`${verb} ${path}`, (counts.get(`${verb} ${path}`) ?? 0) + 1)
  for (const [what, count] of counts) console.log(`${perHour(count).toFixed(1).padStart(6)} an hour  ${what}`)
  const all = perHour(requests.length)
  console.log(verdict(`${all.toFixed(1)} requests an hour, goal at most ${GOALS.requests}`, all <= GOALS.requests))
}
