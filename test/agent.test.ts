import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { get, Agent as HttpAgent } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { type AgentOptions, startAgent } from '../src/agent.ts'
import { readDaemonFacts } from '../src/containerd/client/read-daemon-facts.ts'
import { evaluate } from '../src/drift/evaluate.ts'
import type { Finding, NodeReport } from '../src/drift/report.ts'
import { PullpathError } from '../src/errors.ts'
import { nodeAt } from '../src/hosts/tree.ts'
import { MemoryDaemon } from './containerd/client/memory-daemon.ts'
import {
  configOf,
  type NodeDirectory,
  removeHosts,
  writeHostsFile,
  writeNodeDirectory,
  writeTree,
} from './fixtures/node-directory.ts'
import { sampleOf } from './metrics/exposition.ts'
import { Told } from './watch/watched-node.ts'

const REGISTRIES = ['192.168.1.106', 'docker.io']
const HARBOR = '192.168.1.106/hosts.toml'
const PEERS_MISSING = '192.168.1.106/peer-mirror-missing'
const QUICK = 'watch: { settle: 20ms, rescan: 100ms }\n'

interface LogLine {
  level: string
  msg: string
  [key: string]: unknown
}

interface Answer {
  status: number
  body: string
}

function getText(url: string, agent?: HttpAgent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(url, agent === undefined ? {} : { agent }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    }).on('error', reject)
  })
}

/** A running agent on a node that is in sync, unless it is prepared otherwise; its log can be waited for. */
async function runningAgent(
  t: Test,
  prepare: (node: NodeDirectory) => void = () => {},
  options: Partial<AgentOptions> = {},
) {
  const node = writeNodeDirectory(t.testdir({}), REGISTRIES, { more: QUICK })
  prepare(node)
  const log = new Told<LogLine>()
  const every: LogLine[] = []
  const stream = {
    write(line: string) {
      every.push(JSON.parse(line))
      log.push(JSON.parse(line))
    },
  }
  const logger = pino({ base: null, formatters: { level: (level) => ({ level }) } }, stream)
  const agent = await startAgent({ configFile: node.configFile, env: {}, logger, ...options })
  t.teardown(() => agent.stop())
  const said = (msg: string, fits: (line: LogLine) => boolean = () => true) => {
    return log.next((line) => line.msg === msg && fits(line))
  }
  return {
    node,
    agent,
    every,
    said,
    appeared: (id: string) => said('finding appeared', ({ finding }) => finding === id),
    cleared: (id: string) => said('finding cleared', ({ finding }) => finding === id),
    text: async (path: string) => (await getText(`${agent.url}${path}`)).body,
    status: async (path: string) => (await getText(`${agent.url}${path}`)).status,
    report: async (): Promise<NodeReport> => JSON.parse((await getText(`${agent.url}/api/v1/report`)).body),
    findings: async (): Promise<Finding[]> => JSON.parse((await getText(`${agent.url}/api/v1/findings`)).body),
    sample: async (name: string, labels: Record<string, string> = {}) => {
      return sampleOf((await getText(`${agent.url}/metrics`)).body, name, labels)
    },
  }
}

function contentOf(tree: NodeDirectory['tree'], path = HARBOR): string {
  const file = nodeAt(tree, path)
  if (file?.kind !== 'file' || file.text === null) throw new Error(`there is no ${path}`)
  return file.text
}

