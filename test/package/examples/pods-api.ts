import { type LoopbackServer, startLoopbackServer } from './loopback-server.ts'

/**
 * As much of a Kubernetes API as is asked by who discovers pods in kube-system: lists these, and never reports a change.
 */
export function startPodsApi(pods: readonly object[]): Promise<LoopbackServer> {
  const list = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '1' }, items: pods }
  return startLoopbackServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname !== '/api/v1/namespaces/kube-system/pods') {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    if (searchParams.has('watch')) response.flushHeaders()
    else response.end(JSON.stringify(list))
  })
}
