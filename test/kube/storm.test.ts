/** What the rest of a large cluster costs one node: bytes on its connections, requests, and news. */
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import type { ClusterAnswer } from '../../src/drift/cluster-facts.ts'
import { isSameCluster } from '../../src/drift/cluster-news.ts'
import { ClusterWatch } from '../../src/kube/cluster-watch.ts'
import { noFault } from '../fixtures/no-fault.ts'
import { daemonSetObject, HARBOR_VALUES, nodeObject, podObject, releaseObject } from '../fixtures/spegel-objects.ts'
import { Told } from '../watch/watched-node.ts'
import type { Json } from './api-object.ts'
import { startCluster } from './cluster.ts'

async function watching(t: Test) {
  const { server, api } = await startCluster(t)
  const put = (plural: string, object: unknown) => server.put(plural, object as Json)
  put('daemonsets', daemonSetObject(HARBOR_VALUES, { desired: 1000 }))
  put('pods', podObject('spegel-x7k2p'))
  put('helmreleases', releaseObject(HARBOR_VALUES))
  put('nodes', nodeObject())
  const config = readConfig('node: { name: k8s-1, ip: 192.168.1.98 }\n', 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const answers = new Told<ClusterAnswer>()
  const all: ClusterAnswer[] = []
  const onAnswer = (answer: ClusterAnswer) => {
    all.push(answer)
    answers.push(answer)
  }
  const watch = new ClusterWatch({ config, api, onAnswer, onFault: noFault })
  t.teardown(() => watch.stop())
  await watch.start()
  await server.journal.reaches(3, ({ verb }) => verb === 'watch')
  // Whatever was sent before has come by then.
  put('pods', podObject('spegel-x7k2p', { phase: 'Pending' }))
  await answers.next((it) => it.facts.pods.value?.[0]?.phase === 'Pending')
  return { server, put, all, until: (fits: (answer: ClusterAnswer) => boolean) => answers.next(fits) }
}

const isReady = ({ facts }: ClusterAnswer) => facts.pods.value?.[0]?.ready === true
const isUnready = (it: ClusterAnswer) => !isReady(it)

t.test('10,000 Events, 1,000 pods and as many Nodes that change elsewhere cost this node nothing', async (t) => {
  const { server, put, all, until } = await watching(t)
  const before = { bytes: server.bytesSent, requests: server.journal.count(), answers: all.length }
  for (let count = 0; count < 1000; count++) {
    const name = `elsewhere-${count}`
    for (const ready of [false, true]) put('pods', podObject(name, { node: `k8s-${count + 2}`, ready }))
    put('nodes', { metadata: { name }, status: {} })
    put('daemonsets', { ...daemonSetObject(HARBOR_VALUES), metadata: { name, namespace: 'kube-system' } })
    for (let at = 0; at < 10; at++) {
      const metadata = { name: `${name}.${at}`, namespace: 'kube-system' }
      const involvedObject = { kind: 'Pod', name, namespace: 'kube-system', uid: name }
      put('events', { metadata, involvedObject, reason: 'Pulled', message: 'Container image "a" already present' })
    }
  }
  put('pods', podObject('spegel-x7k2p', { ready: false }))
  await until(isUnready)
  const cost = server.bytesSent - before.bytes
  t.ok(cost > 500 && cost < 5_000, `${cost} bytes, for its own pod`)
  t.equal(server.journal.count(), before.requests)
  t.equal(all.length, before.answers + 1)
})

t.test('of a roll-out over 1,000 nodes this node hears each count, and no rule has a reason to run', async (t) => {
  const { server, put, all, until } = await watching(t)
  const before = { bytes: server.bytesSent, requests: server.journal.count(), answers: all.length }
  // The DaemonSet controller writes its status when a pod has gone, has come, and is ready.
  const updates = 3000
  for (let update = 1; update <= updates; update++) {
    put('daemonsets', daemonSetObject(HARBOR_VALUES, { desired: 1000, ready: update % 3 === 0 ? 1000 : 999 }))
    if (update % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  put('pods', podObject('spegel-x7k2p', { ready: false }))
  const last = await until(isUnready)
  const news = all
    .slice(before.answers)
    .filter((it, at, those) => !isSameCluster(it, those[at - 1] ?? all[before.answers - 1] ?? null))
  t.same(news, [last], 'the pod alone is news')
  t.ok(all.length - before.answers > 1, 'the counts were heard')
  t.equal(server.journal.count(), before.requests)
  t.comment(`${((server.bytesSent - before.bytes) / updates).toFixed(0)} bytes for each status`)
})
