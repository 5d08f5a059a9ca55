import { type ClusterFacts, type Heard, present } from './cluster-facts.ts'

/** What Kubernetes says of Spegel on this node, as it is shown. Times are ISO 8601. */
export interface KubernetesReport {
  /** The object that Spegel's intent in force was read from; null: from files. */
  intent: { source: string; knownUntil: string | null } | null
  daemonSet: { name: string; namespace: string; desired: number | null; ready: number | null } | null
  /** Of this node. */
  pods: {
    name: string
    phase: string
    ready: boolean
    since: string | null
    words: string
    /** When its init container finished, which writes the hosts tree. */
    wroteAt: string | null
    restarts: number
  }[]
  release: {
    name: string
    namespace: string
    ready: boolean | null
    suspended: boolean
    revision: string | null
    words: string
  } | null
  /** What is not followed at this moment: until when it is known, and why. */
  stale: { what: string; knownUntil: string | null; words: string }[]
}

/** null: Kubernetes is not asked. */
export function kubernetesReport(cluster: ClusterFacts | null): KubernetesReport | null {
  if (cluster === null) return null
  const { intent, daemonSet, pods, release } = cluster
  return {
    intent: intent && { ...intent },
    daemonSet: shown(daemonSet, (it) => ({
      name: it.name,
      namespace: it.namespace,
      desired: it.desired,
      ready: it.ready,
    })),
    pods: (pods.value ?? []).map((it) => ({
      name: it.name,
      phase: it.phase,
      ready: it.ready,
      since: it.since,
      words: it.words,
      wroteAt: it.configuration?.state === 'finished' ? it.configuration.finishedAt : null,
      restarts: it.restarts,
    })),
    release: shown(release, (it) => ({
      name: it.name,
      namespace: it.namespace,
      ready: it.ready,
      suspended: it.suspended,
      revision: it.revision,
      words: it.words,
    })),
    stale: [
      ...staleOf('DaemonSet', daemonSet),
      ...staleOf('pods', pods),
      ...(release === null ? [] : staleOf('HelmRelease', release)),
    ],
  }
}

function shown<T, S>(heard: Heard<T | 'absent'> | null, show: (value: T) => S): S | null {
  const value = present(heard)
  return value === null ? null : show(value)
}

function staleOf(what: string, { knownUntil, failure }: Heard<unknown>): KubernetesReport['stale'] {
  return failure === null ? [] : [{ what, knownUntil, words: failure }]
}
