import { once } from 'node:events'
import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read-config.ts'
import type { SpegelPod } from '../../src/drift/cluster-facts.ts'
import { NOTHING_PROBED, type Probes } from '../../src/drift/probes.ts'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { NodeProbes, probeOnce } from '../../src/pull/node-probes.ts'
import { spegelMetricsUrl } from '../../src/pull/spegel-probe.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import { cluster as clusterFacts, heard, pod } from '../fixtures/cluster.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { probedRegistry } from './probed-registry.ts'

const REGISTRY = 'harbor.lan'
const signal = new AbortController().signal

interface Answer {
  status: number
  body?: string
  headers?: Record<string, string>
}

/** Something that answers by path; a Harbor, or a Spegel. */
async function answering(t: Test, answers: Record<string, Answer>): Promise<string> {
  const server = createServer((request, response) => {
    const { status, body = '', headers = {} } = answers[request.url ?? ''] ?? { status: 404 }
    response.writeHead(status, headers).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

function configOf(more: string): Config {
  const text = `node: { name: k8s-1, ip: 127.0.0.1 }\n${more}`
  return readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
}

function inputsOf(origin: string, targets: string[] = []): Inputs {
  const hosts = directoryNode([[REGISTRY, directoryNode([['hosts.toml', fileNode(`server = '${origin}'\n`)]])]])
  return {
    intent: intentOf(
      talosIntent([mirror(REGISTRY, [origin])]),
      targets.length === 0 ? null : spegelIntent([`http://${REGISTRY}`], { mirrorTargets: targets }),
    ),
    observed: observing(hosts),
    daemon: daemonFacts(),
    node: nodeFacts({ ip: '127.0.0.1' }),
    failures: new Map(),
  }
}

/** What was found after everything had its turn. */
async function found(config: Config, inputs: Inputs): Promise<Probes> {
  let last = NOTHING_PROBED
  const probes = new NodeProbes(config, signal, (it) => {
    last = it
  })
  for (const turn of probes.turns(inputs)) await turn.run()
  return last
}

t.test('failures in a row are counted, and another failure is another row', async (t) => {
  const double = await probedRegistry(t)
  const config = configOf(`harbor: { url: null }\nprobe: { images: { ${REGISTRY}: 'library/app:v1' } }`)
  let last = NOTHING_PROBED
  const probes = new NodeProbes(config, signal, (it) => {
    last = it
  })
  const [turn] = probes.turns(inputsOf(double.origin))
  const next = async () => {
    await turn?.run()
    const [it] = last.endpoints
    return [it?.failure?.reason ?? 'up', it?.failures]
  }
  t.same(await next(), ['up', 0])
  double.faults.set('GET /v2/library/app/blobs/', { kind: 'status', status: 500 })
  t.same(await next(), ['endpoint-blob', 1])
  const since = last.endpoints[0]?.failure?.since
  t.same(await next(), ['endpoint-blob', 2])
  t.equal(last.endpoints[0]?.failure?.since, since, 'it failed first then')
  double.faults.set('GET /v2/', { kind: 'status', status: 503 })
  t.same(await next(), ['endpoint-down', 1])
  double.faults.clear()
  t.same(await next(), ['up', 0])
  t.equal(
    Date.parse(last.endpoints[0]?.validUntil ?? '') - Date.parse(last.endpoints[0]?.at ?? ''),
    3 * config.probe.interval,
  )
  probes.turns(inputsOf('http://127.0.0.1:1'))
  t.same(last.endpoints.length, 1, 'nobody is told of what is forgotten')
})

t.test('a command asks again what failed, and once what did not', async (t) => {
  const double = await probedRegistry(t)
  const asked: string[] = []
  const config = configOf(`harbor: { url: null }\nprobe: { interval: 0, images: { ${REGISTRY}: 'library/app:v1' } }`)
  const once = () => probeOnce(config, inputsOf(double.origin), { signal, onTurn: (it) => asked.push(it) })
  t.equal((await once()).endpoints[0]?.failures, 0)
  t.same(asked, [double.url])
  t.equal(double.received.filter((it) => it.target.startsWith('/v2/?')).length, 1)
  double.faults.set('GET /v2/', { kind: 'status', status: 503 })
  t.equal((await once()).endpoints[0]?.failures, 2)
})

const HEALTH = '/api/v2.0/health'
const components = [
  { name: 'core', status: 'healthy' },
  { name: 'registry', status: 'unhealthy', error: 'failed to ping' },
]

t.test('Harbor is told component by component', async (t) => {
  const body = JSON.stringify({ status: 'unhealthy', components })
  const url = await answering(t, { [HEALTH]: { status: 200, body }, '/v2/': { status: 200 } })
  const { harbor } = await found(configOf(`harbor: { url: '${url}/' }`), inputsOf(url))
  t.match(harbor, {
    words: '',
    components: [
      { name: 'core', healthy: true },
      { name: 'registry', healthy: false, words: 'failed to ping' },
    ],
  })
})

t.test('what answers and is no Harbor is told in words', async (t) => {
  const many = Array.from({ length: 100 }, (_, index) => ({ name: `c${index}`, status: 'healthy' }))
  for (const [answer, words, count] of [
    [{ status: 404 }, /is no Harbor/, 0],
    [{ status: 503 }, /status 503/, 0],
    [{ status: 200, body: '<html>login</html>' }, /no health of Harbor/, 0],
    [{ status: 200, body: '{"components":{}}' }, /no health of Harbor/, 0],
    [{ status: 200, body: '{"components":[null,1,{"name":"<b>"}]}' }, /no health of Harbor/, 0],
    [{ status: 308, headers: { location: 'https://harbor.lan/?secret' } }, /redirects to https:\/\/harbor\.lan$/, 0],
    [{ status: 200, body: JSON.stringify({ components: many }) }, /^$/, 32],
    [{ status: 200, body: 'x'.repeat(300 * 1024) }, /too large/, 0],
  ] as const) {
    const url = await answering(t, { [HEALTH]: answer, '/v2/': { status: 200 } })
    const { harbor } = await found(configOf(`harbor: { url: '${url}' }`), inputsOf(url))
    t.match(harbor?.words, words)
    t.equal(harbor?.components.length, count)
  }
})

t.test('Harbor is not asked where no path leads to it', async (t) => {
  const url = await answering(t, { '/v2/': { status: 200 } })
  t.equal((await found(configOf(''), inputsOf(url))).harbor, null)
  t.equal((await found(configOf('harbor: { url: null }'), inputsOf(url))).harbor, null)
})

t.test(
  'what Spegel counted is read where its metrics are configured, or from the pod that Kubernetes names',
  async (t) => {
    const metrics = 'spegel_mirror_requests_total{cache="hit",registry="192.168.1.106"} 2\n'
    const url = await answering(t, { '/readyz': { status: 200 }, '/metrics': { status: 200, body: metrics } })
    const config = configOf(`spegel: { metrics: '${url}/metrics' }\nharbor: { url: null }`)
    const { spegel } = await found(config, inputsOf('http://127.0.0.1:1', [url]))
    t.match(spegel, { ready: true, registries: [{ registry: '192.168.1.106', hits: 2, misses: 0 }] })
    const nowhere = await found(configOf('harbor: { url: null }'), inputsOf('http://127.0.0.1:1', [url]))
    t.equal(nowhere.spegel?.registries, null)

    const { node } = inputsOf(url)
    const inCluster = (...pods: SpegelPod[]) => {
      const cluster = clusterFacts({ pods: heard(pods) })
      return spegelMetricsUrl(configOf(''), { node: { ...node, cluster } })
    }
    t.equal(inCluster(pod()), 'http://10.244.0.5:9090/metrics')
    t.equal(inCluster(pod({ isTerminating: true }), pod({ address: 'fd00::5' })), 'http://[fd00::5]:9090/metrics')
    t.equal(inCluster(pod({ address: null })), null)
  },
)

t.test('Spegel says whether it is ready, and the last time is remembered', async (t) => {
  const answers: Record<string, Answer> = { '/readyz': { status: 200 }, '/v2/': { status: 200 } }
  const url = await answering(t, answers)
  const config = configOf('harbor: { url: null }')
  let last = NOTHING_PROBED
  const probes = new NodeProbes(config, signal, (it) => {
    last = it
  })
  const turn = probes.turns(inputsOf('http://127.0.0.1:1', [url])).find((it) => it.key.startsWith('spegel'))
  await turn?.run()
  t.match(last.spegel, { url, ready: true, failures: 0, words: '' })
  const at = last.spegel?.at
  answers['/readyz'] = { status: 500 }
  await turn?.run()
  await turn?.run()
  t.match(last.spegel, { ready: false, failures: 2, lastReadyAt: at, words: 'it knows no peer' })
  answers['/readyz'] = { status: 404 }
  await turn?.run()
  t.match(last.spegel, { ready: null, failures: 0, words: /that is no Spegel/ })
})
