import { type Dashboard, dashboard, type Panel } from './dashboard.ts'
import { type Column, LINK_TO_RUNBOOK, linked, linkToNode, stat, table, timeline, timeSeries } from './panels.ts'
import {
  durations,
  endpointsUp,
  failed,
  failures,
  fallbacks,
  harbor,
  lastPulls,
  latency,
  ratio,
  servedBy,
  throughput,
} from './pull-panels.ts'
import { held, PEER_TO_FIRST } from './pull-query.ts'
import { OF_REGISTRY, ofAgents, onceAt, selectWithin } from './query.ts'
import { EFFECTIVE, evaluationDuration, findings, IN_SYNC, proofDuration, proofs, RAISED } from './shared-panels.ts'
import { variables } from './variables.ts'

const select = selectWithin('nodes')
const NODE_OF_ROW = linkToNode('${__field.labels.node}')
const NODE: Column = { field: 'node', heading: 'Node', properties: [linked(linkToNode('${__value.raw}'))] }
const CLUSTER: Column = { field: 'cluster', heading: 'Cluster' }

/** One dashboard for all nodes: is every mirror effective, where is it not, since when, and does the agent see. */
export function clusterDashboard(): Dashboard {
  return dashboard({
    uid: 'pullpath-cluster',
    title: 'Pullpath / Cluster',
    description:
      "Whether containerd's registry mirrors are on every node what Git declares, which are not, and why; and what pulls take.",
    from: 'now-6h',
    variables: variables('nodes'),
    sections: [
      { title: 'Now', lines: [{ height: 4, panels: now() }] },
      { title: 'Mirrors', lines: mirrors() },
      { title: 'Findings', lines: [{ height: 10, panels: lists() }] },
      { title: 'containerd', lines: [{ height: 8, panels: containerd() }] },
      { title: 'Pulls', lines: pulls() },
      { title: 'Endpoints and Harbor', lines: [{ height: 9, panels: endpoints() }] },
      { title: 'Agents', lines: agents() },
    ],
  })
}

type Panels = [width: number, panel: Panel][]

function now(): Panels {
  const nodesWhereNot = (metric: 'pullpath_mirror_effective' | 'pullpath_registry_in_sync') => {
    return `sum(1 - min by (cluster, node) (${select(metric, OF_REGISTRY)}))`
  }
  return [
    [
      4,
      stat({
        title: 'Nodes with an agent',
        description: 'How many nodes an agent answers for. Compare it with the number of nodes.',
        unit: 'none',
        expr: `count(group by (cluster, node) (${select('pullpath_build_info')}))`,
      }),
    ],
    [
      4,
      stat({
        title: 'Nodes with a mirror that is not effective',
        description:
          'On how many nodes containerd does not see the declared mirrors of some registry, or it could not be seen.',
        unit: 'none',
        expr: nodesWhereNot('pullpath_mirror_effective'),
        bad: true,
      }),
    ],
    [
      4,
      stat({
        title: 'Nodes not in sync',
        description: 'On how many nodes the pull path of some registry is not the expected one, or could not be seen.',
        unit: 'none',
        expr: nodesWhereNot('pullpath_registry_in_sync'),
        bad: true,
      }),
    ],
    [
      4,
      stat({
        title: 'Conflicts in Git',
        description: 'How many things are declared that cannot work, each counted once however many nodes report it.',
        unit: 'none',
        expr: `sum(max by (cluster, registry, reason) (${select('pullpath_conflict', OF_REGISTRY)}))`,
        bad: true,
      }),
    ],
    [
      4,
      stat({
        title: 'Inputs down',
        description: 'How many inputs of all agents cannot be read. Behind such an input an agent is blind.',
        unit: 'none',
        expr: `sum(1 - ${select('pullpath_input_up')})`,
        bad: true,
      }),
    ],
    [
      4,
      stat({
        title: 'Configurations refused',
        description:
          'How many agents refused their configuration file when it last changed: the one before it is in force.',
        unit: 'none',
        expr: `sum(1 - ${select('pullpath_config_last_reload_successful')})`,
        bad: true,
      }),
    ],
  ]
}

