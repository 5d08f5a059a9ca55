/**
 * The agent beside real daemons: what it says of them, and what they prove to it. The origin at 192.168.1.106 and the
 * peers are a recording registry in a network namespace of their own, in which daemon and agent run.
 *
 *   npx tap test/daemon/agent.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import { expectedTree } from '../../src/hosts/expected-tree.ts'
import { type DirectoryNode, directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { readIntent } from '../../src/intent/read-intent.ts'
import { writeTree } from '../fixtures/node-directory.ts'
import { startAgentProcess } from './agent-process.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import type { PullProfile, RegistrySettings } from './daemon-configuration.ts'
import { makeImage } from './image.ts'
import { type Network, startNetwork } from './network.ts'
import type { ListenerPlan, Plan } from './plan.ts'
import { onEachDaemon, USUAL_DAEMONS, withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'
import { type Containerd, unpackedContainerd } from './tools.ts'

const CANARY = 'library/pullpath-canary'
/** Where the mirrors of this node listen: the recording registry's plain ports of a loopback address. */
const NODE_IP = '127.0.0.4'
const TALOS = `machine:\n  registries:\n    mirrors:\n      ${HARBOR}:\n        endpoints: [http://${HARBOR}]\n`
const SPEGEL = `spegel:
  containerdRegistryConfigPath: HOSTS
  prependExisting: true
  mirroredRegistries: [http://${HARBOR}]
service: { registry: { hostPort: 80, nodePort: 5000 } }
`
const PEERS: Plan['listeners'] = {
  [`${NODE_IP}:80`]: nothing(),
  [`${NODE_IP}:5000`]: nothing(),
}

function nothing(): ListenerPlan {
  const absent = [{ kind: 'status', status: 404 }] as const
  return { head: absent, manifests: absent, blobs: absent }
}

await withRealDaemons(t, testAll)

interface Site {
  directory: string
  network: Network
  hosts: string
  /** What Talos and then Spegel write, and what Talos writes alone. */
  trees: { both: DirectoryNode; talos: DirectoryNode }
  startDaemon(): Promise<Daemon>
  /** The agent's configuration, with more of YAML. */
  configFile(more?: string): string
  /** What the registries of the site answer from now on. */
  answer(listeners?: Plan['listeners']): Promise<void>
}

interface SiteOptions {
  containerd?: Containerd
  profile?: PullProfile
  settings?: RegistrySettings
}

async function site(t: Test, { containerd = unpackedContainerd(2), profile = 'talos', settings }: SiteOptions = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-agent-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const network = await startNetwork(join(directory, 'network'))
  t.teardown(() => network.stop())
  const place = join(directory, 'node')
  const hosts = join(place, 'roots', 'hosts')
  const files = { talos: join(directory, 'talos.yaml'), spegel: join(directory, 'spegel.yaml') }
  writeFileSync(files.talos, TALOS)
  writeFileSync(files.spegel, SPEGEL.replace('HOSTS', hosts))
  const intent = readIntent({
    talosFiles: [{ path: files.talos, text: TALOS }],
    spegelFiles: [{ path: files.spegel, text: SPEGEL.replace('HOSTS', hosts) }],
    talosVersion: null,
    spegelVersion: null,
  })
  const { tree, talosTree } = expectedTree(intent, { ip: NODE_IP, hostsDir: hosts, imageCache: false })
  mkdirSync(hosts, { recursive: true })
  let images = 0
  const made: Site = {
    directory,
    network,
    hosts,
    trees: { both: tree, talos: talosTree },
    startDaemon: async () => {
      const daemon = await startDaemon(place, { containerd, network, profile, ...(settings && { settings }) })
      t.teardown(() => daemon.stop())
      return daemon
    },
    configFile: (more = '') => {
      const file = join(directory, 'config.yaml')
      writeFileSync(
        file,
        `node: { name: k8s-1, ip: ${NODE_IP} }
host: { root: / }
intent:
  talos: { patches: [${files.talos}] }
  spegel: { from: values, values: [${files.spegel}] }
containerd: { hostsDir: ${hosts}, configFile: ${place}/containerd.toml, socket: ${place}/run/containerd.sock }
watch: { settle: 50ms, rescan: 500ms }
probe: { interval: 0 }
canary: { interval: 0 }
http: { host: 127.0.0.1, port: 9478 }
${more}`,
      )
      return file
    },
    answer: async (listeners = {}) => {
      const image = makeImage(CANARY, { layers: 1, index: false, salt: `${++images}` })
      await network.begin({ plan: { otherwise: {}, listeners: { ...PEERS, ...listeners }, keepAlive: false }, image })
    },
  }
  return made
}

