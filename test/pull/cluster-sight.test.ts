import t from 'tap'
import type { ClusterMembers } from '../../src/drift/cluster-members.ts'
import { clusterPlaces } from '../../src/pull/cluster-sight.ts'
import { openSpegelSight, peersToAsk } from '../../src/pull/spegel-sight.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { CANARY, makeCanary, storeIn } from './stored-canary.ts'

const spegel = { port: null, peersFrom: 'endpointslice' as const, peers: [], metrics: null }
const node = { name: 'k8s-2', ip: '192.168.1.99' }

function members(addresses: Record<string, string>, more: Partial<ClusterMembers> = {}): ClusterMembers {
  const pods = Object.entries(addresses).map(([name, address]) => {
    return { node: name, address, isServing: true, isGone: false }
  })
  return { pods, unnamed: 0, asOf: '2026-11-26T00:00:00.000Z', ...more }
}

const THREE = members({ 'k8s-1': '10.244.1.7', 'k8s-2': '10.244.2.7', 'k8s-3': 'fd00::7' })

t.test('the pods of the other nodes are peers, and that of this node tells its counters', async (t) => {
  const places = clusterPlaces({ spegel, node }, { members: THREE, likely: ['k8s-3', 'k8s-2', 'k8s-9'], askAll: true })
  t.same(places.peers, ['http://[fd00::7]:5000', 'http://10.244.1.7:5000'], 'the likeliest first, and not this node')
  t.equal(places.metrics, 'http://10.244.2.7:9090/metrics')
  t.same(places.cluster, { likely: 1, askAll: true, away: new Set(), unasked: 0 })
})

t.test('what is configured wins', async (t) => {
  const view = { members: THREE, likely: [], askAll: true }
  const configured = { ...spegel, peers: ['http://192.168.1.98:29999', 'http://192.168.1.99:29999'] }
  const places = clusterPlaces({ spegel: configured, node }, view)
  t.same(places, { peers: ['http://192.168.1.98:29999'], metrics: 'http://10.244.2.7:9090/metrics' })
  const metrics = 'http://127.0.0.1:9090/metrics'
  t.equal(clusterPlaces({ spegel: { ...spegel, metrics }, node }, view).metrics, metrics)
})

t.test('of many peers a sample is asked, and always the likeliest', async (t) => {
  const peers = Array.from({ length: 100 }, (_, place) => `http://10.244.0.${place}:5000`)
  const cluster = { likely: 3, askAll: false, away: new Set<string>(), unasked: 0 }
  for (const random of [0, 0.5, 0.999]) {
    const asked = peersToAsk({ peers, cluster }, () => random)
    t.equal(new Set(asked).size, 16)
    t.same(asked.slice(0, 3), peers.slice(0, 3))
  }
  t.equal(peersToAsk({ peers, cluster: { ...cluster, askAll: true } }).length, 100)
})

t.test('nobody has what all that answer have not, and those that are said to be away do not count', async (t) => {
  const peer = await RegistryDouble.start()
  const silent = await RegistryDouble.start()
  t.teardown(() => peer.stop())
  await silent.stop()
  const { manifest } = makeCanary()
  const objects = [{ digest: manifest.digest, kind: 'manifest' as const, mediaType: '', size: 1 }]
  const look = (peers: readonly string[], away: readonly string[], unasked = 0) =>
    openSpegelSight({
      peers,
      metrics: null,
      cluster: { likely: 0, askAll: true, away: new Set(away), unasked },
    }).holders(CANARY, objects)
  const both = [peer.origin, silent.origin]
  t.match(await look(both, []), { asked: 1, known: 2 }, 'it should have answered')
  t.match(await look(both, both), { asked: 1, known: 1 }, 'it was said to be away')
  t.match(await look([peer.origin], [], 1), { asked: 1, known: 2 }, 'one cannot be asked')
  t.match(await look([], []), { asked: 0, known: 0, held: new Map([[manifest.digest, 0]]) }, 'there is nobody else')
  t.equal(await openSpegelSight({ peers: [], metrics: null }).holders(CANARY, objects), null, 'nothing is known')
  const canary = makeCanary()
  storeIn(peer, canary)
  const held = await openSpegelSight({ peers: [peer.origin], metrics: null }).holders(CANARY, [
    { digest: canary.manifest.digest, kind: 'manifest', mediaType: '', size: 1 },
  ])
  t.equal(held?.held.get(canary.manifest.digest), 1)
})
