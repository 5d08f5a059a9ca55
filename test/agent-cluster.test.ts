import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startAgent } from '../src/agent.ts'
import type { Finding, NodeReport } from '../src/drift/report.ts'
import { MemoryKube } from './fixtures/memory-kube.ts'
import { type NodeDirectory, writeNodeDirectory, writeTree } from './fixtures/node-directory.ts'
import {
  type ChartValues,
  daemonSetObject,
  nodeObject,
  PATHS,
  podObject,
  releaseObject,
} from './fixtures/spegel-objects.ts'
import { sampleOf } from './metrics/exposition.ts'
import { Told } from './watch/watched-node.ts'

const REGISTRIES = ['192.168.1.106', 'docker.io']
const VALUES: ChartValues = {
  spegel: {
    containerdRegistryConfigPath: '/etc/cri/conf.d/hosts',
    prependExisting: true,
    mirroredRegistries: REGISTRIES.map((it) => `https://${it}`),
  },
}
const LIVE = 'from: daemonset'
const now = () => new Date().toISOString()

interface LogLine {
  msg: string
  [key: string]: unknown
}

function withSpegel(): MemoryKube {
  const kube = new MemoryKube(now())
  kube.put(PATHS.daemonSets, daemonSetObject(VALUES))
  kube.put(PATHS.pods, podObject('spegel-x7k2p', { finishedAt: new Date(Date.now() - 60_000).toISOString() }))
  kube.put(PATHS.releases, releaseObject(VALUES))
  kube.put(PATHS.nodes, nodeObject())
  return kube
}

/** An agent on a node that is in sync, with this cluster; without intent files of Spegel unless they are to stay. */
async function runningAgent(t: Test, kube: MemoryKube | null, { spegel = LIVE, files = false } = {}) {
  const node = writeNodeDirectory(t.testdir({}), REGISTRIES, { more: 'watch: { settle: 20ms, rescan: 100ms }\n' })
  if (!files) rmSync(node.spegelFile)
  const text = readFileSync(node.configFile, 'utf8')
  writeFileSync(node.configFile, text.replace('spegel: { from: values', `spegel: { ${spegel}`))
  const log = new Told<LogLine>()
  const logged: string[] = []
  const write = (line: string) => {
    logged.push(line)
    log.push(JSON.parse(line))
  }
  const logger = pino({ base: null }, { write })
  const agent = await startAgent({
    configFile: node.configFile,
    env: {},
    logger,
    openKube: async () => (kube === null ? { state: 'off' } : { state: 'open', api: kube }),
  })
  t.teardown(() => agent.stop())
  const get = async (path: string) => (await fetch(`${agent.url}${path}`)).text()
  const said = (msg: string, fits: (line: LogLine) => boolean = () => true) => {
    return log.next((line) => line.msg === msg && fits(line))
  }
  return {
    node,
    agent,
    logged,
    get,
    said,
    appeared: (id: string) => said('finding appeared', ({ finding }) => finding === id),
    cleared: (id: string) => said('finding cleared', ({ finding }) => finding === id),
    report: async (): Promise<NodeReport> => JSON.parse(await get('/api/v1/report')),
    finding: async (reason: string): Promise<Finding | undefined> => {
      return JSON.parse(await get(`/api/v1/findings?reason=${reason}`))[0]
    },
    sample: async (name: string, labels: Record<string, string>) => sampleOf(await get('/metrics'), name, labels),
  }
}

/** As Talos does it: everything that is not its own is removed. */
function wipe(node: NodeDirectory): void {
  rmSync(join(node.hosts, '_backup'), { recursive: true, force: true })
  writeTree(node.hosts, node.talosTree)
}

t.test(
  "the DaemonSet's settings are the intent, the Node's runtime counts, and nothing is found on a node in sync",
  async (t) => {
    const it = await runningAgent(t, withSpegel())
    const { findings, registries, kubernetes, containerd, spegel } = await it.report()
    t.same(findings, [])
    t.ok(registries.filter(({ declaredBy }) => declaredBy.includes('spegel')).every(({ inSync }) => inSync === true))
    t.match(kubernetes, {
      intent: { source: 'daemonset kube-system/spegel', knownUntil: null },
      pods: [{ name: 'spegel-x7k2p' }],
    })
    t.equal(containerd.version, '2.1.9')
    t.match(containerd.facts, [{ name: 'version', origin: 'node' }])
    t.equal(spegel?.version, 'v0.7.4')
    const page = await it.get('/')
    t.match(page, "Spegel's intent is that of daemonset kube-system/spegel")
    t.match(page, /pod spegel-x7k2p on this node: Running, ready since/)
    t.equal(await it.sample('pullpath_input_up', { input: 'kube' }), 1)
  },
)