/** Puts a tree in the place of what is there, as the writers do: the directory itself stays. */
function replaceTree({ hosts }: Site, tree: DirectoryNode): void {
  for (const name of ['_backup', HARBOR, '_default']) rmSync(join(hosts, name), { recursive: true, force: true })
  writeTree(hosts, tree)
}

/** State D of the reference: http lost behind a Spegel that answers 404. */
const httpLost = (tree: DirectoryNode): DirectoryNode => {
  const spegel = `[host.'http://${NODE_IP}:80']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'`
  const lost = directoryNode([['hosts.toml', fileNode(`server = 'https://${HARBOR}'\n\n${spegel}`)]])
  return directoryNode([...tree.entries].map(([name, node]) => [name, name === HARBOR ? lost : node]))
}

function testAll(): void {
  onEachDaemon(t, USUAL_DAEMONS, testFactsAndProofs)
  for (const profile of ['talos', 'default'] as const) {
    t.test(`a list in config_path under ${profile === 'talos' ? 'local pull' : 'the transfer service'}`, async (t) => {
      t.setTimeout(0)
      await testList(t, profile)
    })
  }
  t.test('a configuration that is not in force yet', testStale)
  t.test('an agent whose mount shows another tree than the daemon has', testOtherView)
  t.test('a mirror that is dead costs nothing, one that swallows packets is told', testBlackHole)
  t.test('the truth about a daemon that is stopped, killed, started again and without its socket', testFaults)
}

async function testFactsAndProofs(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  const it = await site(t, { containerd, profile })
  replaceTree(it, it.trees.both)
  await it.answer()
  const daemon = await it.startDaemon()
  const agent = await startAgentProcess(it.network, it.configFile())
  t.teardown(() => agent.stop())
  const proven = async (outcome: string) => {
    await agent.said('containerd was asked', { outcome })
    return agent.report()
  }
  const fault = (reason: string) => agent.sample('pullpath_fault', { registry: HARBOR, reason })

  const healthy = await proven('resolved')
  t.match(healthy.proofs, [{ registry: HARBOR, outcome: 'resolved', words: '', origin: { words: '' } }])
  t.equal(healthy.proofs[0]?.layersKept, profile === 'default', 'what the daemon does with layers is seen')
  t.same(
    healthy.findings.map((it) => it.reason),
    profile === 'default' ? [] : ['layers-discarded'],
  )
  t.equal(healthy.containerd.version, containerd.version.text)
  t.match(healthy.witnesses, containerd.version.major === 1 ? [] : [{ registry: HARBOR, agrees: true, cutShort: null }])
  t.equal(healthy.containerd.pullMode, profile === 'default' && containerd.version.major > 1 ? 'transfer' : 'local')
  const origins = Object.fromEntries(healthy.containerd.facts.map(({ name, origin }) => [name, origin]))
  t.match(origins, {
    version: 'daemon',
    started: 'daemon',
    config_path: containerd.version.major === 1 ? 'daemon' : 'file',
  })
  t.equal(agent.sample('pullpath_containerd_resolve_success', { registry: HARBOR }), 1)
  t.ok((agent.sample('pullpath_containerd_resolve_duration_seconds', { registry: HARBOR }) ?? 0) > 0)

  // State D of the reference: http lost behind a mirror that answers 404.
  await it.answer()
  replaceTree(it, httpLost(it.trees.both))
  const lost = await proven('failed')
  t.match(lost.proofs, [{ outcome: 'failed', origin: { words: '' } }])
  t.equal(fault('resolve-failed'), 1)
  t.equal(agent.sample('pullpath_containerd_resolve_success', { registry: HARBOR }), 0)
  t.comment(`in the words of ${containerd.version.text}: ${lost.proofs[0]?.words}`)

  // State B: Talos alone is healthy as far as containerd is concerned.
  await it.answer()
  replaceTree(it, it.trees.talos)
  await proven('resolved')
  t.equal(fault('resolve-failed'), 0)
  t.same(
    agent.report().findings.filter((it) => it.kind === 'fault'),
    [],
  )

  // The origin itself is down, then without a canary.
  await it.answer({ [`${HARBOR}:80`]: down() })
  replaceTree(it, it.trees.both)
  t.match((await proven('origin-down')).proofs, [{ origin: { words: /503/ } }])
  t.equal(fault('resolve-failed'), 0)
  await it.answer({ [`${HARBOR}:80`]: nothing() })
  replaceTree(it, it.trees.talos)
  t.match((await proven('no-canary')).proofs, [{ duration: null }])
  t.equal(agent.sample('pullpath_containerd_resolve_success', { registry: HARBOR }), undefined)

  const client = openDaemonClient(daemon.socket)
  t.teardown(() => client.close())
  const store = client.inNamespace('k8s.io')
  t.same(await store.images([]), [], 'no image is left behind')
  t.same(await store.ingests([]), [], 'nor anything that was broken off')
  t.same(await store.contents([]), [], 'nor content')
}

