import { pino } from 'pino'
import t from 'tap'
import { canaryNodes } from '../src/canary-nodes.ts'
import { readConfig } from '../src/config/read-config.ts'
import type { KubeApi } from '../src/kube/kube-api.ts'
import type { OpenedKube } from '../src/kube/open-kube.ts'
import type { ObjectPlace } from '../src/kube/spegel-place.ts'
import { endpoint, slicesOf } from './kube/slices.ts'

const SILENT = pino({ level: 'silent' })
const { signal } = new AbortController()

function configOf(more: string) {
  const text = `node: { name: k8s-1, ip: 192.168.1.98 }\n${more}`
  return readConfig(text, 'config.yaml', { env: {}, hostname: 'k8s-1' })
}

function apiServer() {
  const asked: string[] = []
  const api = {
    get: async (path: string) => {
      asked.push(path)
      return { items: slicesOf([endpoint('10.244.0.5', 'k8s-1')]) }
    },
  } as unknown as KubeApi
  return { asked, opening: Promise.resolve<OpenedKube>({ state: 'open', api }) }
}

t.test(
  'the nodes are read beside the DaemonSet: where Kubernetes has it, and until then where it is configured',
  async (t) => {
    const { asked, opening } = apiServer()
    let where: ObjectPlace | null = null
    const config = configOf(
      'intent: { spegel: { namespace: flux-system, name: p2p } }\nspegel: { peersFrom: endpointslice }',
    )
    const nodes = await canaryNodes(config, opening, SILENT, () => where)
    t.equal(nodes?.known(), null)
    t.match(await nodes?.read(signal), { pods: [{ node: 'k8s-1', address: '10.244.0.5' }] })
    t.match(nodes?.known(), { pods: [{ node: 'k8s-1' }] })
    where = { namespace: 'spegel-system', name: 'spegel' }
    const later = await canaryNodes(config, opening, SILENT, () => where)
    await later?.read(signal)
    t.same(
      asked.map((it) => it.split('/')[5]),
      ['flux-system', 'spegel-system'],
    )
  },
)

t.test('nobody is asked where no turns are taken, or where there is no cluster', async (t) => {
  const { asked, opening } = apiServer()
  for (const more of ['spegel: { peersFrom: none }', 'canary: { interval: 0 }']) {
    t.equal(await canaryNodes(configOf(more), opening, SILENT, () => null), null)
  }
  t.equal(await canaryNodes(configOf(''), Promise.resolve({ state: 'off' }), SILENT, () => null), null)
  t.same(asked, [])
})