function mirrors() {
  const byNode = (metric: 'pullpath_mirror_effective' | 'pullpath_registry_in_sync') => {
    return `min by (cluster, node, registry) (${select(metric, OF_REGISTRY)})`
  }
  const drift = select('pullpath_drift', OF_REGISTRY)
  const inSync = select('pullpath_registry_in_sync', OF_REGISTRY)
  const panels: Panels = [
    [
      12,
      timeline({
        title: 'Effective, by node and registry',
        description:
          'Whether containerd sees the declared mirrors of the registry, whatever Git says. Red too where it could not be seen.',
        queries: [{ expr: byNode('pullpath_mirror_effective'), legend: '{{node}} {{registry}}' }],
        meaning: EFFECTIVE,
        links: [NODE_OF_ROW],
      }),
    ],
    [
      12,
      timeline({
        title: 'In sync, by node and registry',
        description: 'Whether the pull path that containerd takes is the one that Git leads to.',
        queries: [{ expr: byNode('pullpath_registry_in_sync'), legend: '{{node}} {{registry}}' }],
        meaning: IN_SYNC,
        links: [NODE_OF_ROW],
      }),
    ],
  ]
  const more: Panels = [
    [
      12,
      timeline({
        title: 'Drift, by node, registry and reason',
        description: 'What differed some time in what is shown, and how long. No row where nothing drifted.',
        queries: [
          {
            expr: onceAt(1, drift, ['cluster', 'node', 'registry', 'reason']),
            legend: '{{node}} {{registry}} {{reason}}',
          },
        ],
        meaning: RAISED,
        links: [NODE_OF_ROW],
      }),
    ],
    [
      12,
      timeSeries({
        title: 'Nodes not in sync, by registry',
        description: 'One node: look at that node. All nodes at once: look at what changed in Git or was upgraded.',
        unit: 'none',
        queries: [
          { expr: `sum by (registry) (1 - min by (cluster, node, registry) (${inSync}))`, legend: '{{registry}}' },
        ],
      }),
    ],
  ]
  return [
    { height: 10, panels },
    { height: 9, panels: more },
  ]
}

function lists(): Panels {
  const conflict = select('pullpath_conflict', OF_REGISTRY)
  return [
    [
      15,
      findings(select, {
        description: 'Everything that some node reports now, the oldest first. A reason leads to its runbook.',
        labels: ['cluster', 'node', 'registry', 'reason'],
        before: [NODE],
        after: [CLUSTER],
      }),
    ],
    [
      9,
      table({
        title: 'Conflicts in Git, by registry',
        description: 'What is declared and cannot work, with the number of nodes that report it. Mend it in Git.',
        unit: 'none',
        exprs: [`sum by (cluster, registry, reason) (${conflict}) > 0`],
        columns: [
          { field: 'registry', heading: 'Registry' },
          { field: 'reason', heading: 'Reason', properties: [linked(LINK_TO_RUNBOOK)] },
          { field: 'Value', heading: 'Nodes' },
          CLUSTER,
        ],
        sortBy: [
          { column: 'Registry', desc: false },
          { column: 'Reason', desc: false },
        ],
      }),
    ],
  ]
}

function containerd(): Panels {
  const labels = ['cluster', 'node', 'registry']
  const info = select('pullpath_containerd_info')
  return [
    [8, proofs(select, labels, [NODE_OF_ROW])],
    [8, proofDuration(select, labels)],
    [
      8,
      table({
        title: 'containerd of each node',
        description: 'Whose rules are applied to it, how it pulls, and the directory in which it looks for mirrors.',
        unit: 'none',
        exprs: [`max by (cluster, node, version, pull_mode, config_path) (${info})`],
        columns: [
          NODE,
          { field: 'version', heading: 'Version' },
          { field: 'pull_mode', heading: 'Pulls' },
          { field: 'config_path', heading: 'Directory' },
          CLUSTER,
        ],
        sortBy: [{ column: 'Node', desc: false }],
      }),
    ],
  ]
}