function down(): ListenerPlan {
  const refusal = [{ kind: 'status', status: 503 }] as const
  return { head: refusal, manifests: refusal, blobs: refusal }
}

/** The transfer service takes the list for one path, which does not exist; local pull does not. */
async function testList(t: Test, profile: PullProfile): Promise<void> {
  const it = await site(t, { profile, settings: { configPath: '$ROOTS/hosts:$ROOTS/more' } })
  replaceTree(it, it.trees.both)
  await it.answer()
  await it.startDaemon()
  const agent = await startAgentProcess(it.network, it.configFile())
  t.teardown(() => agent.stop())
  const outcome = profile === 'talos' ? 'resolved' : 'failed'
  await agent.said('containerd was asked', { outcome })
  const found = agent.report().findings.map((it) => it.reason)
  t.equal(found.includes('config-path-mismatch'), profile === 'default', found.join(', '))
  t.equal(
    agent.sample('pullpath_drift', { registry: '', reason: 'config-path-mismatch' }),
    profile === 'default' ? 1 : 0,
  )
  t.equal(agent.sample('pullpath_mirror_effective', { registry: HARBOR }), profile === 'talos' ? 1 : 0)
}

async function testStale(t: Test): Promise<void> {
  t.setTimeout(0)
  const it = await site(t)
  replaceTree(it, it.trees.both)
  await it.answer()
  const daemon = await it.startDaemon()
  const agent = await startAgentProcess(it.network, it.configFile())
  t.teardown(() => agent.stop())
  const file = join(it.directory, 'node', 'conf.d', 'cri.toml')
  const started = readFileSync(file, 'utf8')
  writeFileSync(file, started.replace(it.hosts, '/elsewhere'))
  const finding = 'node/daemon-config-stale'
  await agent.said('finding appeared', { finding })
  const { findings, containerd } = agent.report()
  t.match(
    findings.find((it) => it.id === finding),
    { observed: [/^containerd started /], evidence: [{ source: file }] },
  )
  t.equal(containerd.configPath, it.hosts, 'what it started with is in force')
  t.notOk(findings.some((it) => it.reason === 'config-path-mismatch'))
  await daemon.stop()
  await agent.said('input down')
  await it.startDaemon()
  await agent.said('finding cleared', { finding })
  t.equal(agent.report().containerd.configPath, it.hosts)
}

async function testBlackHole(t: Test): Promise<void> {
  t.setTimeout(0)
  const it = await site(t)
  const before = (mirror: string) =>
    directoryNode([
      [
        HARBOR,
        directoryNode([
          [
            'hosts.toml',
            fileNode(
              `[host]\n  [host.'${mirror}']\n  [host.'http://${HARBOR}']\n    capabilities = ['pull', 'resolve']\n`,
            ),
          ],
        ]),
      ],
    ])
  await it.answer()
  replaceTree(it, before('http://127.0.0.9:7001'))
  const daemon = await it.startDaemon()
  const agent = await startAgentProcess(it.network, it.configFile())
  t.teardown(() => agent.stop())
  await agent.said('containerd was asked', { outcome: 'resolved' })
  t.equal(agent.report().proofs[0]?.unfinished, false, 'nobody listens at the first: on to the next')

  await startBlackHole(t, it.network, 7000)
  await it.answer()
  replaceTree(it, before('http://127.0.0.9:7000'))
  await agent.said('containerd was asked', { outcome: 'failed' })
  const { proofs, findings } = agent.report()
  t.match(proofs, [{ unfinished: true, origin: { words: '' } }])
  const finding = findings.find((found) => found.reason === 'resolve-failed')
  t.match(finding?.summary, /an endpoint swallows what is sent to it, which costs 30 s for every request/)
  const client = openDaemonClient(daemon.socket)
  t.teardown(() => client.close())
  const store = client.inNamespace('k8s.io')
  t.same(await store.ingests([]), [], 'nothing that was broken off is left')
  t.same(await store.leases([]), [], 'nor a lease of it')
}

