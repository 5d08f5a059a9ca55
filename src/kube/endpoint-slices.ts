import type { MemberPod } from '../drift/cluster-members.ts'
import type { KubeObject } from './kube-api.ts'

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
export function podsIn(slices: readonly KubeObject[]): EndpointPods {
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

function endpointsIn(slice: KubeObject): Endpoint[] {
  const { addressType, endpoints } = slice
  if ((addressType !== 'IPv4' && addressType !== 'IPv6') || !Array.isArray(endpoints)) return []
  return endpoints.flatMap((endpoint: unknown) => {
    if (!isObject(endpoint)) return []
    const { addresses, nodeName, conditions, targetRef } = endpoint
    const address: unknown = Array.isArray(addresses) ? addresses[0] : undefined
    if (typeof address !== 'string' || address === '') return []
    const uid = isObject(targetRef) ? targetRef.uid : undefined
    return [
      {
        node: typeof nodeName === 'string' && nodeName !== '' ? nodeName : null,
        pod: typeof uid === 'string' ? uid : address,
        address,
        isTerminating: isObject(conditions) && conditions.terminating === true,
        // `ready` is always true for a service that publishes what is not; what is not told is to be taken for true.
        isServing: !isObject(conditions) || conditions.serving !== false,
        isIpv4: addressType === 'IPv4',
      },
    ]
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
