import t from 'tap'
import { openKube } from '../../src/kube/open-kube.ts'
import { startCluster } from './cluster.ts'

const userAgent = 'pullpath/test'
t.beforeEach(() => {
  delete process.env.KUBERNETES_SERVICE_HOST
})

t.test('auto asks nobody where no service account is mounted', async (t) => {
  t.strictSame(await openKube('auto', { root: '/nowhere', userAgent }), { state: 'off' })
  process.env.KUBERNETES_SERVICE_HOST = '127.0.0.1'
  t.strictSame(await openKube('auto', { root: '/nowhere', userAgent }), { state: 'off' })
})

t.test('on says why it cannot', async (t) => {
  t.match(await openKube('on', { root: '/nowhere', userAgent }), {
    state: 'down',
    failure: { reason: 'unauthorized', message: /on, but KUBERNETES_SERVICE_HOST is not set/ },
  })
  process.env.KUBERNETES_SERVICE_HOST = '127.0.0.1'
  t.match(await openKube('on', { root: '/nowhere', userAgent }), {
    state: 'down',
    failure: { message: /on, but \/var\/run\/secrets\/kubernetes.io\/serviceaccount\/token cannot be read/ },
  })
})

t.test('where a service account is mounted, the API server is asked, unless it is off', async (t) => {
  const { server, account } = await startCluster(t)
  server.put('nodes', { metadata: { name: 'node-a' } })
  const surroundings = { root: account.root, userAgent }
  for (const enabled of ['auto', 'on'] as const) {
    const opened = await openKube(enabled, surroundings)
    if (opened.state !== 'open') throw new Error(opened.state)
    t.match(await opened.api.get('/api/v1/nodes/node-a'), { metadata: { name: 'node-a' } })
  }
  t.strictSame(await openKube('off', surroundings), { state: 'off' })
})

t.test('a service account that is taken away is an error of the request, which says which file', async (t) => {
  const { account } = await startCluster(t)
  const opened = await openKube('on', { root: account.root, userAgent })
  if (opened.state !== 'open') throw new Error(opened.state)
  account.remove()
  const failed = await opened.api.get('/api/v1/nodes').catch((error: unknown) => error)
  t.match(failed, { failure: { reason: 'unauthorized', message: /serviceaccount\/(token|ca\.crt) ENOENT$/ } })
})
