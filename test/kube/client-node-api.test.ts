import t from 'tap'
import { ApiExchange } from '../../src/kube/api-exchange.ts'
import type { KubeClock } from '../../src/kube/clock.ts'
import { KubeError } from '../../src/kube/kube-api.ts'
import { serviceAccount } from '../../src/kube/server-access.ts'
import { Told } from '../watch/watched-node.ts'
import { Heard, startCluster, USER } from './cluster.ts'
import { VirtualClock } from './virtual-clock.ts'

const PODS = '/api/v1/namespaces/kube-system/pods'
const pod = (name: string, nodeName: string, more = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'kube-system', ...more },
  spec: { nodeName },
})

async function failureOf(promise: Promise<unknown>): Promise<KubeError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof KubeError) return error
    throw error
  }
  throw new Error('it did not fail')
}

t.test('an object is read, without what only the API server reads', async (t) => {
  const { server, api } = await startCluster(t)
  server.put('pods', pod('spegel-a', 'node-a', { managedFields: [{ manager: 'kubelet' }] }))
  const read = await api.get(`${PODS}/spegel-a`)
  t.match(read, { kind: 'Pod', spec: { nodeName: 'node-a' }, metadata: { name: 'spegel-a', uid: String } })
  t.notOk('managedFields' in (read.metadata as object))
  t.match(server.journal.entries, [{ verb: 'get', user: USER, userAgent: 'pullpath/test' }])
})

t.test('a token that is refused is read anew, and the request sent once more', async (t) => {
  const { server, account, api } = await startCluster(t)
  server.put('pods', pod('a', 'node-a'))
  await api.get(`${PODS}/a`)
  const user = server.users.get('token-1')
  if (user === undefined) throw new Error('no user')
  server.users.delete('token-1')
  server.users.set('token-2', user)
  account.rotate('token-2\n')
  t.match(await api.get(`${PODS}/a`), { metadata: { name: 'a' } })
  t.strictSame(
    server.journal.entries.map((it) => it.user),
    [USER, null, USER],
  )
})

t.test('a token that is refused and stays the same is not sent again', async (t) => {
  const { server, api } = await startCluster(t)
  server.users.delete('token-1')
  t.equal((await failureOf(api.get(PODS))).failure.reason, 'unauthorized')
  t.equal(server.journal.entries.length, 1)
})

t.test('a follow lists, watches, and hears what is selected alone', async (t) => {
  const { server, api } = await startCluster(t)
  server.put('pods', pod('a', 'node-a'))
  server.put('pods', pod('b', 'node-b'))
  const heard = new Heard().follow(t, api, PODS, { fieldSelector: 'spec.nodeName=node-a' })
  await heard.until((it) => it.objects?.size === 1)
  t.strictSame(heard.names(), ['a'])
  await server.journal.reaches(1, (it) => it.verb === 'watch')
  server.put('pods', pod('c', 'node-a'))
  await heard.until((it) => it.objects?.size === 2)
  t.strictSame(heard.names(), ['a', 'c'])
  server.remove('pods', 'kube-system', 'a')
  await heard.until((it) => it.objects?.size === 1)
  t.strictSame(heard.names(), ['c'])
  t.equal(heard.last?.failure, null)
  t.match(server.journal.entries, [
    { verb: 'list', query: { resourceVersion: '0', fieldSelector: 'spec.nodeName=node-a' } },
    { verb: 'watch', query: { allowWatchBookmarks: 'true', timeoutSeconds: /^3[0-6]\d\d$/ } },
  ])
})

t.test(
  'an error whose words never come is waited for no longer than its head, however long a watch may take',
  async (t) => {
    const clock = new VirtualClock()
    const { server, account } = await startCluster(t)
    server.faults.add({ fault: { kind: 'mute', code: 503 } })
    const deadlines = new Told<number>()
    const told: KubeClock = {
      now: () => clock.now(),
      random: () => clock.random(),
      after: (ms, then) => {
        const cancel = clock.after(ms, then)
        deadlines.push(ms)
        return cancel
      },
    }
    const exchange = new ApiExchange(serviceAccount(account.root), told, 'pullpath/test')
    const failed = failureOf(
      exchange.send({ method: 'GET', path: PODS }, { head: 10, body: 3_600_000 }, async () => null),
    )
    t.equal(await deadlines.next(() => true), 10, 'for the head')
    await deadlines.next(() => true)
    await clock.pass(10)
    t.equal((await failed).failure.reason, 'timeout')
  },
)

t.test('answers that are no success, by reason', async (t) => {
  const { server, api } = await startCluster(t, {
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'create'] }],
  })
  server.put('pods', pod('a', 'node-a'))
  for (const [reason, message, ask] of [
    ['not-found', /pods "none" not found$/, () => api.get(`${PODS}/none`)],
    ['not-found', /404$/, () => api.get('/apis/nobody.io/v1/things')],
    ['conflict', /already exists$/, () => api.create(PODS, pod('a', 'node-a'))],
    ['forbidden', /cannot list resource "pods" in API group "" in the namespace "kube-system"$/, () => api.get(PODS)],
  ] as const) {
    const { failure } = await failureOf(ask())
    t.equal(failure.reason, reason)
    t.match(failure.message, message)
  }
})

t.test('a redirect is not followed, a page is no answer, and a token is never told', async (t) => {
  const { server, api } = await startCluster(t)
  server.faults.add({ fault: { kind: 'redirect', location: `${server.url}/api/v1/nodes` }, times: 1 })
  t.equal((await failureOf(api.get(PODS))).failure.reason, 'malformed')
  t.equal(server.journal.entries.length, 1)
  server.faults.add({ fault: { kind: 'page', text: '<html>token-1</html>' }, times: 1 })
  const { failure } = await failureOf(api.get(PODS))
  t.equal(failure.reason, 'malformed')
  t.notMatch(failure.message, /token-1/)
  server.faults.add({ fault: { kind: 'status', code: 429, retryAfter: 7 }, times: 1 })
  t.match(await failureOf(api.get(PODS)), { failure: { reason: 'throttled' }, retryAfter: 7000 })
})

t.test('a patch changes what it names, and the status by its own path', async (t) => {
  const { server, api } = await startCluster(t)
  server.put('nodes', { metadata: { name: 'node-a' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  const condition = { type: 'RegistryMirrorsDrifted', status: 'True' }
  const patched = await api.patch('/api/v1/nodes/node-a/status', 'strategic', { status: { conditions: [condition] } })
  t.strictSame((patched.status as Record<string, unknown>).conditions, [{ type: 'Ready', status: 'True' }, condition])
})

t.test('a server that nobody vouches for is not told the token', async (t) => {
  const { server, account, api } = await startCluster(t)
  const { writeFileSync } = await import('node:fs')
  writeFileSync(`${account.root}/var/run/secrets/kubernetes.io/serviceaccount/ca.crt`, '')
  const { failure } = await failureOf(api.get(PODS))
  t.equal(failure.reason, 'tls')
  t.equal(server.journal.entries.length, 0)
})
