import type { Known } from '../containerd/running-daemon.ts'
import type { InputFailure } from '../input-failure.ts'
import type { Intent, SpegelIntent } from '../intent/intent.ts'
import type { Version } from '../version.ts'
import type { Place, Placement } from './placement.ts'
import type { SpegelSetting } from './spegel-settings-difference.ts'

/** What was last heard of something in the cluster. */
export interface Heard<T> {
  /** null: nothing was heard yet. */
  value: T | null
  /** ISO 8601: until when it is known to be so; null: it is followed at this moment, or was never heard. */
  knownUntil: string | null
  /** Why it is not followed at this moment, one sentence; null: it is. */
  failure: string | null
}

export const NOT_HEARD: Heard<never> = { value: null, knownUntil: null, failure: null }

/** What is known to be there; null: it is not there, or nothing was heard. */
export function present<T>(heard: Heard<T | 'absent'> | null | undefined): T | null {
  const value = heard?.value ?? null
  return value === 'absent' ? null : value
}

/** What Kubernetes says that concerns this node. */
export interface ClusterFacts {
  /** Where Spegel is looked for; null: it is not (`intent.spegel.from: none`). */
  where: { namespace: string; daemonSet: string } | null
  daemonSet: Heard<SpegelDaemonSet | 'absent'>
  /** Spegel's pods on this node. */
  pods: Heard<readonly SpegelPod[]>
  /** null: it is not asked for, since nothing says that Flux installs Spegel. */
  release: Heard<SpegelHelmRelease | 'absent'> | null
  /** Whether the intent is to come from a HelmRelease (`intent.spegel.from`), and the API server knows no such kind. */
  isFluxMissing: boolean
  node: KubernetesNode | null
  /** The object that the intent in force was read from; null: it was read from files. */
  intent: { source: string; knownUntil: string | null } | null
}

/** Spegel's DaemonSet, as far as a node depends on it. */
export interface SpegelDaemonSet {
  name: string
  namespace: string
  /** On how many nodes a pod of it is to run; null: not said yet. */
  desired: number | null
  ready: number | null
  /** What its pods' template counts as; a pod of an older one was made before the last change. */
  templateGeneration: string | null
  /** The chart and its version by the label `helm.sh/chart`: `0.7.4`; null: not said. */
  chartVersion: string | null
  /** How its pods are selected, as kubectl takes it. */
  selector: string
  placement: Placement
  /** null: its containers cannot be read as Spegel's. */
  spegel: SpegelIntent | null
}

/** One of Spegel's pods on this node. Times are ISO 8601. */
export interface SpegelPod {
  name: string
  /** Its IP address; null: it has none yet. */
  address: string | null
  phase: string
  isTerminating: boolean
  ready: boolean
  /** Since when it is ready, or not; null: not said. */
  since: string | null
  /** Why it is not ready; empty: it is. */
  words: string
  /** Whether it cannot start, whatever its peers do: its image, its configuration, or it was evicted. */
  isBroken: boolean
  /** The init container `configuration`, which writes the hosts tree; null: the pod has none. */
  configuration: InitContainer | null
  /** Of its containers. */
  restarts: number
  /** See SpegelDaemonSet. */
  templateGeneration: string | null
}

/** `finished`: with success. `failing`: it ended with an error, and is started again. `pending`: it has not ended yet. */
export interface InitContainer {
  state: 'finished' | 'failing' | 'pending'
  /** ISO 8601, in whole seconds, cut off: when it last ended; null: it never did. */
  finishedAt: string | null
  /** What Kubernetes says of it: `CrashLoopBackOff: back-off 5m0s ...`; empty where it finished. */
  words: string
}

/** The HelmRelease that installs Spegel. */
export interface SpegelHelmRelease {
  name: string
  namespace: string
  suspended: boolean
  /** Whether Flux has taken up what it asks for now. */
  isObserved: boolean
  /** Flux' condition Ready; null: not said yet. */
  ready: boolean | null
  /** ISO 8601: since when; null: not said. */
  since: string | null
  /** Flux' own words for it; where they may quote a Secret its reason alone, and how to see them. */
  words: string
  /** Whether Flux says that it is at work on it. */
  isReconciling: boolean
  /** The chart's version that was installed last; null: not said. */
  revision: string | null
  /** What it asks for; null: it cannot be read, see `problem`. */
  spegel: SpegelIntent | null
  /** Why it cannot be read; null: it can. */
  problem: string | null
  /** What its values come from that is not seen: `Secret kube-system/spegel`. */
  unseen: readonly string[]
  /** Settings that something of `unseen` may set: a difference in these says nothing. */
  uncertain: readonly SpegelSetting[]
}

/** What this Node's object says. */
export interface KubernetesNode extends Place {
  /** null: it is not said, or it is no containerd. */
  containerd: Known<Version> | null
  /** ISO 8601: when it was read. */
  at: string
}

/** Everything that was heard of the cluster, as an edge hands it in. */
export interface ClusterAnswer {
  facts: ClusterFacts
  /** What the cluster itself declares of Spegel; null: it is not read from there. */
  spegel: { intent: Intent | null; failure: InputFailure | null } | null
  /** Why not everything can be followed; null: it can. */
  failure: InputFailure | null
}