t.test("Talos' rewrite after Spegel is proven by the pod, and healed by a new one", async (t) => {
  const kube = withSpegel()
  const it = await runningAgent(t, kube)
  wipe(it.node)
  await it.appeared('192.168.1.106/peer-mirror-missing')
  const found = await it.finding('peer-mirror-missing')
  t.match(found?.cause, {
    actor: 'talos',
    confidence: 'proven',
    text: /^Talos rewrote the tree at \S+, after Spegel's init container finished at /,
  })
  t.equal(found?.remedy[0]?.command, 'kubectl -n kube-system delete pod spegel-x7k2p')
  kube.remove(PATHS.pods, 'spegel-x7k2p')
  await it.appeared('node/spegel-absent')
  kube.put(PATHS.pods, podObject('spegel-q9w8e', { finishedAt: now() }))
  await it.cleared('node/spegel-absent')
  writeTree(it.node.hosts, it.node.tree)
  await it.cleared('192.168.1.106/peer-mirror-missing')
  t.same((await it.report()).findings, [])
})

t.test('a HelmRelease that is edited and not applied is found, and gone when it is', async (t) => {
  const kube = withSpegel()
  const it = await runningAgent(t, kube)
  const edited = { spegel: { ...VALUES.spegel, prependExisting: false } }
  kube.put(PATHS.releases, releaseObject(edited, { generation: 2, spec: { suspend: true } }))
  await it.appeared('node/release-not-applied')
  const found = await it.finding('release-not-applied')
  t.match(found, {
    expected: ['prependExisting: false'],
    observed: ['prependExisting: true'],
    cause: { text: /it is suspended/ },
    remedy: [{ command: 'flux -n kube-system resume helmrelease spegel' }],
    source: { file: 'helmrelease kube-system/spegel', line: 0 },
  })
  t.equal(await it.sample('pullpath_drift', { registry: '', reason: 'release-not-applied' }), 1)
  kube.put(PATHS.releases, releaseObject(VALUES, { generation: 3 }))
  await it.cleared('node/release-not-applied')
})

