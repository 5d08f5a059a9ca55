import t from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { readDaemonFacts } from '../../src/containerd/client/read-daemon-facts.ts'
import { PullpathError } from '../../src/errors.ts'
import { DaemonWatch } from '../../src/pull/daemon-watch.ts'
import { Turns } from '../../src/pull/turns.ts'
import type { DaemonAnswer } from '../../src/watch/daemon-monitor.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { Told } from '../watch/watched-node.ts'

t.test('a fault in hearing the daemon is told, and its next answer is heard', async (t) => {
  const daemon = new MemoryDaemon()
  const fault = new TypeError('a fault')
  const [answers, faults] = [new Told<DaemonAnswer>(), new Told<unknown>()]
  let isBroken = true
  const text = 'node: { name: k8s-1, ip: 127.0.0.1 }\ncontainerd: { proof: { interval: 0 } }\n'
  const config = readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const opened = Promise.resolve({ client: daemon.client(), readFacts: readDaemonFacts })
  const watch = new DaemonWatch(config, opened, new Turns(), {
    onAnswer: (answer) => {
      if (isBroken) throw fault
      answers.push(answer)
    },
    onProof: () => {},
    onWitness: () => {},
    onFault: (error) => faults.push(error),
  })
  t.teardown(() => watch.stop())
  const told = faults.next(() => true)
  await watch.start()
  t.equal(await told, fault)
  isBroken = false
  const next = answers.next(() => true)
  daemon.failure = new PullpathError('PP_DAEMON_UNREACHABLE', 'nothing listens')
  t.match(await next, { failure: { reason: 'unreachable' } })
})
