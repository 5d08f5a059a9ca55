import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import type { OpenedKube } from './kube/open-kube.ts'
import type { ObjectPlace } from './kube/spegel-place.ts'
import type { ClusterNodes } from './pull/cluster-nodes.ts'

/** So many slots the nodes are believed to be the same while they cannot be read; and at least so many milliseconds. */
const KEPT_SLOTS = 3
const KEPT = 600_000
/** They are read no more often, however short the slots are: 12 requests an hour. Milliseconds. */
const PAUSE = 300_000

/** The nodes with which this one takes turns in measuring the canary. null: there is no cluster, or it is not asked. */
export async function canaryNodes(
  { intent, spegel, canary }: Config,
  opening: Promise<OpenedKube>,
  logger: Logger,
  where: () => ObjectPlace | null,
  now: () => number = Date.now,
): Promise<ClusterNodes | null> {
  if (spegel.peersFrom === 'none' || canary.interval === 0) return null
  const kube = await opening
  if (kube.state !== 'open') return null
  const [{ SpegelEndpoints }, { daemonSetOf }] = await Promise.all([
    import('./kube/spegel-endpoints.ts'),
    import('./kube/spegel-place.ts'),
  ])
  return new SpegelEndpoints(kube.api, {
    place: () => where() ?? daemonSetOf(intent.spegel.namespace, intent.spegel.name),
    keep: Math.max(KEPT_SLOTS * canary.interval, KEPT),
    pause: PAUSE,
    now,
    onFailure: (failure) => {
      if (failure === null) logger.info('the nodes that run Spegel are read from Kubernetes again')
      else logger.warn({ reason: failure.reason, message: failure.message }, 'the nodes that run Spegel cannot be read')
    },
  })
}
