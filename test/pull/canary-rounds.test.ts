import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startAgent } from '../../src/agent.ts'
import type { Pull } from '../../src/drift/pull.ts'
import type { KubeApi } from '../../src/kube/kube-api.ts'
import { firstDelay, roundTag } from '../../src/pull/canary-names.ts'
import { Turns } from '../../src/pull/turns.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { endpoint, slicesOf } from '../kube/slices.ts'
import { sampleOf } from '../metrics/exposition.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { Told } from '../watch/watched-node.ts'
import { CANARY, makeCanary, serveIn, storeIn } from './stored-canary.ts'

const TOKEN = 'a-token-of-the-operators-own'

interface Line {
  msg: string
  [key: string]: unknown
}

/** An agent on a node without mirrors, whose registry is a double on loopback and whose containerd is one in memory. */
async function site(t: Test, { tags = 1, interval = '1h', kube = undefined as KubeApi | undefined } = {}) {
  const origin = await RegistryDouble.start()
  t.teardown(() => origin.stop())
  const talos = `machine: { registries: { mirrors: { ${CANARY.registry}: { endpoints: ['${origin.origin}'] } } } }\n`
  const directory = t.testdir({ 'talos.yaml': talos, token: `${TOKEN}\n`, hosts: {} })
  const configFile = join(directory, 'config.yaml')
  writeFileSync(
    configFile,
    `node: { name: k8s-1, ip: 192.168.1.98 }
host: { root: / }
intent: { talos: { patches: ['${directory}/talos.yaml'] }, spegel: { from: none } }
containerd: { hostsDir: '${directory}/hosts', socket: /memory.sock, proof: { interval: 0 } }
canary: { tags: ${tags}, interval: ${interval} }
http: { host: 127.0.0.1, port: 0, tokenFile: '${directory}/token' }
`,
  )
  const daemon = new MemoryDaemon()
  const readFacts = async () => Promise.reject(new Error('not needed'))
  const lines = new Told<Line>()
  const logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const openDaemon = async () => ({ client: daemon.client(), readFacts })
  const start = async () => {
    const agent = await startAgent({
      configFile,
      env: {},
      logger,
      openDaemon,
      ...(kube && { openKube: async () => ({ state: 'open' as const, api: kube }) }),
    })
    t.teardown(() => agent.stop())
    return agent
  }
  return {
    origin,
    daemon,
    start,
    failed: (msg: string) => lines.next((it) => it.msg === msg),
    said: (msg: string, via: string) => lines.next((it) => it.msg === msg && it.via === via),
  }
}

t.test('a round measures the canary over HTTP and by containerd, and shows what it measured', async (t) => {
  const it = await site(t, { interval: '1s' })
  const canary = makeCanary()
  storeIn(it.origin, canary)
  serveIn(it.daemon, CANARY.image, canary)
  const agent = await it.start()
  t.match(await it.said('measured', 'origin'), { source: 'first', image: CANARY.image })
  t.match(await it.said('not measured', 'peer'), { reason: 'no-endpoint' })
  await it.said('measured', 'containerd')
  const pulls = (await (await fetch(`${agent.url}/api/v1/pulls`)).json()) as { via: string }[]
  t.ok(pulls.some(({ via }) => via === 'origin') && pulls.some(({ via }) => via === 'containerd'))
  const text = await (await fetch(`${agent.url}/metrics`)).text()
  t.ok((sampleOf(text, 'pullpath_pulls_total', { source: 'first', method: 'probe' }) ?? 0) >= 1)
  t.notMatch(text, 'no-endpoint', 'what was not measured is not counted')
})

t.test('faults of Pullpath itself are logged as errors, and the next round comes', async (t) => {
  const get = async () => Promise.reject(new TypeError('a fault'))
  const it = await site(t, { interval: '1s', kube: { get } as unknown as KubeApi })
  storeIn(it.origin, makeCanary())
  const faults = ['measuring the canary failed', 'watching the cluster failed'].map((msg) => it.failed(msg))
  await it.start()
  for (const fault of faults) t.match(await fault, { level: 50, err: { type: 'TypeError', message: 'a fault' } })
  t.match(await it.said('measured', 'origin'), { source: 'first' }, 'by itself')
})

