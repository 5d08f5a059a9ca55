export type FindingKind = 'drift' | 'conflict' | 'fault'
export type Severity = 'critical' | 'warning' | 'info'

interface ReasonFacts {
  /** The kinds that this reason can have. */
  kinds: readonly FindingKind[]
  levels: readonly ('registry' | 'node')[]
  severity: Severity
  /** What is wrong, in a few words: the heading of its block and of its runbook. */
  title: string
}

/** The closed list of reasons (design, section 7). A name never changes; each has a page in `docs/runbooks/`. */
export const REASONS = {
  'plain-http-lost': {
    kinds: ['drift', 'conflict'],
    levels: ['registry'],
    severity: 'critical',
    title: 'a registry declared over http is reached only over https',
  },
  'mirror-missing': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'critical',
    title: 'no entry for a declared registry: containerd uses the default upstream over https',
  },
  'peer-mirror-missing': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: "Spegel's targets are absent: every pull goes to the origin",
  },
  'origin-dropped': {
    kinds: ['drift', 'conflict'],
    levels: ['registry'],
    severity: 'warning',
    title: 'the Talos endpoint survives only in _backup',
  },
  'registry-not-mirrored': {
    kinds: ['conflict'],
    levels: ['registry'],
    severity: 'warning',
    title: "Talos declares the registry, Spegel's mirroredRegistries does not: Spegel removes its entry",
  },
  'existing-not-prepended': {
    kinds: ['conflict'],
    levels: ['registry'],
    severity: 'warning',
    title: 'Spegel replaces the Talos entry instead of standing before it',
  },
  'fallback-lost': {
    kinds: ['conflict'],
    levels: ['registry'],
    severity: 'warning',
    title: "skipFallback or root-level TLS settings cannot survive Spegel's rewrite",
  },
  'intent-invalid': {
    kinds: ['conflict'],
    levels: ['registry', 'node'],
    severity: 'warning',
    title: 'a declared value that its reader ignores or refuses',
  },
  'peers-never-serve': {
    kinds: ['conflict'],
    levels: ['registry'],
    severity: 'info',
    title: "Spegel's own settings keep peers from serving it",
  },
  'endpoint-missing': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an expected endpoint is not asked',
  },
  'endpoint-unexpected': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint is asked that nobody declared',
  },
  'endpoint-order': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: 'the endpoints are asked in another order',
  },
  'endpoint-options': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint is asked in another way',
  },
  'peer-target-stale': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: "Spegel's target is not this node's address",
  },
  'hosts-file-invalid': {
    kinds: ['drift', 'conflict'],
    levels: ['registry'],
    severity: 'critical',
    title: 'this containerd version ignores the hosts.toml',
  },
  'mirror-shadowed': {
    kinds: ['drift'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an empty or second directory hides the real one',
  },
  'config-path-mismatch': {
    kinds: ['drift'],
    levels: ['node'],
    severity: 'critical',
    title: 'containerd reads another directory than Talos and Spegel write',
  },
  'daemon-config-stale': {
    kinds: ['drift'],
    levels: ['node'],
    severity: 'warning',
    title: "containerd's configuration changed after it started",
  },
  'layers-discarded': {
    kinds: ['drift', 'conflict'],
    levels: ['node'],
    severity: 'warning',
    title: 'discard_unpacked_layers is on: this node cannot serve layers to peers',
  },
  'resolve-failed': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'critical',
    title: 'containerd itself cannot resolve what the origin serves',
  },
  'witness-disagrees': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'warning',
    title: 'the daemon asked other endpoints than the rules predict',
  },
  'endpoint-down': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint does not answer',
  },
  'endpoint-tls': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint speaks the wrong protocol',
  },
  'endpoint-auth': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint refuses anonymous pull or names an unreachable realm',
  },
  'endpoint-redirect': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint redirects away',
  },
  'endpoint-blob': {
    kinds: ['fault'],
    levels: ['registry'],
    severity: 'warning',
    title: 'an endpoint serves manifests but not blobs',
  },
  'spegel-absent': {
    kinds: ['fault'],
    levels: ['node'],
    severity: 'warning',
    title: 'no Spegel pod on this node',
  },
  'spegel-not-ready': {
    kinds: ['fault'],
    levels: ['node'],
    severity: 'warning',
    title: 'the Spegel pod on this node is not ready',
  },
  'release-not-applied': {
    kinds: ['drift'],
    levels: ['node'],
    severity: 'warning',
    title: 'the HelmRelease asks for what the DaemonSet does not have',
  },
  unreadable: {
    kinds: ['fault'],
    levels: ['node'],
    severity: 'warning',
    title: 'something that was configured cannot be seen',
  },
} as const satisfies Record<string, ReasonFacts>

export type Reason = keyof typeof REASONS

/** All reasons that a finding of this kind and level can have, in the catalogue's order. */
export function reasonsOf(kind: FindingKind, level: 'registry' | 'node'): Reason[] {
  return (Object.keys(REASONS) as Reason[]).filter((reason) => {
    const facts: ReasonFacts = REASONS[reason]
    return facts.kinds.includes(kind) && facts.levels.includes(level)
  })
}