/** A port of 127.0.0.9 whose queue is full: the kernel drops what comes to it, as a firewall would. */
async function startBlackHole(t: Test, network: Network, port: number): Promise<void> {
  const inside = (program: string) =>
    spawn(
      'nsenter',
      [`--target=${network.pid}`, '--net', 'setpriv', '--pdeathsig=KILL', process.execPath, '-e', program],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: process.env.PATH, NODE_OPTIONS: '' },
      },
    )
  const address = `{ host: '127.0.0.9', port: ${port}, backlog: 1 }`
  const listening = inside(`require('net').createServer().listen(${address}, () => console.log('listening'))`)
  t.teardown(() => listening.kill('SIGKILL'))
  await once(listening.stdout, 'data')
  listening.kill('SIGSTOP')
  // As many as the queue takes, and then some that are not answered.
  const filling = inside(`
    let held = 0
    for (let count = 0; count < 8; count++) {
      require('net').connect(${address}, () => ++held === 2 && console.log('full')).on('error', () => {})
    }`)
  t.teardown(() => filling.kill('SIGKILL'))
  await once(filling.stdout, 'data')
}

async function testOtherView(t: Test): Promise<void> {
  t.setTimeout(0)
  const it = await site(t)
  replaceTree(it, it.trees.talos)
  await it.answer()
  await it.startDaemon()
  const { host, file } = mountedNode(it)
  // What the agent sees in the place of the tree: as it should be.
  const other = join(it.directory, 'other')
  writeTree(other, it.trees.both)
  insideMounts(it, 'mount', '--bind', other, join(host, it.hosts))
  const agent = await startAgentProcess(it.network, file)
  t.teardown(() => agent.stop())
  await agent.said('finding appeared', { finding: `${HARBOR}/witness-disagrees` })
  const [witness] = agent.report().witnesses
  t.equal(witness?.agrees, false)
  t.equal(agent.sample('pullpath_registry_in_sync', { registry: HARBOR }), 1, 'by what it sees all is well')
  t.equal(agent.sample('pullpath_fault', { registry: HARBOR, reason: 'witness-disagrees' }), 1)
  insideMounts(it, 'umount', join(host, it.hosts))
  await it.answer()
  await agent.said('finding cleared', { finding: `${HARBOR}/witness-disagrees` })
  t.match(
    agent
      .report()
      .findings.map((it) => it.reason)
      .includes('peer-mirror-missing'),
    true,
    'now it sees what is',
  )
}

/** The node as a pod has it, mounted below a directory of the agent; and a configuration that says so. */
function mountedNode(it: Site): { host: string; file: string } {
  const node = join(it.directory, 'node')
  const host = join(it.directory, 'host')
  mkdirSync(join(host, node), { recursive: true })
  insideMounts(it, 'mount', '--bind', node, join(host, node))
  const file = it.configFile()
  writeFileSync(file, readFileSync(file, 'utf8').replace('root: /', `root: ${host}`))
  return { host, file }
}

function insideMounts({ network }: Site, ...command: string[]): void {
  execFileSync('nsenter', [`--target=${network.pid}`, '--mount', ...command])
}

async function testFaults(t: Test): Promise<void> {
  t.setTimeout(0)
  const it = await site(t)
  replaceTree(it, it.trees.both)
  await it.answer()
  let daemon = await it.startDaemon()
  const run = join(it.directory, 'node', 'run')
  const { file } = mountedNode(it)
  const agent = await startAgentProcess(it.network, file)
  t.teardown(() => agent.stop())
  const truth = () => ({
    up: agent.sample('pullpath_input_up', { input: 'containerd' }),
    unreadable: agent.sample('pullpath_fault', { registry: '', reason: 'unreadable' }),
    inSync: agent.sample('pullpath_registry_in_sync', { registry: HARBOR }),
  })
  const well = { up: 1, unreadable: 0, inSync: 1 }
  const unknown = { up: 0, unreadable: 1, inSync: 0 }
  await agent.said('containerd was asked', { outcome: 'resolved' })
  t.same(truth(), well)

  process.kill(daemon.pid, 'SIGSTOP')
  await agent.said('input down')
  t.same(truth(), unknown, 'it hangs')
  t.match(agent.report().inputs.find((it) => it.input === 'containerd')?.message, /PP_DAEMON_SILENT/)
  process.kill(daemon.pid, 'SIGCONT')
  await agent.said('input up')
  t.same(truth(), well, 'it goes on')

  const { value: before } = agent.report().containerd.facts.find((it) => it.name === 'started') ?? {}
  await daemon.stop()
  await agent.said('input down')
  t.same(truth(), unknown, 'it ended')
  daemon = await it.startDaemon()
  await agent.said('input up')
  t.same(truth(), well, 'it was started again')
  const { value: after } = agent.report().containerd.facts.find((it) => it.name === 'started') ?? {}
  t.ok((after ?? '') > (before ?? ''), 'since later')

  rmSync(join(run, 'containerd.sock'))
  await daemon.stop()
  await agent.said('input down')
  t.same(truth(), unknown, 'the socket is gone')
  await it.startDaemon()
  await agent.said('input up')
  t.same(truth(), well, 'and there again')
}
