/** What `bench/kube-footprint.ts` measures, bundled as the agent is: Kubernetes asked as its argument says, then idle. */
import { openKube } from '../src/kube/open-kube.ts'

/** As the agent will follow: this node's own objects alone. */
const FOLLOWED = [
  ['/apis/apps/v1/namespaces/kube-system/daemonsets', { fieldSelector: 'metadata.name=spegel' }],
  ['/apis/helm.toolkit.fluxcd.io/v2/namespaces/kube-system/helmreleases', { fieldSelector: 'metadata.name=spegel' }],
  ['/api/v1/namespaces/kube-system/pods', { fieldSelector: 'spec.nodeName=node-a', labelSelector: 'app=spegel' }],
  ['/api/v1/nodes', { fieldSelector: 'metadata.name=node-a' }],
  ['/api/v1/events', { fieldSelector: 'involvedObject.kind=Pod,reason=Pulled,source=kubelet' }],
] as const

async function follow(enabled: 'on' | 'off', root: string): Promise<void> {
  const opened = await openKube(enabled, { root, userAgent: 'pullpath/bench' })
  const known = FOLLOWED.map(() => Promise.withResolvers<void>())
  if (opened.state === 'open') {
    for (const [at, [path, selector]] of FOLLOWED.entries()) {
      opened.api.follow(path, selector, ({ objects }) => objects !== null && known[at]?.resolve())
    }
    await Promise.all(known.map((it) => it.promise))
  }
  setInterval(() => {}, 1e6)
  process.send?.('idle')
}

const [enabled, root = ''] = process.argv.slice(2)
void follow(enabled === 'on' ? 'on' : 'off', root)
