import { DATA_SOURCE, type Variable } from './dashboard.ts'
import type { Scope } from './query.ts'

const ON_TIME_RANGE_CHANGE = 2
const BY_NAME = 1
const HIDDEN = 2
const ALL = { selected: true, text: ['All'], value: ['$__all'] }

function query(name: string, label: string, selector: string, more: Record<string, unknown>): Variable {
  const values = `label_values(${selector}, ${name})`
  return {
    name,
    label,
    type: 'query',
    datasource: DATA_SOURCE,
    definition: values,
    query: { query: values, refId: `variable-${name}` },
    refresh: ON_TIME_RANGE_CHANGE,
    sort: BY_NAME,
    regex: '',
    hide: 0,
    ...more,
  }
}

function several(name: string, label: string, selector: string, allValue: string, hide = 0): Variable {
  return query(name, label, selector, { multi: true, includeAll: true, allValue, current: ALL, hide })
}

const BUILD = 'pullpath_build_info'

/** The variables of a dashboard, each within the choice of those before it. */
export function variables(scope: Scope): Variable[] {
  const inCluster = 'cluster=~"$cluster"'
  const inJob = `${inCluster}, job=~"$job"`
  const inNode = `${inJob}, ${scope === 'nodes' ? 'node=~"$node"' : 'node="$node"'}`
  const nodes = `${BUILD}{${inJob}}`
  return [
    {
      name: 'datasource',
      label: 'Data source',
      type: 'datasource',
      query: 'prometheus',
      refresh: 1,
      regex: '',
      hide: 0,
      multi: false,
      includeAll: false,
      current: {},
      options: [],
    },
    // Where Prometheus adds no such label the list is empty, and "All" matches series without it.
    several('cluster', 'Cluster', BUILD, '.*'),
    several('job', 'Job', `${BUILD}{${inCluster}}`, '.+'),
    scope === 'nodes'
      ? several('node', 'Node', nodes, '.*')
      : query('node', 'Node', nodes, { multi: false, includeAll: false, current: {} }),
    // One agent a node: whoever chose the node chose the instance.
    several('instance', 'Instance', `${BUILD}{${inNode}}`, '.+', HIDDEN),
    several('registry', 'Registry', `pullpath_mirror_effective{${inNode}}`, '.*'),
    // Nothing here can know where a fork or a mirror is read: the chart fills it in, or whoever looks.
    {
      name: 'runbooks',
      label: 'Runbooks',
      description: "The address under which you read Pullpath's repository: the links of reasons begin with it.",
      type: 'textbox',
      query: '',
      current: { selected: true, text: '', value: '' },
      options: [{ selected: true, text: '', value: '' }],
      hide: 0,
    },
  ]
}
