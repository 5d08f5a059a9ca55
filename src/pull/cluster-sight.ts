import type { Config } from '../config/config.ts'
import type { ClusterMembers, MemberPod } from '../drift/cluster-members.ts'
import { metricsOfPod, registryOfPod } from './spegel-ports.ts'
import { configuredPlaces, type SpegelPlaces } from './spegel-sight.ts'

/** What is known of a cluster when something is measured in it. */
export interface ClusterView {
  members: ClusterMembers
  /** The names of the nodes that most likely have what is measured, the likeliest first. */
  likely: readonly string[]
  /** Whether it is to be proven that no node has it. */
  askAll: boolean
}

/** Where Spegel's pods are reached; what the configuration says of them wins. */
export function clusterPlaces(
  { spegel, node }: Pick<Config, 'spegel' | 'node'>,
  { members, likely, askAll }: ClusterView,
): SpegelPlaces {
  const configured = configuredPlaces(spegel, node.ip)
  const own = members.pods.find((it) => it.node === node.name && !it.isGone)
  const metrics = configured.metrics ?? (own === undefined ? null : metricsOfPod(own.address))
  if (configured.peers.length > 0) return { ...configured, metrics }
  const others = members.pods.filter((it) => it.node !== node.name)
  const ofLikely = likely.flatMap((name) => others.filter((it) => it.node === name))
  const urls = (pods: readonly MemberPod[]) => pods.map(({ address }) => registryOfPod(address))
  const away = new Set(urls(others.filter((it) => it.isGone || !it.isServing)))
  const cluster = { likely: ofLikely.length, askAll, away, unasked: members.unnamed }
  return { peers: [...new Set(urls([...ofLikely, ...others]))], metrics, cluster }
}