t.test(
  "Talos' own file over Spegel's is found and named everywhere, and gone again when Spegel's is back",
  async (t) => {
    const it = await runningAgent(t)
    const labels = { registry: '192.168.1.106', reason: 'peer-mirror-missing' }
    t.same(
      (await it.findings()).filter(({ kind }) => kind === 'drift'),
      [],
    )
    t.equal(await it.sample('pullpath_drift', labels), 0)
    t.equal(await it.sample('pullpath_registry_in_sync', { registry: '192.168.1.106' }), 1)

    writeHostsFile(it.node, HARBOR, contentOf(it.node.talosTree))
    await it.appeared(PEERS_MISSING)
    t.equal(await it.sample('pullpath_drift', labels), 1)
    t.equal(await it.sample('pullpath_registry_in_sync', { registry: '192.168.1.106' }), 0)
    t.equal(await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), 1)
    const finding = (await it.findings()).find(({ id }) => id === PEERS_MISSING)
    t.ok(finding)
    t.not(finding?.cause.text, '')
    t.match(finding?.remedy[0]?.command, /kubectl/)
    t.match(await it.text('/'), 'peer-mirror-missing')

    const since = finding?.since
    writeHostsFile(it.node, HARBOR, `${contentOf(it.node.talosTree)}\n# touched again\n`)
    await t.resolves(changed(async () => (await it.report()).registries[0]?.observed?.file?.content, /\*\*\*/))
    t.equal((await it.findings()).find(({ id }) => id === PEERS_MISSING)?.since, since, 'it does not get younger')

    writeHostsFile(it.node, HARBOR, contentOf(it.node.tree))
    await it.cleared(PEERS_MISSING)
    t.equal(await it.sample('pullpath_drift', labels), 0)
    t.equal(await it.sample('pullpath_finding_since_timestamp_seconds', labels), undefined)
    t.notMatch(await it.text('/'), 'peer-mirror-missing')
    const about = it.every.filter(({ finding }) => finding === PEERS_MISSING).map(({ msg }) => msg)
    t.same(about, ['finding appeared', 'finding cleared'], 'one line a change of state')
  },
)

/** Asks until the answer fits; the runner's own limit of time ends it. */
async function changed(ask: () => Promise<unknown>, expected: RegExp): Promise<void> {
  while (!expected.test(String(await ask()))) await new Promise((resolve) => setImmediate(resolve))
}

t.test('a wrong reload keeps the last good configuration, and says so once', async (t) => {
  const it = await runningAgent(t)
  t.equal(await it.sample('pullpath_config_last_reload_successful'), 1)
  writeFileSync(it.node.configFile, `${configOf(it.node.directory, { more: QUICK })}wacth: 5s\n`)
  const { reason } = await it.said('the configuration was not reloaded: the last good one stays')
  t.match(reason, /config\.yaml:10:1: unknown key "wacth" \(did you mean watch\?\)/)
  t.equal(await it.sample('pullpath_config_last_reload_successful'), 0)
  t.equal((await it.report()).node.name, 'k8s-1')
  writeHostsFile(it.node, HARBOR, contentOf(it.node.talosTree))
  await it.appeared(PEERS_MISSING)

  writeFileSync(it.node.configFile, configOf(it.node.directory, { more: QUICK }).replace('k8s-1', 'k8s-2'))
  await it.said('configuration reloaded')
  await changed(async () => (await it.report()).node.name, /k8s-2/)
  t.equal(await it.sample('pullpath_config_last_reload_successful'), 1)
  t.ok(((await it.sample('pullpath_evaluations_total', { trigger: 'config' })) ?? 0) > 0)
  t.equal(it.every.filter(({ finding }) => finding === PEERS_MISSING).length, 1, 'the finding went on')
})

t.test("a ConfigMap's exchange of the configuration, and its loss", async (t) => {
  const mount = (node: NodeDirectory) => join(node.directory, 'mounted')
  const write = (node: NodeDirectory, version: string, name: string) => {
    mkdirSync(join(mount(node), version), { recursive: true })
    const text = configOf(node.directory, { more: QUICK }).replace('k8s-1', name)
    writeFileSync(join(mount(node), version, 'config.yaml'), text)
    symlinkSync(version, join(mount(node), '..data_tmp'))
    renameSync(join(mount(node), '..data_tmp'), join(mount(node), '..data'))
  }
  const directory = join(t.testdirName, 'mounted/config.yaml')
  const it = await runningAgent(
    t,
    (node) => {
      write(node, '..1', 'first')
      symlinkSync('..data/config.yaml', join(mount(node), 'config.yaml'))
    },
    { configFile: directory },
  )
  t.equal((await it.report()).node.name, 'first')
  write(it.node, '..2', 'second')
  rmSync(join(mount(it.node), '..1'), { recursive: true })
  await it.said('configuration reloaded')
  await changed(async () => (await it.report()).node.name, /second/)
  rmSync(join(mount(it.node), '..data'))
  const { reason } = await it.said('the configuration was not reloaded: the last good one stays')
  t.match(reason, /cannot be read: no such file or directory/)
  write(it.node, '..3', 'second')
  await it.said('configuration reloaded')
  t.equal(await it.sample('pullpath_config_last_reload_successful'), 1)
})

