import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import type { ClusterReports } from './kube/cluster-reports.ts'
import type { OpenedKube } from './kube/open-kube.ts'

/**
 * What tells the cluster of this node's findings; null: nobody is to be told, or there is no cluster. `before`: what told
 * it with an earlier configuration, and ends. Its code is loaded only where it is wanted.
 */
export async function clusterReporting(
  config: Config,
  kube: Promise<OpenedKube>,
  before: Promise<ClusterReports | null> | null,
  logger: Logger,
): Promise<ClusterReports | null> {
  const last = await before
  last?.stop()
  const { events, nodeCondition } = config.kubernetes
  const opened = await kube
  if (opened.state !== 'open' || !(events || nodeCondition)) return null
  const { ClusterReports } = await import('./kube/cluster-reports.ts')
  return new ClusterReports({
    api: opened.api,
    config,
    before: last,
    onFailure: ({ what, needs }, failure) => {
      if (failure === null) logger.info({ what }, 'the cluster is told again')
      else logger.warn({ what, needs, ...failure }, 'the cluster cannot be told')
    },
  })
}
