import type { DaemonProfile } from '../containerd/pull-path.ts'
import type { DaemonFact } from '../containerd/running-daemon.ts'
import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import type { FileView } from '../hosts/file-view.ts'
import type { TreeNode } from '../hosts/tree.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import type { Probes } from './probes.ts'
import type { InputReport } from './report.ts'
import type { ResolveProof } from './resolve-proof.ts'

/** What is on the node: the hosts tree, and what else of its file system was read. */
export interface ObservedTree {
  /** The tree at `DaemonFacts.hostsDir`; an unreadable node where it could not be read. */
  hosts: TreeNode
  /** Everything visible by absolute path, the hosts tree included. */
  view: FileView
}

/** What is known about the daemon, and what of it is only assumed. */
export interface DaemonFacts extends DaemonProfile {
  /** The directory that Talos and Spegel write: `/etc/cri/conf.d/hosts`. */
  hostsDir: string
  /** Whether `configPath` was read from the daemon or its configuration, not assumed to be `hostsDir`. */
  configPathKnown: boolean
  /** null: not known. */
  discardUnpackedLayers: boolean | null
  /** The file that sets `configPath`, or the first one of the daemon's configuration; null: none was read. */
  configFile: string | null
  /** Each of these, with where it comes from. */
  facts: readonly DaemonFact[]
  /** Where its configuration changed after the daemon had read it. */
  stale: { file: string /** ISO 8601. */; changedAt: string /** ISO 8601. */; startedAt: string } | null
  /** What is assumed, in words for a person. */
  assumed: readonly string[]
  /** What of the daemon's configuration does not count, in words with its place. */
  notes: readonly string[]
}

/** What is known about the node apart from its daemon. */
export interface NodeFacts {
  name: string
  ip: string
  /** ISO 8601: when the inputs were read. */
  now: string
  /** ISO 8601; null: not known. */
  bootedAt: string | null
  /** ISO 8601: when this agent last saw Spegel's entries in the tree; null: never. Tells a wipe from a late start. */
  spegelLastSeenAt: string | null
  inputs: readonly InputReport[]
  /** The daemon's own proofs, the last of each registry; empty where it was not asked for any. */
  proofs: readonly ResolveProof[]
  /** What it showed of its requests, the last of each registry. */
  witnesses: readonly WitnessComparison[]
  /** What the agent itself asked over HTTP, the last of each. */
  probes: Probes
  /** What Kubernetes says that concerns this node; null: it is not asked. */
  cluster: ClusterFacts | null
  /** `auto`: Talos' image cache endpoint is accepted, present or not. */
  imageCache: 'auto' | 'on' | 'off'
}