t.test('a reload while the intent is broken keeps the last good intent', async (t) => {
  const it = await runningAgent(t)
  writeFileSync(it.node.talosFile, 'machine: [\n')
  await it.said('input down')
  writeFileSync(it.node.configFile, configOf(it.node.directory, { more: QUICK }).replace('k8s-1', 'k8s-2'))
  await it.said('configuration reloaded')
  await changed(async () => (await it.report()).node.name, /k8s-2/)
  const { registries, inputs } = await it.report()
  t.same(
    registries.map(({ registry, declaredBy }) => [registry, declaredBy]),
    REGISTRIES.map((registry) => [registry, ['talos', 'spegel']]),
  )
  t.match(inputs, [{ up: true }, { input: 'intent_talos', up: false }, { up: true }])
})

t.test('a reload that is asked for reads the file at once', async (t) => {
  const it = await runningAgent(t)
  it.agent.reload()
  await it.said('configuration reloaded')
  writeFileSync(it.node.configFile, 'no: [')
  it.agent.reload()
  t.match(await it.said('the configuration was not reloaded: the last good one stays'), { level: 'error' })
})

t.test('a port in use is refused with advice, and leaves nothing behind', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const address = taken.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const { configFile } = writeNodeDirectory(t.testdir({}), REGISTRIES, { port })
  await t.rejects(startAgent({ configFile, env: {}, logger: pino({ level: 'silent' }) }), {
    code: 'PP_PORT_IN_USE',
    message: `port ${port} of 127.0.0.1 is taken`,
    advice: 'end what listens there, or set http.port',
  })
})

t.test('an address that is not of this machine, and a configuration that is missing', async (t) => {
  const { configFile, directory } = writeNodeDirectory(t.testdir({}), REGISTRIES)
  const logger = pino({ level: 'silent' })
  writeFileSync(configFile, configOf(directory).replace('127.0.0.1', '192.0.2.1'))
  await t.rejects(startAgent({ configFile, env: {}, logger }), {
    code: 'PP_CONFIG_INVALID',
    message: /cannot listen on port 0 of 192\.0\.2\.1: EADDRNOTAVAIL/,
  })
  rmSync(configFile)
  await t.rejects(startAgent({ configFile, env: {}, logger }), { code: 'PP_FILE_UNREADABLE' })
})

t.test('it stops gracefully: alive and not ready on connections that are open, then gone', async (t) => {
  const it = await runningAgent(t)
  const keepAlive = new HttpAgent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => keepAlive.destroy())
  t.equal((await getText(`${it.agent.url}/readyz`, keepAlive)).status, 200)
  const stopped = it.agent.stop()
  t.equal(it.agent.stop(), stopped, 'stopping twice is stopping once')
  await stopped
  await it.said('stopped')
  await t.rejects(getText(`${it.agent.url}/livez`), { code: 'ECONNREFUSED' })
  it.agent.reload()
  t.notOk(it.every.some(({ msg }) => msg === 'configuration reloaded'))
})

t.test('a fault of the rules leaves the last report, marked as stale, and nothing in sync', async (t) => {
  let isBroken = false
  const breakable: typeof evaluate = (...inputs) => {
    if (isBroken) throw new TypeError('a fault')
    return evaluate(...inputs)
  }
  const it = await runningAgent(t, () => {}, { evaluate: breakable })
  t.equal(await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), 1)
  isBroken = true
  writeHostsFile(it.node, HARBOR, contentOf(it.node.talosTree))
  await it.said('the evaluation failed: what is shown is stale')
  t.equal(await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), 0)
  t.equal(await it.sample('pullpath_mirror_effective', { registry: 'docker.io' }), 0)
  t.equal(await it.sample('pullpath_evaluation_errors_total'), 1)
  t.match((await it.report()).notes[0], /The last evaluation failed/)
  t.equal(await it.status('/livez'), 200)
  isBroken = false
  writeHostsFile(it.node, HARBOR, contentOf(it.node.tree))
  await changed(() => it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), /1/)
  t.notMatch((await it.report()).notes[0], /The last evaluation failed/)
})

