import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { startAgent } from '../../src/agent.ts'
import type { DaemonClient } from '../../src/containerd/client/daemon-client.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { configOf } from '../fixtures/node-directory.ts'
import { sampleOf } from '../metrics/exposition.ts'
import { Told } from '../watch/watched-node.ts'
import { pullByOthers } from './others-pull.ts'
import { bytesOf, makeCanary, serveIn } from './stored-canary.ts'

const APP = '192.168.1.106/library/app:v1'

/** An agent whose containerd is one in memory; `subscribed` hears the filters of each of its subscriptions. */
async function site(t: Test, observe: string) {
  const daemon = new MemoryDaemon()
  const subscribed = new Told<string>()
  const lines = new Told<{ msg: string; image?: string }>()
  const openDaemon = async () => {
    const client = daemon.client()
    const { subscribe } = client
    client.subscribe = (...all: Parameters<DaemonClient['subscribe']>) => {
      const subscription = subscribe.apply(client, all)
      subscribed.push(all[0].join())
      return subscription
    }
    return { client, readFacts: async () => Promise.reject(new Error('not needed')) }
  }
  const directory = t.testdir({ hosts: {}, talos: {}, spegel: {} })
  const configFile = join(directory, 'config.yaml')
  const write = (observe: string) => {
    const more = `containerd: { socket: /memory.sock, proof: { interval: 0 } }\n${observe}`
    writeFileSync(configFile, configOf(directory, { more }))
  }
  write(observe)
  const logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const agent = await startAgent({ configFile, env: {}, logger, openDaemon })
  t.teardown(() => agent.stop())
  return { agent, daemon, subscribed, lines, write }
}

t.test('an agent tells of what others pull, in its history and in its metrics', async (t) => {
  const { agent, daemon, subscribed, lines } = await site(t, '')
  await subscribed.next((it) => it.includes('/images/'))
  const image = serveIn(daemon, APP, makeCanary())
  await pullByOthers(daemon, APP, {})
  // As soon as its container is there, it is told.
  const labels = new Map(
    ['pod.namespace', 'pod.name', 'pod.uid', 'container.name'].map((it) => [`io.kubernetes.${it}`, `a-${it}`]),
  )
  daemon.store('k8s.io').containers.set('c', { id: 'c', labels, image: APP, createdAt: Date.now() })
  daemon.emit({ at: Date.now() + 1, namespace: 'k8s.io', topic: '/containers/create', id: 'c', image: APP })
  t.match(await lines.next((it) => it.msg === 'observed'), { image: APP, bytes: bytesOf(image) })
  const pulls = await (await fetch(`${agent.url}/api/v1/pulls?method=observed`)).json()
  t.match(pulls, [{ image: APP, via: null, method: 'observed', bytes: bytesOf(image), failure: null }])
  const metrics = await (await fetch(`${agent.url}/metrics`)).text()
  const { source } = (pulls as { source: string }[])[0] ?? { source: '' }
  t.equal(sampleOf(metrics, 'pullpath_pulls_total', { source, method: 'observed' }), 1)
  t.equal(sampleOf(metrics, 'pullpath_pull_bytes_total', { source, method: 'observed' }), bytesOf(image))
})

t.test('where it is off nothing is listened to, and a reload turns it on', async (t) => {
  const { agent, subscribed, write } = await site(t, 'observe: { enabled: false }\n')
  t.notMatch(await subscribed.next(() => true), '/images/', "the monitor's own")
  t.equal(subscribed.length, 0)
  write('observe: { enabled: true }\n')
  agent.reload()
  const filters: string[] = []
  while (!filters.some((it) => it.includes('/images/'))) filters.push(await subscribed.next(() => true))
  t.equal(filters.filter((it) => it.includes('/images/')).length, 1)
})
