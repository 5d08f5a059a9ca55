import type { Config } from '../config/config.ts'
import type { ClusterAnswer } from '../drift/cluster-facts.ts'
import { kubeFailure } from './cluster-failure.ts'
import { ClusterWatch } from './cluster-watch.ts'
import type { KubeApi, KubeFailure } from './kube-api.ts'

/** Whether the cluster is asked: not at all, in vain until a restart, or by this. */
export type OpenedCluster = { state: 'off' } | { state: 'down'; failure: KubeFailure } | { state: 'open'; api: KubeApi }

/** The watch that is to be started; null where there is nothing to watch. `onAnswer` hears null where nothing is asked. */
export function watchCluster(
  opened: OpenedCluster,
  config: Config,
  onAnswer: (answer: ClusterAnswer | null) => void,
): ClusterWatch | null {
  if (opened.state === 'open') return new ClusterWatch({ config, api: opened.api, onAnswer })
  onAnswer(opened.state === 'off' ? null : nothingSeen(opened.failure))
  return null
}

function nothingSeen(failure: KubeFailure): ClusterAnswer {
  const unheard = { value: null, knownUntil: null, failure: failure.message }
  const down = kubeFailure([{ path: '', verbs: '', failure, knownUntil: null }])
  return {
    facts: { where: null, daemonSet: unheard, pods: unheard, release: null, node: null, intent: null },
    spegel: { intent: null, failure: down },
    failure: down,
  }
}