t.test('rules that fail from the start leave it alive and never ready', async (t) => {
  const failing: typeof evaluate = () => {
    throw new TypeError('a fault')
  }
  const it = await runningAgent(t, () => {}, { evaluate: failing })
  t.equal(await it.status('/livez'), 200)
  t.equal(await it.status('/readyz'), 503)
  t.equal(await it.status('/api/v1/report'), 503)
  t.equal(await it.sample('pullpath_evaluation_errors_total'), 1)
})

const CORRUPTIONS: Readonly<Record<string, (node: NodeDirectory, file: string) => void>> = {
  'of 20 MB': (_node, file) => {
    writeFileSync(file, '')
    truncateSync(file, 20 * 1024 * 1024)
  },
  'of 0 bytes': (_node, file) => writeFileSync(file, ''),
  binary: (_node, file) => writeFileSync(file, Buffer.from([0x00, 0xff, 0xfe, 0x80, 0xc3, 0x28])),
  'not TOML': (_node, file) => writeFileSync(file, 'server = [[[\n'),
  'a link to itself': (_node, file) => {
    rmSync(file)
    symlinkSync('hosts.toml', file)
  },
  'a link out of the node': (_node, file) => {
    rmSync(file)
    symlinkSync('../../../../../../../../../../etc/hostname', file)
  },
  'a FIFO': (_node, file) => {
    rmSync(file)
    execFileSync('mkfifo', [file])
  },
  'a directory': (_node, file) => {
    rmSync(file)
    mkdirSync(file)
  },
  missing: (_node, file) => rmSync(file),
}

t.test('whatever hosts.toml becomes, it is never in sync and the agent goes on', async (t) => {
  const it = await runningAgent(t)
  const inSync = () => it.sample('pullpath_registry_in_sync', { registry: '192.168.1.106' })
  for (const [name, corrupt] of Object.entries(CORRUPTIONS)) {
    corrupt(it.node, join(it.node.hosts, HARBOR))
    await changed(inSync, /0/)
    t.ok((await it.findings()).length > 0, `a hosts.toml that is ${name} is a finding`)
    t.equal(await it.status('/'), 200)
    t.equal(await it.status(`/api/v1/explain?image=192.168.1.106/a:b`), 200)
    removeHosts(it.node, '192.168.1.106')
    writeHostsFile(it.node, HARBOR, contentOf(it.node.tree))
    await changed(inSync, /1/)
  }
})

t.test('whatever the hosts directory becomes, nothing is in sync and its input is down', async (t) => {
  const it = await runningAgent(t)
  const { hosts } = it.node
  const corruptions: readonly (readonly [string, () => void])[] = [
    ['missing', () => undefined],
    ['a file', () => writeFileSync(hosts, 'a file')],
    ['a link to itself', () => symlinkSync('hosts', hosts)],
    ['a FIFO', () => execFileSync('mkfifo', [hosts])],
  ]
  for (const [name, corrupt] of corruptions) {
    rmSync(hosts, { recursive: true, force: true })
    corrupt()
    await it.said('input down', ({ input }) => input === 'hosts')
    t.equal(await it.sample('pullpath_input_up', { input: 'hosts' }), 0, name)
    for (const registry of REGISTRIES) {
      t.equal(await it.sample('pullpath_registry_in_sync', { registry }), 0, name)
      t.equal(await it.sample('pullpath_mirror_effective', { registry }), 0, name)
    }
    t.equal(await it.sample('pullpath_fault', { registry: '', reason: 'unreadable' }), 1, name)
    rmSync(hosts, { recursive: true, force: true })
    writeTree(hosts, it.node.tree)
    await it.said('input up', ({ input }) => input === 'hosts')
    t.equal(await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), 1, `after ${name}`)
  }
  t.equal(await it.sample('pullpath_input_errors_total', { input: 'hosts', reason: 'unreadable' }), corruptions.length)
})

t.test('a bad commit: the last good intent stays, and what is shown is not called in sync', async (t) => {
  const it = await runningAgent(t)
  const good = readFileSync(it.node.talosFile, 'utf8')
  writeFileSync(it.node.talosFile, 'machine: [\n')
  t.match(await it.said('input down'), { input: 'intent_talos', reason: /not valid YAML/ })
  t.same(
    (await it.report()).registries.map(({ registry, inSync }) => [registry, inSync]),
    REGISTRIES.map((registry) => [registry, null]),
  )
  t.equal(await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), 0)
  t.equal(await it.sample('pullpath_input_errors_total', { input: 'intent_talos', reason: 'invalid' }), 1)
  writeFileSync(it.node.talosFile, good)
  await it.said('input up')
  t.equal(await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }), 1)
})

