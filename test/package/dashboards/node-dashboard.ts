import { type Dashboard, dashboard, type Panel } from './dashboard.ts'
import { barChart, heatmap, stat, table, timeline, timeSeries } from './panels.ts'
import {
  durations,
  endpointsUp,
  failed,
  failures,
  fallbacks,
  harbor,
  lastPhases,
  lastPulls,
  ratio,
  servedBy,
  throughput,
} from './pull-panels.ts'
import { held } from './pull-query.ts'
import { OF_REGISTRY, ofAgents, onceAt, selectWithin } from './query.ts'
import { EFFECTIVE, evaluationDuration, findings, IN_SYNC, proofDuration, proofs, RAISED } from './shared-panels.ts'
import { variables } from './variables.ts'

const select = selectWithin('node')

type Panels = [width: number, panel: Panel][]

/** One dashboard for a node: what containerd asks in which order, what is wrong with it, and what the agent sees. */
export function nodeDashboard(): Dashboard {
  return dashboard({
    uid: 'pullpath-node',
    title: 'Pullpath / Node',
    description:
      "What one node's containerd asks for each registry, how that differs from Git, what pulls take, and how its agent does.",
    from: 'now-6h',
    variables: variables('node'),
    sections: [
      { title: 'Now', lines: [{ height: 4, panels: now() }] },
      { title: 'Pull path', lines: pullPath() },
      { title: 'Mirrors over time', lines: mirrors() },
      { title: 'containerd', lines: [{ height: 8, panels: containerd() }] },
      { title: 'Pulls', lines: pulls() },
      { title: 'Endpoints and Harbor', lines: endpoints() },
      { title: 'Inputs', lines: [{ height: 8, panels: inputs() }] },
      { title: 'Evaluations', lines: [{ height: 8, panels: evaluations() }] },
      { title: 'Configuration and process', lines: agent() },
    ],
  })
}

function now(): Panels {
  const kinds = (['pullpath_drift', 'pullpath_conflict', 'pullpath_fault'] as const).map((metric) => {
    return `sum(${select(metric, OF_REGISTRY)})`
  })
  return [
    [
      6,
      stat({
        title: 'Mirrors not effective',
        description: 'For how many registries containerd does not see the declared mirrors, or could not be seen to.',
        unit: 'none',
        expr: `sum(1 - ${select('pullpath_mirror_effective', OF_REGISTRY)})`,
        bad: true,
      }),
    ],
    [
      6,
      stat({
        title: 'Registries not in sync',
        description: 'For how many registries the pull path is not the expected one, or could not be seen.',
        unit: 'none',
        expr: `sum(1 - ${select('pullpath_registry_in_sync', OF_REGISTRY)})`,
        bad: true,
      }),
    ],
    [
      6,
      stat({
        title: 'Open findings',
        description: 'How many findings of any kind there are: drift, conflicts in Git, and faults.',
        unit: 'none',
        expr: kinds.join(' + '),
        bad: true,
      }),
    ],
    [
      6,
      stat({
        title: 'Inputs down',
        description: 'How many inputs the agent cannot read. Behind such an input it is blind.',
        unit: 'none',
        expr: `sum(1 - ${select('pullpath_input_up')})`,
        bad: true,
      }),
    ],
  ]
}

function pullPath() {
  const paths: Panels = [
    [
      24,
      table({
        title: 'Pull path of each registry',
        description:
          'The endpoints in the order in which containerd asks them: position 1 first. As they stand on the node, not as Git wants them.',
        unit: 'none',
        exprs: [`max by (registry, position, role, url) (${select('pullpath_endpoint_info', OF_REGISTRY)})`],
        columns: [
          { field: 'registry', heading: 'Registry' },
          { field: 'position', heading: 'Position' },
          { field: 'role', heading: 'Role' },
          { field: 'url', heading: 'Endpoint' },
        ],
        numbers: ['position'],
        sortBy: [
          { column: 'Registry', desc: false },
          { column: 'Position', desc: false },
        ],
      }),
    ],
  ]
  const found: Panels = [
    [
      24,
      findings(select, {
        description: 'Everything that this node reports now, the oldest first. A reason leads to its runbook.',
        labels: ['registry', 'reason'],
      }),
    ],
  ]
  return [
    { height: 9, panels: paths },
    { height: 8, panels: found },
  ]
}

