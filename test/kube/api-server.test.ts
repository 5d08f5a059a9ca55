import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { ApiServer } from './api-server.ts'
import { ConformanceClient } from './conformance-client.ts'
import type { ControlOrder } from './control-routes.ts'
import { ADMIN_TOKEN, type Rule } from './rbac.ts'

const PODS = '/api/v1/namespaces/kube-system/pods'

async function client(t: Test, rules: readonly Rule[]) {
  const server = await ApiServer.start({ tls: null, users: { node: { name: 'node', rules } } })
  t.teardown(() => server.stop())
  return { server, ask: new ConformanceClient({ url: server.url, token: 'node', ca: null }) }
}

t.test('a token may what its rules say', async (t) => {
  const { server, ask } = await client(t, [
    { apiGroups: [''], resources: ['pods'], verbs: ['list'], namespace: 'kube-system' },
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'], resourceNames: ['node-a'] },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  ])
  server.put('nodes', { metadata: { name: 'node-a' }, status: {} })
  for (const [method, path, status] of [
    ['GET', PODS, 200],
    ['GET', `${PODS}?watch=1`, 403],
    ['GET', '/api/v1/pods', 403],
    ['GET', `${PODS}/a`, 403],
    ['POST', PODS, 403],
    ['GET', '/api/v1/nodes/node-a', 200],
    ['GET', '/api/v1/nodes/node-b', 403],
    ['GET', '/api/v1/nodes', 403],
    ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3Dnode-a', 200],
    ['PATCH', '/api/v1/nodes/node-a', 403],
    ['GET', '/apis/apps/v1/namespaces/kube-system/daemonsets', 403],
  ] as const) {
    t.equal((await ask.send(method, path)).status, status, `${method} ${path}`)
  }
  const patch = await ask.send('PATCH', '/api/v1/nodes/node-a/status', {}, 'application/merge-patch+json')
  t.equal(patch.status, 200)
  t.match(
    (await ask.send('GET', '/apis/apps/v1/namespaces/kube-system/daemonsets/x')).body.message,
    'daemonsets.apps "x" is forbidden: User "node" cannot get resource "daemonsets" in API group "apps" in the namespace "kube-system"',
  )
})

t.test('a cluster without Flux does not know its kinds', async (t) => {
  const { server, ask } = await client(t, [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }])
  const path = '/apis/helm.toolkit.fluxcd.io/v2/namespaces/kube-system/helmreleases'
  t.equal((await ask.send('GET', path)).status, 200)
  server.hasFlux = false
  t.match(await ask.send('GET', path), { status: 404, body: { text: '404 page not found\n' } })
})

t.test('versions before a compaction are gone', async (t) => {
  const { server, ask } = await client(t, [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }])
  for (const name of ['a', 'b']) server.put('pods', { metadata: { name, namespace: 'kube-system' } })
  const first = await ask.send('GET', `${PODS}?limit=1`)
  const { continue: token, resourceVersion } = first.body.metadata as Record<string, string>
  server.put('pods', { metadata: { name: 'c', namespace: 'kube-system' } })
  const second = await ask.send('GET', `${PODS}?continue=${token}`)
  t.equal((second.body.items as unknown[]).length, 1, 'a list stays as it was at its first page')
  server.store.compact()
  t.match(await ask.send('GET', `${PODS}?continue=${token}`), { status: 410, body: { reason: 'Expired' } })
  t.match(await ask.watch(`${PODS}?watch=true&resourceVersion=${resourceVersion}`, 1), [
    { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } },
  ])
})

t.test('it runs as a process of its own, and takes orders', async (t) => {
  const file = join(import.meta.dirname, 'api-server-process.ts')
  const child = spawn(process.execPath, [file, JSON.stringify({ tls: null })], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  const [url] = await once(createInterface(child.stdout), 'line')
  const admin = new ConformanceClient({ url, token: ADMIN_TOKEN, ca: null })
  const order = (it: ControlOrder) => admin.send('POST', '/-/', it)
  t.equal((await admin.send('POST', PODS, { metadata: { name: 'a' } })).status, 201)
  await order({ order: 'fault', rule: { fault: { kind: 'status', code: 500 }, times: 1 } })
  t.equal((await admin.send('GET', PODS)).status, 500)
  t.equal((await admin.send('GET', PODS)).status, 200)
  const { body } = await order({ order: 'journal' })
  t.match(JSON.parse(String(body.text)), [{ verb: 'create' }, { verb: 'list' }, { verb: 'list' }])
  t.equal((await new ConformanceClient({ url, token: 'x', ca: null }).send('POST', '/-/', {})).status, 401)
  child.stdin.end()
  t.strictSame(await once(child, 'exit'), [0, null])
})
