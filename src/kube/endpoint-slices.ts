import type { MemberPod } from '../drift/cluster-members.ts'
import { fieldAt, listAt, textAt } from './kube-fields.ts'

/** The pods behind a headless service, as its EndpointSlices tell them. */
export interface EndpointPods {
  /** One a node, in the order of their names. */
  pods: readonly Omit<MemberPod, 'isGone'>[]
  /** Pods whose node is not told. */
  unnamed: number
}

interface Endpoint {
  node: string | null
  /** What is the same of one pod in several slices. */
  pod: string
  address: string
  isTerminating: boolean
  isServing: boolean
  isIpv4: boolean
}

/**
 * The pods of all slices of a service (discovery.k8s.io/v1). A service of two families has slices for each, and a pod may
 * for a while be in two slices of one family: each counts once. Those that are not ready count too: Spegel's service
 * publishes them, and their nodes are there. One that is being terminated counts as long as its
 * node has no other. What is not as the API promises is left out.
 */
export function podsIn(slices: readonly unknown[]): EndpointPods {
  const endpoints = slices.flatMap(endpointsIn)
  const best = new Map<string, Endpoint>()
  const unnamed = new Set<string>()
  for (const it of endpoints) {
    if (it.node === null) {
      unnamed.add(it.pod)
      continue
    }
    const known = best.get(it.node)
    if (known === undefined || isBetter(it, known)) best.set(it.node, it)
  }
  // Another slice may say of the same pod what this one does not.
  for (const { pod, node } of endpoints) if (node !== null) unnamed.delete(pod)
  const pods = [...best].map(([node, { address, isServing }]) => ({ node, address, isServing }))
  return { pods: pods.sort((a, b) => (a.node < b.node ? -1 : 1)), unnamed: unnamed.size }
}

/** A pod that stays, then one that is ready, then IPv4, then the lower address: every node is to choose the same. */
function isBetter(one: Endpoint, other: Endpoint): boolean {
  if (one.isTerminating !== other.isTerminating) return other.isTerminating
  if (one.isServing !== other.isServing) return one.isServing
  if (one.isIpv4 !== other.isIpv4) return one.isIpv4
  return one.address < other.address
}

function endpointsIn(slice: unknown): Endpoint[] {
  const addressType = textAt(slice, 'addressType')
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return []
  return listAt(slice, 'endpoints').flatMap((endpoint) => {
    const [address] = listAt(endpoint, 'addresses')
    if (typeof address !== 'string' || address === '') return []
    const node = textAt(endpoint, 'nodeName')
    return [
      {
        node: node === '' ? null : node,
        pod: textAt(endpoint, 'targetRef', 'uid') ?? address,
        address,
        isTerminating: fieldAt(endpoint, 'conditions', 'terminating') === true,
        // `ready` is always true for a service that publishes what is not; what is not told is to be taken for true.
        isServing: fieldAt(endpoint, 'conditions', 'serving') !== false,
        isIpv4: addressType === 'IPv4',
      },
    ]
  })
}