t.test('what Helm quotes of a Secret is nowhere to be read', async (t) => {
  const kube = withSpegel()
  const it = await runningAgent(t, kube)
  const spec = { valuesFrom: [{ kind: 'Secret', name: 'spegel-auth' }] }
  const ready = {
    status: 'False',
    reason: 'UpgradeFailed',
    message: 'Helm upgrade failed: invalid value "s3cr3t-t0ken"',
  }
  const edited = { spegel: { ...VALUES.spegel, prependExisting: false } }
  kube.put(PATHS.releases, releaseObject(edited, { generation: 2, spec, ready }))
  await it.appeared('node/release-not-applied')
  const found = await it.finding('release-not-applied')
  t.match(found, {
    cause: { text: /^Flux could not apply spegel: UpgradeFailed \(its message is withheld/ },
    remedy: [{ command: 'kubectl -n kube-system describe helmrelease spegel' }, {}],
  })
  t.match((await it.report()).kubernetes?.release?.words, /^UpgradeFailed \(its message is withheld/)
  for (const path of ['/', '/api/v1/report', '/api/v1/findings', '/metrics', '/readyz?verbose']) {
    const text = await it.get(path)
    t.not(text, '', path)
    t.notMatch(text, 's3cr3t', path)
  }
  t.not(it.logged.length, 0)
  t.notMatch(it.logged.join(''), 's3cr3t', 'the log')
})

t.test('a HelmRelease where there is no Flux: where to look, and what to set', async (t) => {
  const kube = withSpegel()
  kube.deny(PATHS.releases, { reason: 'not-found', message: 'GET helmreleases: 404 page not found' })
  const it = await runningAgent(t, kube, { spegel: 'from: helmrelease' })
  await it.appeared('node/unreadable')
  const remedy = (await it.finding('unreadable'))?.remedy ?? []
  t.match(
    remedy.find(({ command }) => command.startsWith('kubectl api-resources')),
    { command: 'kubectl api-resources --api-group=helm.toolkit.fluxcd.io', why: /set intent\.spegel\.from/ },
  )
  t.notOk(remedy.some(({ command }) => command.includes('daemonset')))
})

t.test('a roll-out over a thousand nodes is shown, and nothing is evaluated for it', async (t) => {
  const kube = withSpegel()
  const it = await runningAgent(t, kube)
  const evaluations = () => it.sample('pullpath_evaluations_total', { trigger: 'kube' })
  const before = (await evaluations()) ?? 0
  for (let ready = 1; ready <= 1000; ready++) {
    kube.put(PATHS.daemonSets, daemonSetObject(VALUES, { desired: 1000, ready }))
    if (ready % 250 !== 0) continue
    // What was heard before this counts no later than this does.
    wipe(it.node)
    await it.appeared('192.168.1.106/peer-mirror-missing')
    writeTree(it.node.hosts, it.node.tree)
    await it.cleared('192.168.1.106/peer-mirror-missing')
  }
  t.equal((await evaluations()) ?? 0, before)
  t.match((await it.report()).kubernetes?.daemonSet, { desired: 1000, ready: 1000 })
  kube.put(PATHS.pods, podObject('spegel-x7k2p', { ready: false }))
  await it.appeared('node/spegel-not-ready')
  t.equal(((await evaluations()) ?? 0) - before, 1, 'for the pod')
  kube.put(PATHS.daemonSets, daemonSetObject(VALUES, { desired: 1, ready: 0 }))
  await it.cleared('node/spegel-not-ready')
  t.equal(((await evaluations()) ?? 0) - before, 2, 'and where it is the only node from now on')
})

t.test('an API server that is away leaves the intent in force, and tells its age', async (t) => {
  const kube = withSpegel()
  const it = await runningAgent(t, kube)
  const since = now()
  kube.goAway({ reason: 'unreachable', message: 'connect ECONNREFUSED' }, since)
  await it.said('input down', ({ input }) => input === 'kube')
  await it.appeared('node/unreadable')
  const { registries, findings, kubernetes, inputs } = await it.report()
  t.ok(registries.filter(({ declaredBy }) => declaredBy.length > 0).every(({ inSync }) => inSync === true))
  t.match(findings, [{ reason: 'unreadable', cause: { text: `what is known is of ${since}` } }])
  t.equal(kubernetes?.intent?.knownUntil, since)
  t.equal(inputs.find(({ input }) => input === 'intent_spegel')?.up, true)
  t.match(await it.get('/'), `(as of ${since}, 0 min ago)`)
  t.equal(await it.sample('pullpath_input_up', { input: 'kube' }), 0)
  t.equal(await it.sample('pullpath_input_errors_total', { input: 'kube', reason: 'unreachable' }), 1)
  kube.comeBack(now())
  await it.cleared('node/unreadable')
  t.equal((await it.report()).kubernetes?.intent?.knownUntil, null)
})

t.test('an intent that was never seen is never in sync', async (t) => {
  const kube = withSpegel()
  kube.goAway({ reason: 'unreachable', message: 'connect ECONNREFUSED' }, now())
  const it = await runningAgent(t, kube)
  const { registries, inputs } = await it.report()
  t.ok(registries.every(({ inSync }) => inSync !== true))
  t.match(
    inputs.find(({ input }) => input === 'intent_spegel'),
    { up: false, message: /never known/ },
  )
  kube.comeBack(now())
  await it.said('input up', ({ input }) => input === 'intent_spegel')
  t.ok(
    (await it.report()).registries
      .filter(({ declaredBy }) => declaredBy.length > 0)
      .every(({ inSync }) => inSync === true),
  )
})

t.test('until the API server has answered once, the files serve', async (t) => {
  const kube = withSpegel()
  kube.goAway({ reason: 'unreachable', message: 'connect ECONNREFUSED' }, now())
  const it = await runningAgent(t, kube, { files: true })
  const { inputs, kubernetes, registries } = await it.report()
  t.equal(inputs.find(({ input }) => input === 'intent_spegel')?.up, true)
  t.equal(kubernetes?.intent, null)
  t.ok(registries.filter(({ declaredBy }) => declaredBy.length > 0).every(({ inSync }) => inSync === true))
})

t.test('without an API the files serve, and nothing is said of Kubernetes', async (t) => {
  const it = await runningAgent(t, null, { files: true })
  const { findings, kubernetes, inputs } = await it.report()
  t.same([findings, kubernetes], [[], null])
  t.notOk(inputs.some(({ input }) => input === 'kube'))
  t.equal(await it.sample('pullpath_input_up', { input: 'kube' }), undefined)
})

t.test('a reload of the configuration keeps what is known, and asks anew', async (t) => {
  const kube = withSpegel()
  const it = await runningAgent(t, kube)
  const text = readFileSync(it.node.configFile, 'utf8')
  const before = kube.followed
  writeFileSync(it.node.configFile, text.replace('name: k8s-1', 'name: k8s-2'))
  await it.said('configuration reloaded')
  await it.appeared('node/spegel-absent')
  t.same(kube.followed, before, 'each collection is followed once')
  t.ok(kube.requests.some((request) => request.includes('spec.nodeName=k8s-2')))
})

t.test(
  'an API server that was asked for and cannot be had is an input that is down, and the files serve',
  async (t) => {
    const node = writeNodeDirectory(t.testdir({}), REGISTRIES, { more: 'kubernetes: { enabled: on }\n' })
    const text = readFileSync(node.configFile, 'utf8')
    writeFileSync(node.configFile, text.replace('from: values', LIVE))
    const agent = await startAgent({ configFile: node.configFile, env: {}, logger: pino({ level: 'silent' }) })
    t.teardown(() => agent.stop())
    const report: NodeReport = JSON.parse(await (await fetch(`${agent.url}/api/v1/report`)).text())
    t.match(report.inputs, [
      { input: 'hosts', up: true },
      { input: 'intent_talos', up: true },
      { input: 'intent_spegel', up: true },
      { input: 'kube', up: false, message: /kubernetes\.enabled is on, but KUBERNETES_SERVICE_HOST is not set/ },
    ])
    t.match(report.findings, [{ reason: 'unreadable' }])
  },
)
