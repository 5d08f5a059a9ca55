/**
 * What probing costs: resident memory and processor time of agents that probe every minute, as is the default, beside
 * agents that do not, on a node of 20 registries: 61 endpoints. Needs root: it happens in a network namespace of its own, in which the addresses of
 * the node and of Harbor exist and from which nothing gets out.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { buildImage } from '../src/commands/demo/oci-image.ts'
import { type NodeDirectory, writeHostsFile } from '../test/fixtures/node-directory.ts'
import { NODE_IP } from '../test/fixtures/node-states.ts'
import { type AgentSite, end, makeSite, REGISTRIES, startAgentProcess } from './agent-process.ts'
import { coreShare, type Usage, usageOf } from './process-usage.ts'
import { percentile, verdict } from './statistics.ts'

const AGENTS = 3
const SECONDS = 90
const RSS_GOAL_MIB = 16
const HARBOR = '192.168.1.106'
const PEER_PORTS = [30020, 30021, 5000, 29999]

if (process.argv[2] === 'inside') await measure()
else if (process.getuid?.() !== 0) console.log('left out: run it as root, it makes a network namespace')
else spawnSync('unshare', ['--net', process.execPath, import.meta.filename, 'inside'], { stdio: 'inherit' })

async function measure(): Promise<void> {
  const setUp = `ip link set lo up; for it in ${NODE_IP} ${HARBOR}; do ip address add $it/32 dev lo; done`
  spawnSync('sh', ['-ec', setUp], { stdio: 'inherit' })
  const servers = [[HARBOR, 80] as const, ...PEER_PORTS.map((port) => [NODE_IP, port] as const)].map(startRegistry)
  const settings = {
    'without probes': 'probe: { interval: 0 }\n',
    'every 1 m': 'probe: { interval: 1m }\n',
  }
  const agents: { name: string; site: AgentSite; child: ChildProcess }[] = []
  for (let count = 0; count < AGENTS; count++) {
    for (const [name, more] of Object.entries(settings)) {
      const site = await makeSite(more, declareHarbor)
      agents.push({ name, site, child: (await startAgentProcess(site)).child })
    }
  }
  try {
    const before = agents.map(({ child }) => usageOf(child.pid))
    await delay(SECONDS * 1000)
    const after = agents.map(({ child }) => usageOf(child.pid))
    const of = (name: string) => {
      const places = agents.flatMap((it, index) => (it.name === name ? [index] : []))
      return { rss: places.map((it) => after[it]?.rss ?? 0), cpu: places.map((it) => share(before[it], after[it])) }
    }
    for (const { name, site } of agents) if (name === 'every 1 m') await requireProbes(site.port)
    console.log(`resident after ${SECONDS} s, and of one core, ${AGENTS} agents each`)
    for (const name of Object.keys(settings)) console.log(row(name, of(name)))
    const added = percentile(of('every 1 m').rss, 50) - percentile(of('without probes').rss, 50)
    const isMet = added <= RSS_GOAL_MIB
    console.log(verdict(`probes add ${added.toFixed(1)} MiB, goal at most ${RSS_GOAL_MIB} MiB`, isMet))
  } finally {
    await Promise.all(agents.map(({ child }) => end(child)))
    for (const { site } of agents) site.close()
    for (const server of servers) server.close()
  }
}

/** Harbor is a registry of its own too, whose canary is asked for. */
async function declareHarbor(node: NodeDirectory): Promise<void> {
  const patch = `machine: { registries: { mirrors: { ${HARBOR}: { endpoints: ['http://${HARBOR}'] } } } }\n`
  writeFileSync(join(dirname(node.talosFile), 'harbor.yaml'), patch)
  writeHostsFile(node, `${HARBOR}/hosts.toml`, `[host.'http://${HARBOR}']\n`)
}

function share(before: Usage | undefined, after: Usage | undefined): number {
  return before === undefined || after === undefined ? Number.NaN : coreShare(before, after, SECONDS)
}

function row(name: string, { rss, cpu }: { rss: number[]; cpu: number[] }): string {
  const all = rss.map((it) => it.toFixed(1)).join(', ')
  return `${name.padEnd(16)} ${percentile(rss, 50).toFixed(1)} MiB (${all}) ${percentile(cpu, 50).toFixed(3)} %`
}

/** What is measured is an agent whose probes are answered. */
async function requireProbes(port: number): Promise<void> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const ups = page.match(/^pullpath_endpoint_up\{.*$/gm) ?? []
  const down = ups.find((it) => !it.endsWith(' 1'))
  if (ups.length < REGISTRIES.length || down !== undefined) throw new Error(`${ups.length} endpoints: ${down}`)
}

/** Serves the same image below any path. */
function startRegistry([address, port]: readonly [string, number]) {
  const { manifest, config, layer } = buildImage('probed')
  const server = createServer(({ url = '' }, response) => {
    const [, kind, name] = /\/(manifests|blobs)\/([^/?]+)/.exec(url) ?? []
    const blob = [config, layer].find((it) => it.digest === name)
    const content = kind === 'manifests' ? manifest : blob
    if (content === undefined) return void response.writeHead(url.endsWith('/readyz') ? 404 : 200).end('{}')
    response.setHeader('content-type', content.mediaType)
    response.setHeader('docker-content-digest', content.digest)
    response.setHeader('content-length', content.bytes.length)
    response.end(content.bytes)
  })
  server.listen(port, address)
  return server
}