t.test('where Kubernetes tells the nodes, the canary is measured in slots with them', async (t) => {
  const asked: string[] = []
  const get = async (path: string) => {
    asked.push(path)
    return { items: slicesOf([endpoint('127.0.0.1', 'k8s-1')]) }
  }
  const it = await site(t, { interval: '1s', kube: { get } as unknown as KubeApi })
  const canary = makeCanary()
  storeIn(it.origin, canary)
  serveIn(it.daemon, CANARY.image, canary)
  const agent = await it.start()
  t.match(await it.said('measured', 'containerd'), { source: 'first', image: CANARY.image })
  const [pull] = (await (await fetch(`${agent.url}/api/v1/pulls?method=containerd&source=first`)).json()) as Pull[]
  t.match(
    pull?.evidence.find((piece) => piece.source === 'HEAD to the peers'),
    { text: 'there is no other node that could have had it' },
  )
  const slices = '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices'
  t.same(
    asked.filter((it) => it.includes('endpointslices')),
    [slices],
  )
})

t.test('without a canary that is said, and nothing is counted', async (t) => {
  const it = await site(t, { interval: '1s' })
  const agent = await it.start()
  t.match(await it.said('not measured', 'origin'), { reason: 'no-canary', message: /the origin has no such image/ })
  t.notMatch(await (await fetch(`${agent.url}/metrics`)).text(), 'pullpath_pulls_total{')
})

t.test('after a canary that failed the next one is another, and it works', async (t) => {
  const it = await site(t, { tags: 2, interval: '1s' })
  const [first, second] = [roundTag('k8s-1', 2, 1), roundTag('k8s-1', 2, 2)]
  const canary = makeCanary()
  for (const tag of [first, second]) storeIn(it.origin, canary, tag)
  it.origin.faults.set('GET /v2/library/pullpath-canary/blobs', (times) => {
    return times < 1 ? { kind: 'status', status: 500 } : null
  })
  await it.start()
  const { image: failed } = await it.said('a measured pull failed', 'origin')
  const { image: next } = await it.said('measured', 'origin')
  t.same([failed, next], [CANARY.image.replace('tag-0', first), CANARY.image.replace('tag-0', second)])
})

t.test('a measurement by request is one at a time, and not too often', async (t) => {
  const it = await site(t)
  storeIn(it.origin, makeCanary())
  it.origin.faults.set('HEAD', { kind: 'hang', after: 'request' })
  const agent = await it.start()
  const post = () =>
    fetch(`${agent.url}/api/v1/pulls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ via: 'origin' }),
    })
  const first = await post()
  t.equal(first.status, 202)
  const { id } = (await first.json()) as { id: string }
  t.equal((await fetch(`${agent.url}/api/v1/pulls/${id}`)).status, 202, 'under way')
  t.equal((await post()).status, 409)
  await agent.stop()
  t.match(await it.said('a measured pull failed', 'origin'), { reason: 'aborted', pull: id }, 'it ends with the agent')
})

t.test('what takes turns never overlaps, and goes on after a failure', async (t) => {
  const turns = new Turns()
  let running = 0
  const task = async () => {
    running += 1
    t.equal(running, 1)
    await new Promise<void>((resolve) => setImmediate(resolve))
    running -= 1
  }
  const failed = turns.run(() => task().then(() => Promise.reject(new Error('no'))))
  await Promise.all([t.rejects(failed), turns.run(task), turns.run(task)])
})

t.test('each round takes the next tag, and nodes begin apart', async (t) => {
  const tags = Array.from({ length: 8 }, (_, round) => roundTag('k8s-1', 4, round))
  t.equal(new Set(tags.slice(0, 4)).size, 4)
  t.same(tags.slice(4), tags.slice(0, 4))
  t.ok(new Set(['k8s-1', 'k8s-2', 'k8s-3', 'k8s-4'].map((it) => firstDelay(it, 3_600_000))).size === 4)
  t.ok(firstDelay('k8s-1', 3_600_000) < 60_000)
})
