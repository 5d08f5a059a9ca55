import type { EndpointReport } from '../containerd/endpoint-report.ts'
import type { PathError, PathNote, PullMode } from '../containerd/pull-path.ts'
import type { DaemonFact } from '../containerd/running-daemon.ts'
import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import type { Writer } from '../hosts/fingerprint.ts'
import type { SourcePosition } from '../source-position.ts'
import type { KubernetesReport } from './kubernetes-report.ts'
import type { Probes } from './probes.ts'
import type { FindingKind, Reason, Severity } from './reasons.ts'
import type { ResolveProof } from './resolve-proof.ts'

export type Actor = 'talos' | 'spegel' | 'git' | 'containerd' | 'node' | 'unknown'

/** One conflict, drift or fault. */
export interface Finding {
  /** `<registry>/<reason>`, or `node/<reason>`; the same fact keeps its id. */
  id: string
  kind: FindingKind
  reason: Reason
  severity: Severity
  level: 'registry' | 'node'
  /** Empty for a finding of the node. */
  registry: string
  /** One sentence: what is wrong and what it does to pulls. */
  summary: string
  /** The path, or the value, as it should be: one line each. */
  expected: string[]
  observed: string[]
  cause: { actor: Actor; text: string; confidence: 'proven' | 'likely' | 'unknown' }
  evidence: Evidence[]
  remedy: Remedy[]
  /** ISO 8601: when it was first seen, or the evidence's time if that is older. Empty in a one-shot evaluation without a clock. */
  since: string
  source: SourcePosition | null
}

export interface Evidence {
  text: string
  /** What it was read from: a path as the daemon sees it, or an intent file. */
  source: string
  /** ISO 8601; null where the evidence has no time. */
  time: string | null
}

export interface Remedy {
  command: string
  why: string
}

/** What happens for one registry on this node. */
export interface RegistryReport {
  /** `_default` for the wildcard. */
  registry: string
  /** Empty: nobody declared it, a directory of that name exists. */
  declaredBy: ('talos' | 'spegel')[]
  /** Whether containerd sees the declared mirrors, whatever Git says; null: it could not be seen, or nobody declared it. */
  effective: boolean | null
  /** null: it could not be seen, or nobody declared it. */
  inSync: boolean | null
  intent: RegistryIntent
  expected: PathReport | null
  observed: PathReport | null
  /** Ids of this registry's findings. */
  findings: string[]
}

export interface RegistryIntent {
  talos: {
    endpoints: { url: string; overridePath: boolean }[]
    skipFallback: boolean
    source: SourcePosition | null
  } | null
  spegel: { url: string; targets: string[]; source: SourcePosition | null } | null
}

/** One tree's answer for a registry: the file that decides and the path that results. */
export interface PathReport {
  directory: string | null
  file: FileReport | null
  endpoints: EndpointReport[]
  notes: PathNote[]
  error: PathError | null
}

export interface FileReport {
  path: string
  writer: Writer
  /** With secrets as `***`. null: not read. */
  content: string | null
  modifiedAt: string | null
  used: boolean
}

/** What one input of the agent gave. */
export interface InputReport {
  input: 'hosts' | 'containerd' | 'intent_talos' | 'intent_spegel' | 'kube' | 'spegel'
  up: boolean
  /** Empty where it is up. */
  message: string
}

/** Everything that is known about this node. All that is shown anywhere comes from it. */
export interface NodeReport {
  node: { name: string; ip: string }
  /** ISO 8601: when the inputs were read. */
  evaluatedAt: string
  containerd: {
    version: string
    pullMode: PullMode
    configPath: string
    hostsDir: string
    /** What is known about the daemon, and how. */
    facts: DaemonFact[]
    /** What of this was not given and is assumed, in words. */
    assumed: string[]
  }
  spegel: { version: string; assumed: boolean } | null
  talos: { version: string } | null
  inputs: InputReport[]
  /** What containerd itself could pull when it was asked to. */
  proofs: ResolveProof[]
  /** What it was seen to ask, beside what is predicted. */
  witnesses: WitnessComparison[]
  /** What was answered to the agent itself, as long as it counts. */
  probes: Probes
  /** What Kubernetes says of Spegel here; null: it is not asked. */
  kubernetes: KubernetesReport | null
  registries: RegistryReport[]
  findings: Finding[]
  notes: string[]
}
