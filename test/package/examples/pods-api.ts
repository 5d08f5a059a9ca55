import { type LoopbackServer, startLoopbackServer } from './loopback-server.ts'

/**
 * As much of a Kubernetes API as is asked by who discovers pods in kube-system: answers a watch that begins with what is
 * there (kubernetes 1.34 and later: WatchList), and never reports a change.
 */
export function startPodsApi(pods: readonly object[]): Promise<LoopbackServer> {
  const kind = { apiVersion: 'v1', kind: 'Pod' }
  const end = { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } }
  const events = [
    ...pods.map((pod) => ({ type: 'ADDED', object: { ...kind, ...pod } })),
    { type: 'BOOKMARK', object: { ...kind, metadata: end } },
  ]
  return startLoopbackServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname !== '/api/v1/namespaces/kube-system/pods' || searchParams.get('sendInitialEvents') !== 'true') {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(events.map((it) => `${JSON.stringify(it)}\n`).join(''))
  })
}