function mirrors() {
  const byRegistry = (metric: 'pullpath_mirror_effective' | 'pullpath_registry_in_sync') => {
    return [{ expr: `min by (registry) (${select(metric, OF_REGISTRY)})`, legend: '{{registry}}' }]
  }
  const raised = (kind: 'drift' | 'conflict' | 'fault') => ({
    expr: onceAt(1, select(`pullpath_${kind}`, OF_REGISTRY), ['registry', 'reason']),
    legend: `${kind}: {{registry}} {{reason}}`,
  })
  const states: Panels = [
    [
      12,
      timeline({
        title: 'Effective, by registry',
        description:
          'Whether containerd sees the declared mirrors of the registry, whatever Git says. Red too where it could not be seen.',
        queries: byRegistry('pullpath_mirror_effective'),
        meaning: EFFECTIVE,
      }),
    ],
    [
      12,
      timeline({
        title: 'In sync, by registry',
        description: 'Whether the pull path that containerd takes is the one that Git leads to.',
        queries: byRegistry('pullpath_registry_in_sync'),
        meaning: IN_SYNC,
      }),
    ],
  ]
  const reasons: Panels = [
    [
      24,
      timeline({
        title: 'Drift, conflicts and faults, by registry and reason',
        description: 'What was found some time in what is shown, and how long it lasted. No row where nothing was.',
        queries: [raised('drift'), raised('conflict'), raised('fault')],
        meaning: RAISED,
      }),
    ],
  ]
  return [
    { height: 8, panels: states },
    { height: 8, panels: reasons },
  ]
}

function containerd(): Panels {
  return [
    [8, proofs(select, ['registry'])],
    [8, proofDuration(select, ['registry'])],
    [
      8,
      table({
        title: 'containerd',
        description:
          'The daemon whose rules are applied, how it pulls, and the directory in which it looks for mirrors.',
        unit: 'none',
        exprs: [`max by (version, pull_mode, config_path) (${select('pullpath_containerd_info')})`],
        columns: [
          { field: 'version', heading: 'Version' },
          { field: 'pull_mode', heading: 'Pulls' },
          { field: 'config_path', heading: 'Directory' },
        ],
        sortBy: [{ column: 'Version', desc: false }],
      }),
    ],
  ]
}

function pulls() {
  const duration = held(select('pullpath_pull_last_duration_seconds'))
  const numbers: Panels = [
    [4, fallbacks(select)],
    [4, failed(select)],
    [
      16,
      ratio({
        description:
          'What the last probe through the mirror took of the time of the last one straight from the origin, of the very same content: below 100% peers are faster. A gap where the two cannot be compared.',
        queries: [{ expr: `max(${held(select('pullpath_peer_to_origin_ratio'))})`, legend: 'peer by origin' }],
      }),
    ],
  ]
  const last: Panels = [
    [12, lastPulls(select, { labels: [] })],
    [12, lastPhases(select)],
  ]
  const overTime: Panels = [
    [
      12,
      timeSeries({
        title: 'Duration of the last pulls',
        description: 'What the last pull of each source and method took. It is a step each time that one is measured.',
        unit: 's',
        queries: [{ expr: `max by (source, method) (${duration})`, legend: '{{source}} {{method}}' }],
      }),
    ],
    [12, throughput(select)],
  ]
  const distributions: Panels = [
    [12, durations(select, 'first')],
    [12, durations(select, 'peer')],
  ]
  const shares: Panels = [
    [12, servedBy(select)],
    [12, failures(select)],
  ]
  return [
    { height: 8, panels: numbers },
    { height: 9, panels: last },
    { height: 8, panels: overTime },
    { height: 8, panels: distributions },
    { height: 8, panels: shares },
  ]
}

function endpoints() {
  const phases = held(select('pullpath_endpoint_probe_duration_seconds', OF_REGISTRY))
  const states: Panels = [
    [16, endpointsUp(select, [])],
    [8, harbor(select)],
  ]
  const probes: Panels = [
    [
      12,
      barChart({
        title: 'Phases of the last probes',
        description: 'What each phase took of the last probe of an endpoint, all its requests together.',
        unit: 's',
        expr: `max by (url, phase) (${phases})`,
        bar: 'url',
        part: 'phase',
      }),
    ],
    [
      12,
      timeSeries({
        title: 'Duration of probes',
        description: 'How long the last probe of each endpoint took, all its requests and phases together.',
        unit: 's',
        queries: [{ expr: `sum by (url) (max by (url, phase) (${phases}))`, legend: '{{url}}' }],
      }),
    ],
  ]
  return [
    { height: 8, panels: states },
    { height: 8, panels: probes },
  ]
}

