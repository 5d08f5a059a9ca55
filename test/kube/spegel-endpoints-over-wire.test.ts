import t, { type Test } from 'tap'
import { nodeNames } from '../../src/drift/cluster-members.ts'
import { SpegelEndpoints } from '../../src/kube/spegel-endpoints.ts'
import { startCluster } from './cluster.ts'
import type { Rule } from './rbac.ts'
import { endpoint, slicesOf } from './slices.ts'

/** All that the agent needs for its slots. */
const ROLE: Rule = {
  apiGroups: ['discovery.k8s.io'],
  resources: ['endpointslices'],
  verbs: ['list'],
  namespace: 'kube-system',
}

async function site(t: Test, rules: readonly Rule[]) {
  const { server, api } = await startCluster(t, { rules })
  const told: (string | null)[] = []
  const endpoints = new SpegelEndpoints(api, {
    place: () => ({ namespace: 'kube-system', name: 'spegel' }),
    keep: 3_600_000,
    pause: 0,
    onFailure: (failure) => told.push(failure?.reason ?? null),
  })
  const put = (service: string, names: readonly string[]) => {
    for (const [index, slice] of slicesOf(
      names.map((name, at) => endpoint(`10.244.${at >> 8}.${at & 255}`, name)),
    ).entries()) {
      const labels = { 'kubernetes.io/service-name': service }
      server.put('endpointslices', {
        ...slice,
        metadata: { name: `${service}-${index}`, namespace: 'kube-system', labels },
      })
    }
  }
  return { server, told, put, read: () => endpoints.read(new AbortController().signal) }
}

t.test('one request over the wire reads the slices of the service, and of no other', async (t) => {
  const it = await site(t, [ROLE])
  const names = Array.from({ length: 250 }, (_, place) => `node-${place}`)
  it.put('spegel-bootstrap', names)
  it.put('something-else', ['node-x'])
  const members = await it.read()
  t.strictSame(members && nodeNames(members), names.toSorted())
  t.strictSame(it.told, [])
  t.equal(it.server.journal.entries.length, 1)
})

t.test('without the right to list them that is what is said', async (t) => {
  const it = await site(t, [])
  t.equal(await it.read(), null)
  t.strictSame(it.told, ['forbidden'])
})
