import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startAgent } from '../src/agent.ts'
import type { NodeReport } from '../src/drift/report.ts'
import { HOSTS_DIR } from './fixtures/intents.ts'
import { sampleOf } from './metrics/exposition.ts'
import { probedRegistry } from './pull/probed-registry.ts'
import type { RegistryDouble } from './registry/registry-double.ts'
import { Told } from './watch/watched-node.ts'

const REGISTRY = 'harbor.test'
const COMPONENTS = ['core', 'registry'].map((name) => ({ name, status: 'healthy' }))
const HEALTHY = JSON.stringify({ status: 'healthy', components: COMPONENTS })

/**
 * Writes a node whose registry is the double; returns the file of the agent's configuration. `hosts`: its hosts.toml;
 * `config`: more lines of the configuration.
 */
function makeNode(t: Test, { origin }: RegistryDouble, { hosts, config }: { hosts: string; config: string }): string {
  const root = t.testdir({
    'talos.yaml': `machine:\n  registries:\n    mirrors:\n      ${REGISTRY}:\n        endpoints: [${origin}]\n`,
  })
  const directory = join(root, 'node', HOSTS_DIR, REGISTRY)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'hosts.toml'), hosts)
  const configFile = join(root, 'config.yaml')
  writeFileSync(
    configFile,
    `node: { name: k8s-1, ip: 127.0.0.1 }
host: { root: ${root}/node }
intent: { talos: { patches: [${root}/talos.yaml] }, spegel: { from: none } }
watch: { settle: 10ms }
probe: { interval: 1s, images: { ${REGISTRY}: library/app:v1 } }
http: { host: 127.0.0.1, port: 0 }
${config}`,
  )
  return configFile
}

t.test('a blob that fails while Harbor says that all is well is found, shown everywhere, and gone again', async (t) => {
  const double = await probedRegistry(t)
  double.faults.set('GET /api/v2.0/health', { kind: 'status', status: 200, body: HEALTHY })
  const configFile = makeNode(t, double, {
    hosts: `[host]\n  [host.'${double.origin}']\n    capabilities = ['pull', 'resolve']\n`,
    config: `harbor: { url: '${double.origin}' }\n`,
  })
  const log = new Told<{ msg: string; finding?: string }>()
  const logger = pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line)) })
  const agent = await startAgent({ configFile, env: {}, logger })
  t.teardown(() => agent.stop())
  const finding = (msg: string) => log.next((it) => it.msg === msg && it.finding === `${REGISTRY}/endpoint-blob`)
  const page = async (path: string) => (await fetch(`${agent.url}${path}`)).text()
  const labels = { registry: REGISTRY, url: double.url, role: 'mirror' }

  double.faults.set('GET /v2/library/app/blobs/', { kind: 'status', status: 500 })
  await finding('finding appeared')
  const metrics = await page('/metrics')
  t.equal(sampleOf(metrics, 'pullpath_endpoint_up', labels), 0)
  t.equal(sampleOf(metrics, 'pullpath_fault', { registry: REGISTRY, reason: 'endpoint-blob' }), 1)
  t.equal(sampleOf(metrics, 'pullpath_harbor_component_healthy', { component: 'registry' }), 1)
  const report: NodeReport = JSON.parse(await page('/api/v1/report'))
  t.match(report.findings, [{ cause: { text: /while Harbor says that all is well/ } }])
  t.match(await page('/'), /failed 2 times in a row: blob\s+sha256:/)

  double.faults.delete('GET /v2/library/app/blobs/')
  const health = COMPONENTS.slice(0, 1)
  double.faults.set('GET /api/v2.0/health', {
    kind: 'status',
    status: 200,
    body: JSON.stringify({ components: health }),
  })
  await finding('finding cleared')
  const healed = await page('/metrics')
  t.equal(sampleOf(healed, 'pullpath_endpoint_up', labels), 1)
  for (const phase of ['connect', 'processing', 'transfer']) {
    t.ok(Number(sampleOf(healed, 'pullpath_endpoint_probe_duration_seconds', { ...labels, phase })) >= 0, phase)
  }
  t.match(await page('/'), /answers ping, manifest, blob:\s+connect/)
})

t.test('what is brought along to an endpoint is in nothing that the agent says', async (t) => {
  const double = await probedRegistry(t, { auth: { kind: 'basic', users: { owner: 'right' } } })
  const auths = { [new URL(double.origin).host]: { username: 'user-qzxv', password: 'pass-qzxv' } }
  const dockerConfigFile = join(t.testdirName, 'docker.json')
  const configFile = makeNode(t, double, {
    hosts: `[host.'${double.origin}']\n[host.'${double.origin}'.header]\nAuthorization = 'Basic ${Buffer.from('header-qzxv').toString('base64')}'\nX-Extra = 'extra-qzxv'\n`,
    config: `registryAuth: { dockerConfigFile: ${dockerConfigFile} }\n`,
  })
  writeFileSync(dockerConfigFile, JSON.stringify({ auths }))
  const log = new Told<{ msg: string; finding?: string }>()
  const lines: string[] = []
  const write = (line: string) => {
    lines.push(line)
    log.push(JSON.parse(line))
  }
  const agent = await startAgent({ configFile, env: {}, logger: pino({ base: null, level: 'trace' }, { write }) })
  t.teardown(() => agent.stop())
  await log.next((it) => it.msg === 'finding appeared' && it.finding === `${REGISTRY}/endpoint-auth`)
  const paths = ['/', '/metrics', '/readyz?verbose', '/api/v1/report', '/api/v1/registries', '/api/v1/findings']
  const pages = await Promise.all(paths.map(async (path) => (await fetch(`${agent.url}${path}`)).text()))
  t.match(pages[0], /refuses an anonymous pull,\s+and the\s+credentials\s+of\s+registryAuth\.dockerConfigFile/)
  const sent = double.received.map((it) => it.authorization)
  const encoded = ['user-qzxv:pass-qzxv', 'header-qzxv'].map((it) => Buffer.from(it).toString('base64'))
  for (const it of encoded) {
    t.ok(sent.includes(`Basic ${it}`), 'there was something to keep')
  }
  for (const text of [...pages, lines.join('')]) {
    for (const it of [...encoded, 'qzxv']) t.notOk(text.includes(it), it)
  }
})