function pulls() {
  const numbers: Panels = [
    [4, fallbacks(select)],
    [4, failed(select)],
    [
      16,
      ratio({
        description:
          'What a pull from a peer takes of the time of one from the origin: below 100% peers are faster. By size and way over all nodes and six hours (a recording rule of the chart), and as each node compared the last two probes of the same content.',
        queries: [
          { expr: PEER_TO_FIRST, legend: 'all nodes: {{method}} {{size_class}}' },
          { expr: `max by (cluster, node) (${held(select('pullpath_peer_to_origin_ratio'))})`, legend: '{{node}}' },
        ],
      }),
    ],
  ]
  const quantiles: Panels = [
    [12, latency(select, 0.5, 'median')],
    [12, latency(select, 0.9, '9 in 10')],
  ]
  const distributions: Panels = [
    [12, durations(select, 'first')],
    [12, durations(select, 'peer')],
  ]
  const shares: Panels = [
    [8, servedBy(select)],
    [8, throughput(select)],
    [8, failures(select)],
  ]
  const last: Panels = [[24, lastPulls(select, { labels: ['cluster', 'node'], before: [NODE], after: [CLUSTER] })]]
  return [
    { height: 8, panels: numbers },
    { height: 9, panels: quantiles },
    { height: 8, panels: distributions },
    { height: 9, panels: shares },
    { height: 9, panels: last },
  ]
}

function endpoints(): Panels {
  return [
    [16, endpointsUp(select, ['cluster', 'node'], [NODE_OF_ROW])],
    [8, harbor(select, ['cluster'])],
  ]
}

function agents() {
  const inputs: Panels = [
    [
      12,
      timeline({
        title: 'Inputs down, by node',
        description:
          'The inputs that an agent could not read some time in what is shown. No row where all could be read.',
        queries: [
          { expr: onceAt(0, select('pullpath_input_up'), ['cluster', 'node', 'input']), legend: '{{node}} {{input}}' },
        ],
        meaning: { zero: ['down', 'red'], one: ['up', 'green'] },
        links: [NODE_OF_ROW],
      }),
    ],
    [12, evaluationDuration(select)],
  ]
  const process: Panels = [
    [
      8,
      timeSeries({
        title: 'Memory of the agents',
        description: "Resident memory of each agent. Compare it with the container's limit.",
        unit: 'bytes',
        queries: [
          {
            expr: `max by (cluster, node) (${ofAgents(select, select('process_resident_memory_bytes'))})`,
            legend: '{{node}}',
          },
        ],
      }),
    ],
    [
      8,
      timeSeries({
        title: 'CPU of the agents',
        description: 'Processor time that each agent uses: 100% is one core.',
        unit: 'percentunit',
        queries: [
          {
            expr: `sum by (cluster, node) (${ofAgents(select, `rate(${select('process_cpu_seconds_total')}[$__rate_interval])`)})`,
            legend: '{{node}}',
          },
        ],
      }),
    ],
    [
      8,
      table({
        title: 'Versions',
        description: 'The agent of each node, and the Node.js that it runs on.',
        unit: 'none',
        exprs: [`max by (cluster, node, version, node_version) (${select('pullpath_build_info')})`],
        columns: [
          NODE,
          { field: 'version', heading: 'Pullpath' },
          { field: 'node_version', heading: 'Node.js' },
          CLUSTER,
        ],
        sortBy: [{ column: 'Node', desc: false }],
      }),
    ],
  ]
  return [
    { height: 8, panels: inputs },
    { height: 8, panels: process },
  ]
}
