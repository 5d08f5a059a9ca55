import { accessSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { KubeClock } from './clock.ts'
import type { KubeApi, KubeFailure } from './kube-api.ts'

/** Where client-node looks for it as well (config.ts). */
const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** Whether, and by what, the cluster is asked. */
export type OpenedKube =
  | { state: 'off' }
  /** It was asked for, and cannot be had until a restart: a pod's environment and mounts do not change. */
  | { state: 'down'; failure: KubeFailure }
  | { state: 'open'; api: KubeApi }

export interface KubeSurroundings {
  /** What stands before `/var/run/secrets`; empty in a pod. */
  root?: string
  clock?: KubeClock
  userAgent: string
}

/**
 * `auto` asks where a service account is mounted; `on` does, or says why it cannot. client-node's code is loaded only
 * where it is used. Never rejects.
 */
export async function openKube(
  enabled: Config['kubernetes']['enabled'],
  { root = '', clock, userAgent }: KubeSurroundings,
): Promise<OpenedKube> {
  if (enabled === 'off') return { state: 'off' }
  const missing = whatIsMissing(root)
  if (missing !== null) {
    if (enabled === 'auto') return { state: 'off' }
    const message = `kubernetes.enabled is on, but ${missing}: run it in a pod with a service account's token, as the chart does with kubernetes.enabled`
    return { state: 'down', failure: { reason: 'unauthorized', message } }
  }
  const [{ ClientNodeApi }, { ApiExchange }, { serviceAccount }, { systemClock }] = await Promise.all([
    import('./client-node-api.ts'),
    import('./api-exchange.ts'),
    import('./server-access.ts'),
    import('./clock.ts'),
  ])
  const time = clock ?? systemClock
  return { state: 'open', api: new ClientNodeApi(new ApiExchange(serviceAccount(root), time, userAgent), time) }
}

function whatIsMissing(root: string): string | null {
  // client-node reads it from the process as well, wherever the rest of the environment comes from.
  if (!process.env.KUBERNETES_SERVICE_HOST) return 'KUBERNETES_SERVICE_HOST is not set'
  try {
    accessSync(root + TOKEN_FILE)
    return null
  } catch {
    return `${TOKEN_FILE} cannot be read`
  }
}