t.test('it writes nothing to the node and leaves no descriptor open', async (t) => {
  const it = await runningAgent(t)
  const list = () => readdirSync(it.node.directory, { recursive: true, encoding: 'utf8' }).sort()
  const before = list()
  const descriptors = await it.sample('process_open_fds')
  for (let count = 0; count < 5; count++) {
    rmSync(it.node.hosts, { recursive: true })
    await it.said('input down')
    writeTree(it.node.hosts, it.node.tree)
    await it.said('input up')
  }
  t.same(list(), before)
  t.equal(await it.sample('process_open_fds'), descriptors)
})

/** An agent that is told of a socket, and the daemon behind it. */
async function agentWithDaemon(t: Test, daemon = new MemoryDaemon()) {
  const openDaemon = async () => ({ client: daemon.client(), readFacts: readDaemonFacts })
  const it = await runningAgent(
    t,
    ({ directory, configFile }) => {
      // A proof would ask the origin as well, and nothing leaves this machine.
      const more = `${QUICK}containerd: { socket: /run/c.sock, proof: { interval: 0 } }\n`
      writeFileSync(configFile, configOf(directory, { more }))
    },
    { openDaemon },
  )
  const truth = async () => ({
    up: await it.sample('pullpath_input_up', { input: 'containerd' }),
    unreadable: await it.sample('pullpath_fault', { registry: '', reason: 'unreadable' }),
    inSync: await it.sample('pullpath_registry_in_sync', { registry: 'docker.io' }),
  })
  return { ...it, daemon, truth }
}

t.test('what the running daemon says of itself is in the report, with where it comes from and when', async (t) => {
  const { report, text, every } = await agentWithDaemon(t)
  const { containerd } = await report()
  t.match(containerd, { version: '2.1.9+unknown', assumed: [/^config_path/, /^local pull mode/] })
  t.match(containerd.facts[0], {
    name: 'version',
    value: '2.1.9+unknown',
    origin: 'daemon',
    source: 'Version',
    at: /^20/,
  })
  t.match(containerd.facts[1], { name: 'started', value: '2026-11-25T04:00:00.000Z', origin: 'daemon' })
  t.match(await text('/'), /Known about containerd:\n {2}- version 2\.1\.9\+unknown, said by the daemon \(Version\)/)
  t.notOk(
    every.some(({ msg }) => msg === 'input down'),
    'it was asked before the first evaluation',
  )
})

t.test('a daemon that hangs, goes away or comes back as another release is told at each point', async (t) => {
  const { daemon, truth, said, report } = await agentWithDaemon(t)
  t.same(await truth(), { up: 1, unreadable: 0, inSync: 1 })
  for (const code of ['PP_DAEMON_SILENT', 'PP_DAEMON_UNREACHABLE', 'PP_DAEMON_PROTOCOL'] as const) {
    daemon.failure = new PullpathError(code, 'the daemon is not itself')
    t.match(await said('input down'), { input: 'containerd', reason: /the daemon is not itself/ })
    t.same(await truth(), { up: 0, unreadable: 1, inSync: 0 }, code)
    t.equal((await report()).containerd.version, '2.1.9+unknown', 'what it said last is still shown')
    daemon.failure = null
    await said('input up')
    t.same(await truth(), { up: 1, unreadable: 0, inSync: 1 }, `after ${code}`)
  }
  daemon.failure = new PullpathError('PP_DAEMON_UNREACHABLE', 'restarted')
  daemon.version = '2.2.7'
  await said('input down')
  daemon.failure = null
  await said('input up')
  t.equal((await report()).containerd.version, '2.2.7')
})

t.test('a socket that the configuration names no more is not asked any more', async (t) => {
  const { node, agent, said, sample } = await agentWithDaemon(t)
  t.equal(await sample('pullpath_input_up', { input: 'containerd' }), 1)
  writeFileSync(node.configFile, configOf(node.directory, { more: QUICK }))
  agent.reload()
  await said('configuration reloaded')
  while ((await sample('pullpath_input_up', { input: 'containerd' })) !== undefined) await nextTurn()
  t.pass('its input is gone')
})
