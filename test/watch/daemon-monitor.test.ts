import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readDaemonFacts } from '../../src/containerd/client/read-daemon-facts.ts'
import { PullpathError } from '../../src/errors.ts'
import { type DaemonAnswer, DaemonMonitor, openDaemon } from '../../src/watch/daemon-monitor.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { WireDouble } from '../containerd/client/wire-double.ts'
import { Told } from './watched-node.ts'

const UNREACHABLE = new PullpathError('PP_DAEMON_UNREACHABLE', '/run/c.sock: nothing listens')
const SILENT = new PullpathError('PP_DAEMON_SILENT', '/run/c.sock: no answer')

function monitored(t: Test, daemon: MemoryDaemon) {
  const answers = new Told<DaemonAnswer>()
  const opened = Promise.resolve({ client: daemon.client(), readFacts: readDaemonFacts })
  const monitor = new DaemonMonitor(opened, (answer) => answers.push(answer))
  t.teardown(() => monitor.stop())
  return { monitor, answers }
}

t.test('what the daemon says is asked for when it comes up, and again after a restart', async (t) => {
  const daemon = new MemoryDaemon()
  const { monitor, answers } = monitored(t, daemon)
  await monitor.start()
  const first = await answers.next((it) => it.running !== null)
  t.equal(first.failure, null)
  t.equal(first.running?.version.value.text, '2.1.9+unknown')

  daemon.failure = UNREACHABLE
  const down = await answers.next((it) => it.failure !== null)
  t.match(down.failure, { reason: 'unreachable', message: /nothing listens/ })
  t.equal(down.running?.version.value.text, '2.1.9+unknown', 'what it said last is kept')

  daemon.version = '2.2.7'
  daemon.startedAt += 60_000
  daemon.failure = null
  const again = await answers.next((it) => it.failure === null)
  t.equal(again.running?.version.value.text, '2.2.7')
  t.equal(again.running?.startedAt.value, new Date(daemon.startedAt).toISOString())
})

t.test('a daemon that is not there at the start is told at once, and found when it is', async (t) => {
  const daemon = new MemoryDaemon()
  daemon.failure = SILENT
  const { monitor, answers } = monitored(t, daemon)
  await monitor.start()
  t.match(await answers.next(() => true), { running: null, failure: { reason: 'silent' } })
  daemon.failure = null
  t.match(await answers.next(() => true), { failure: null, running: { pullMode: null } })
})

t.test('a daemon without CRI, or too old, is down although it answers', async (t) => {
  for (const [daemon, failure] of [
    [{ hasCri: false }, { reason: 'refused', message: /^CRI does not work: unknown service/ }],
    [
      { version: '1.6.20' },
      { reason: 'invalid', message: /^containerd 1\.6\.20 is not supported \(.*\) \[PP_VERSION_UNSUPPORTED\]$/ },
    ],
  ] as const) {
    const { monitor, answers } = monitored(t, Object.assign(new MemoryDaemon(), daemon))
    await monitor.start()
    t.match((await answers.next(() => true)).failure, failure)
    await monitor.stop()
  }
})

t.test('nothing is told after it was stopped', async (t) => {
  const daemon = new MemoryDaemon()
  const { monitor, answers } = monitored(t, daemon)
  await monitor.start()
  await monitor.stop()
  const told = answers.length
  daemon.failure = UNREACHABLE
  daemon.failure = null
  t.equal(answers.length, told)
  const early = monitored(t, daemon)
  await Promise.all([early.monitor.stop(), early.monitor.start()])
  t.equal(early.answers.length, 0)
})

t.test('the socket is found below the root of the node, over links of the node', async (t) => {
  // A socket's path has 107 bytes at most.
  const root = mkdtempSync(join(tmpdir(), 'pullpath-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'var'))
  mkdirSync(join(root, 'run/containerd'), { recursive: true })
  symlinkSync('/run', join(root, 'var/run'))
  const double = new WireDouble(new MemoryDaemon(), join(root, 'run/containerd/c.sock'))
  await double.start()
  t.teardown(() => double.stop())
  const { client } = await openDaemon(root, '/var/run/containerd/c.sock')
  t.teardown(() => client.close())
  t.equal((await client.version()).version, '2.1.9+unknown')
  const nowhere = await openDaemon(root, '/no/such/c.sock')
  t.teardown(() => nowhere.client.close())
  await t.rejects(nowhere.client.version(), { code: 'PP_DAEMON_UNREACHABLE' })
})
