/** A metric as operators see it. */
export interface MetricEntry {
  name: string
  type: 'gauge' | 'counter' | 'histogram'
  help: string
  labels: readonly string[]
  /** When a series exists, where that is not always. */
  emitted: string
  buckets?: readonly number[]
}

/** Every metric that the agent exposes. The registries and docs/metrics.md are made from this table. */
export const CATALOGUE = {
  mirrorEffective: {
    name: 'pullpath_mirror_effective',
    type: 'gauge',
    help: 'Whether containerd sees the declared mirrors of this registry, whatever Git says (1), or not, or it could not be seen (0).',
    labels: ['registry'],
    emitted: 'for every declared registry',
  },
  inSync: {
    name: 'pullpath_registry_in_sync',
    type: 'gauge',
    help: 'Whether this registry was seen and its pull path is the expected one.',
    labels: ['registry'],
    emitted: 'for every declared registry',
  },
  drift: {
    name: 'pullpath_drift',
    type: 'gauge',
    help: 'Whether the observed pull path differs from the expected one for this reason.',
    labels: ['registry', 'reason'],
    emitted: 'for every declared registry and every reason; reasons of the node carry an empty registry',
  },
  conflict: {
    name: 'pullpath_conflict',
    type: 'gauge',
    help: 'Whether what was declared cannot work for this reason.',
    labels: ['registry', 'reason'],
    emitted: 'for every declared registry and every reason; reasons of the node carry an empty registry',
  },
  fault: {
    name: 'pullpath_fault',
    type: 'gauge',
    help: 'Whether something on the pull path does not work or cannot be seen for this reason.',
    labels: ['registry', 'reason'],
    emitted: 'for every declared registry and every reason; reasons of the node carry an empty registry',
  },
  findingSince: {
    name: 'pullpath_finding_since_timestamp_seconds',
    type: 'gauge',
    help: 'When this finding was first seen, or the time of its evidence where that is older.',
    labels: ['registry', 'reason'],
    emitted: 'while the finding lasts',
  },
  endpointInfo: {
    name: 'pullpath_endpoint_info',
    type: 'gauge',
    help: 'An endpoint that containerd asks for this registry; position 1 is asked first.',
    labels: ['registry', 'url', 'position', 'role'],
    emitted: 'for every endpoint of the observed pull path of a declared registry, the first 32 at most',
  },
  resolveSuccess: {
    name: 'pullpath_containerd_resolve_success',
    type: 'gauge',
    help: 'Whether containerd itself could pull the proof image of this registry when it was asked last.',
    labels: ['registry'],
    emitted: 'for the registry of the canary, once containerd was asked and the origin has the image',
  },
  resolveDuration: {
    name: 'pullpath_containerd_resolve_duration_seconds',
    type: 'gauge',
    help: 'How long that took containerd, whether it could or not.',
    labels: ['registry'],
    emitted: 'with pullpath_containerd_resolve_success',
  },
  endpointUp: {
    name: 'pullpath_endpoint_up',
    type: 'gauge',
    help: 'Whether this endpoint answered everything rightly that it was asked last (1), or not (0).',
    labels: ['registry', 'url', 'role'],
    emitted: 'for every endpoint that is probed, once it was; not when the answer is older than three probe.interval',
  },
  endpointProbeDuration: {
    name: 'pullpath_endpoint_probe_duration_seconds',
    type: 'gauge',
    help: 'How long the last probe took in this phase, all its requests together.',
    labels: ['registry', 'url', 'role', 'phase'],
    emitted: 'with pullpath_endpoint_up, for every phase that a request had',
  },
  harborComponentHealthy: {
    name: 'pullpath_harbor_component_healthy',
    type: 'gauge',
    help: 'What Harbor says of this component of itself: healthy (1) or not (0).',
    labels: ['component'],
    emitted: 'for every component that the last answer of Harbor names',
  },
  containerdInfo: {
    name: 'pullpath_containerd_info',
    type: 'gauge',
    help: 'The daemon whose rules are applied.',
    labels: ['version', 'pull_mode', 'config_path'],
    emitted: 'after the first evaluation',
  },
  pullDuration: {
    name: 'pullpath_pull_duration_seconds',
    type: 'histogram',
    help: 'How long measured pulls took that succeeded, by where their bytes came from.',
    labels: ['source', 'method', 'size_class'],
    emitted:
      'from the first pull of its kind on; of observed pulls for the first six kinds of source and size that a node comes to, the others are only counted',
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600],
  },
  pullLastDuration: {
    name: 'pullpath_pull_last_duration_seconds',
    type: 'gauge',
    help: 'How long the last pull of this kind took that succeeded.',
    labels: ['source', 'method'],
    emitted: 'from the first pull of its kind on',
  },
  pullLastBytes: {
    name: 'pullpath_pull_last_bytes',
    type: 'gauge',
    help: 'What the last pull of this kind that succeeded fetched over the network, manifests included.',
    labels: ['source', 'method'],
    emitted: 'from the first pull of its kind on',
  },
  pullLastTimestamp: {
    name: 'pullpath_pull_last_timestamp_seconds',
    type: 'gauge',
    help: 'When the last pull of this kind that succeeded ended.',
    labels: ['source', 'method'],
    emitted: 'from the first pull of its kind on',
  },
  pullLastPhase: {
    name: 'pullpath_pull_last_phase_duration_seconds',
    type: 'gauge',
    help: 'The sum of each phase over all that the last pull of this kind fetched. Phases may overlap: the sum may be longer than the pull.',
    labels: ['source', 'method', 'phase'],
    emitted: 'for the phases that the last pull of its kind had',
  },
  pullBytes: {
    name: 'pullpath_pull_bytes_total',
    type: 'counter',
    help: 'What measured pulls fetched over the network, those that failed included.',
    labels: ['source', 'method'],
    emitted: 'from the first pull of its kind on',
  },
  pulls: {
    name: 'pullpath_pulls_total',
    type: 'counter',
    help: 'How many pulls were measured, those that failed included. What could not be measured at all is not counted.',
    labels: ['source', 'method'],
    emitted: 'from the first pull of its kind on',
  },
  pullFailures: {
    name: 'pullpath_pull_failures_total',
    type: 'counter',
    help: 'How many measured pulls failed, by a closed list of reasons.',
    labels: ['source', 'method', 'reason'],
    emitted: 'from the first failure of its kind on',
  },
  peerToOriginRatio: {
    name: 'pullpath_peer_to_origin_ratio',
    type: 'gauge',
    help: "How long the last probe through this node's mirror took by that straight from the origin, of the very same content.",
    labels: [],
    emitted: 'while the last probe of each kind succeeded, the one through the mirror from peers alone',
  },
  inputUp: {
    name: 'pullpath_input_up',
    type: 'gauge',
    help: 'Whether this input could be read.',
    labels: ['input'],
    emitted: 'for every input that is configured',
  },
  inputErrors: {
    name: 'pullpath_input_errors_total',
    type: 'counter',
    help: 'How often this input became unreadable or invalid, or failed in another way than before.',
    labels: ['input', 'reason'],
    emitted: 'for every input that is configured',
  },
  inputLastSuccess: {
    name: 'pullpath_input_last_success_timestamp_seconds',
    type: 'gauge',
    help: 'When this input was last read with success.',
    labels: ['input'],
    emitted: 'for every input that was readable once',
  },
  evaluationDuration: {
    name: 'pullpath_evaluation_duration_seconds',
    type: 'histogram',
    help: 'How long an evaluation took, without the reading of its inputs.',
    labels: [],
    emitted: 'always',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  },
  evaluations: {
    name: 'pullpath_evaluations_total',
    type: 'counter',
    help: 'How many evaluations were made, by the input whose change led to it.',
    labels: ['trigger'],
    emitted: 'for every trigger',
  },
  evaluationErrors: {
    name: 'pullpath_evaluation_errors_total',
    type: 'counter',
    help: 'How many evaluations failed by a fault of Pullpath itself; what is shown is stale until one succeeds.',
    labels: [],
    emitted: 'always',
  },
  reloadSuccessful: {
    name: 'pullpath_config_last_reload_successful',
    type: 'gauge',
    help: 'Whether the configuration file was accepted when it was last read.',
    labels: [],
    emitted: 'always',
  },
  reloadTime: {
    name: 'pullpath_config_last_reload_success_timestamp_seconds',
    type: 'gauge',
    help: 'When the configuration in force was read.',
    labels: [],
    emitted: 'always',
  },
  buildInfo: {
    name: 'pullpath_build_info',
    type: 'gauge',
    help: 'The version of Pullpath and of Node.js.',
    labels: ['version', 'node_version'],
    emitted: 'always',
  },
  cpuSeconds: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'User and system time of this process.',
    labels: [],
    emitted: 'always',
  },
  residentMemory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of this process.',
    labels: [],
    emitted: 'always',
  },
  startTime: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When this process started.',
    labels: [],
    emitted: 'always',
  },
  openDescriptors: {
    name: 'process_open_fds',
    type: 'gauge',
    help: 'Open file descriptors of this process.',
    labels: [],
    emitted: 'where /proc is mounted',
  },
  heapUsed: {
    name: 'nodejs_heap_size_used_bytes',
    type: 'gauge',
    help: 'Memory in use by JavaScript objects.',
    labels: [],
    emitted: 'always',
  },
  eventLoopLag: {
    name: 'nodejs_eventloop_lag_seconds',
    type: 'gauge',
    help: 'How long the event loop took to come round during this scrape.',
    labels: [],
    emitted: 'always',
  },
} as const satisfies Record<string, MetricEntry>

/** What can lead to an evaluation. */
export const TRIGGERS = [
  'start',
  'hosts',
  'containerd',
  'intent_talos',
  'intent_spegel',
  'kube',
  'config',
  'proof',
  'probe',
] as const

export type Trigger = (typeof TRIGGERS)[number]
