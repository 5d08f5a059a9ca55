import t from 'tap'
import { failureText } from '../../src/kube/cluster-failure.ts'

const RELEASES = '/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases'

t.test('what to look at is told with what failed', async (t) => {
  const text = (path: string, verbs: string, reason: 'forbidden' | 'not-found' | 'unreachable') =>
    failureText({ path, verbs, failure: { reason, message: 'it failed' }, knownUntil: null })
  const releases = 'helmreleases.helm.toolkit.fluxcd.io in flux-system'
  t.match(
    text(RELEASES, 'list and watch', 'not-found'),
    `it failed (the API server does not know ${releases}: is it installed?)`,
  )
  t.match(text(RELEASES, 'list and watch', 'forbidden'), `(the agent's role lacks list and watch of ${releases})`)
  for (const plain of [
    text('/api/v1/nodes/k8s-1', 'get', 'not-found'),
    text(RELEASES, 'list and watch', 'unreachable'),
  ]) {
    t.equal(plain, 'it failed, and it was never known')
  }
})
