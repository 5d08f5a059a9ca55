import type { Config } from '../config/config.ts'
import type { ClusterAnswer } from '../drift/cluster-facts.ts'
import { kubeFailure } from './cluster-failure.ts'
import { ClusterWatch } from './cluster-watch.ts'
import type { KubeFailure } from './kube-api.ts'
import type { OpenedKube } from './open-kube.ts'

/** The watch that is to be started; null where the API server cannot be had, which is heard at once. */
export function watchCluster(
  opened: Exclude<OpenedKube, { state: 'off' }>,
  config: Config,
  onAnswer: (answer: ClusterAnswer) => void,
  onFault: (error: unknown) => void,
): ClusterWatch | null {
  if (opened.state === 'open') return new ClusterWatch({ config, api: opened.api, onAnswer, onFault })
  onAnswer(nothingSeen(opened.failure))
  return null
}

function nothingSeen(failure: KubeFailure): ClusterAnswer {
  const unheard = { value: null, knownUntil: null, failure: failure.message }
  const down = kubeFailure([{ path: '', verbs: '', failure, knownUntil: null }])
  return {
    facts: {
      where: null,
      daemonSet: unheard,
      pods: unheard,
      release: null,
      isFluxMissing: false,
      node: null,
      intent: null,
    },
    spegel: { intent: null, failure: down },
    failure: down,
  }
}