function inputs(): Panels {
  return [
    [
      8,
      timeline({
        title: 'Inputs',
        description: 'Whether each input that is configured could be read.',
        queries: [{ expr: `min by (input) (${select('pullpath_input_up')})`, legend: '{{input}}' }],
        meaning: { zero: ['down', 'red'], one: ['up', 'green'] },
      }),
    ],
    [
      8,
      timeSeries({
        title: 'Time since an input was last read',
        description: 'It grows while an input is down: so old is what the agent says of it.',
        unit: 's',
        queries: [
          {
            expr: `time() - max by (input) (${select('pullpath_input_last_success_timestamp_seconds')})`,
            legend: '{{input}}',
          },
        ],
      }),
    ],
    [
      8,
      timeSeries({
        title: 'Failures of inputs',
        description: 'How often an input became unreadable or invalid, or failed in another way than before.',
        unit: 'none',
        queries: [
          {
            expr: `sum by (input, reason) (increase(${select('pullpath_input_errors_total')}[$__rate_interval]))`,
            legend: '{{input}} {{reason}}',
          },
        ],
      }),
    ],
  ]
}

function evaluations(): Panels {
  const buckets = select('pullpath_evaluation_duration_seconds_bucket')
  return [
    [
      8,
      timeSeries({
        title: 'Evaluations, by what led to them',
        description: 'A healthy node evaluates seldom: only when something changed. The trigger is the input that did.',
        unit: 'none',
        queries: [
          {
            expr: `sum by (trigger) (increase(${select('pullpath_evaluations_total')}[$__rate_interval]))`,
            legend: '{{trigger}}',
          },
          {
            expr: `sum(increase(${select('pullpath_evaluation_errors_total')}[$__rate_interval]))`,
            legend: 'failed: what is shown is stale',
          },
        ],
      }),
    ],
    [8, evaluationDuration(select)],
    [
      8,
      heatmap({
        title: 'Durations of evaluations',
        description: 'How many evaluations took how long, without the reading of their inputs.',
        unit: 's',
        expr: `sum by (le) (increase(${buckets}[$__rate_interval]))`,
      }),
    ],
  ]
}

function agent() {
  const configuration: Panels = [
    [
      6,
      stat({
        title: 'Configuration',
        description:
          'Whether the configuration file was accepted when it was last read. If not, the one before it is in force.',
        unit: 'none',
        expr: `min(${select('pullpath_config_last_reload_successful')})`,
        meaning: { zero: ['refused', 'red'], one: ['accepted', 'green'] },
      }),
    ],
    [
      6,
      stat({
        title: 'In force since',
        description: 'When the configuration that is in force was read.',
        unit: 'dateTimeAsIso',
        expr: `max(${select('pullpath_config_last_reload_success_timestamp_seconds')}) * 1000`,
      }),
    ],
    [
      6,
      stat({
        title: 'Agent started',
        description: 'When the process of the agent started.',
        unit: 'dateTimeAsIso',
        expr: `max(${ofAgents(select, select('process_start_time_seconds'))}) * 1000`,
      }),
    ],
    [
      6,
      table({
        title: 'Version',
        description: 'The agent, and the Node.js that it runs on.',
        unit: 'none',
        exprs: [`max by (version, node_version) (${select('pullpath_build_info')})`],
        columns: [
          { field: 'version', heading: 'Pullpath' },
          { field: 'node_version', heading: 'Node.js' },
        ],
        sortBy: [{ column: 'Pullpath', desc: false }],
      }),
    ],
  ]
  const process: Panels = [
    [
      8,
      timeSeries({
        title: 'Memory',
        description: 'Resident memory of the agent, and what its JavaScript objects take of it.',
        unit: 'bytes',
        queries: [
          { expr: `max(${ofAgents(select, select('process_resident_memory_bytes'))})`, legend: 'resident' },
          { expr: `max(${ofAgents(select, select('nodejs_heap_size_used_bytes'))})`, legend: 'JavaScript objects' },
        ],
      }),
    ],
    [
      8,
      timeSeries({
        title: 'CPU',
        description: 'Processor time that the agent uses: 100% is one core.',
        unit: 'percentunit',
        queries: [
          {
            expr: `sum(${ofAgents(select, `rate(${select('process_cpu_seconds_total')}[$__rate_interval])`)})`,
            legend: 'user and system',
          },
        ],
      }),
    ],
    [
      4,
      timeSeries({
        title: 'Open files',
        description: 'Open file descriptors of the agent. They must not grow for days.',
        unit: 'none',
        queries: [{ expr: `max(${ofAgents(select, select('process_open_fds'))})`, legend: 'open' }],
      }),
    ],
    [
      4,
      timeSeries({
        title: 'Event loop lag',
        description: 'How long the event loop took to come round during a scrape.',
        unit: 's',
        queries: [{ expr: `max(${ofAgents(select, select('nodejs_eventloop_lag_seconds'))})`, legend: 'lag' }],
      }),
    ],
  ]
  return [
    { height: 4, panels: configuration },
    { height: 8, panels: process },
  ]
}
