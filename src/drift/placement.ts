/** What decides on a node which pods may run there. */
export interface Place {
  labels: Readonly<Record<string, string>>
  taints: readonly Taint[]
}

export interface Taint {
  key: string
  value: string
  effect: string
}

/** On which nodes a DaemonSet's pods may run. */
export interface Placement {
  nodeSelector: Readonly<Record<string, string>>
  /** Terms of `requiredDuringSchedulingIgnoredDuringExecution`: one of them must fit; null: none is required. */
  affinity: readonly AffinityTerm[] | null
  tolerations: readonly Toleration[]
}

/** All of its expressions must fit; one without any fits nothing (k8s.io/component-helpers: nodeaffinity). */
export interface AffinityTerm {
  labels: readonly Requirement[]
  /** Of the node's own fields, which is `metadata.name` alone. */
  fields: readonly Requirement[]
}

export interface Requirement {
  key: string
  operator: string
  values: readonly string[]
}

/** An empty key with `Exists` tolerates everything, an empty effect every effect. */
export interface Toleration {
  key: string
  operator: string
  value: string
  effect: string
}

/** Why the DaemonSet leaves this node out on purpose; null: it does not. */
export function leftOutBy(placement: Placement, node: Place, name: string): string | null {
  for (const [key, value] of Object.entries(placement.nodeSelector)) {
    if (node.labels[key] !== value) return `its nodeSelector asks for the label ${key}=${value}`
  }
  if (placement.affinity === null) return null
  const fits = placement.affinity.some(({ labels, fields }) => {
    const isEmpty = labels.length + fields.length === 0
    return (
      !isEmpty &&
      labels.every((it) => meets(it, node.labels[it.key])) &&
      fields.every((it) => meets(it, it.key === 'metadata.name' ? name : undefined))
    )
  })
  return fits ? null : 'its node affinity does not fit this node'
}

/** A taint of this node that keeps the DaemonSet's pods away; null: there is none. */
export function untolerated(placement: Placement, node: Place): Taint | null {
  const keepsAway = node.taints.filter((it) => it.effect === 'NoSchedule' || it.effect === 'NoExecute')
  const all = [...placement.tolerations, ...OF_EVERY_DAEMONSET]
  return keepsAway.find((taint) => !all.some((it) => tolerates(it, taint))) ?? null
}

/** Whether it says more than "everywhere": then the node must be known to tell. */
export function isSelective({ nodeSelector, affinity }: Placement): boolean {
  return Object.keys(nodeSelector).length > 0 || affinity !== null
}

/** The DaemonSet controller adds these to every pod (kubernetes: pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations). */
const OF_EVERY_DAEMONSET: readonly Toleration[] = [
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/disk-pressure',
  'node.kubernetes.io/memory-pressure',
  'node.kubernetes.io/pid-pressure',
  'node.kubernetes.io/unschedulable',
].map((key) => ({ key, operator: 'Exists', value: '', effect: '' }))

function tolerates(it: Toleration, taint: Taint): boolean {
  if (it.effect !== '' && it.effect !== taint.effect) return false
  if (it.key !== '' && it.key !== taint.key) return false
  if (it.operator === 'Exists') return true
  return it.key !== '' && it.value === taint.value
}

function meets({ operator, values }: Requirement, found: string | undefined): boolean {
  const [bound = ''] = values
  switch (operator) {
    case 'In':
      return found !== undefined && values.includes(found)
    case 'NotIn':
      return found === undefined || !values.includes(found)
    case 'Exists':
      return found !== undefined
    case 'DoesNotExist':
      return found === undefined
    case 'Gt':
      return found !== undefined && Number(found) > Number(bound)
    case 'Lt':
      return found !== undefined && Number(found) < Number(bound)
    default:
      return false
  }
}
