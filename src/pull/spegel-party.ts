import type { Config } from '../config/config.ts'
import type { ClusterMembers } from '../drift/cluster-members.ts'
import type { Inputs } from '../watch/inputs.ts'
import { clusterPlaces } from './cluster-sight.ts'
import type { SpegelParty } from './observed-source.ts'
import { readSpegelMetrics } from './spegel-metrics-page.ts'
import { spegelMetricsUrl } from './spegel-probe.ts'
import { configuredPlaces, openSpegelSight, type SpegelPlaces } from './spegel-sight.ts'

/** How Spegel is asked about pulls that others made: as configured, else as the cluster has it. */
export function spegelParty(
  config: Config,
  members: ClusterMembers | null,
  inputs: Pick<Inputs, 'node'> | null,
): SpegelParty {
  const places = placesOf(config, members)
  const metrics = places.metrics ?? (inputs === null ? null : spegelMetricsUrl(config, inputs))
  const isAnybody = places.peers.length > 0 || places.cluster !== undefined
  return {
    sight: isAnybody ? openSpegelSight({ ...places, metrics }) : null,
    peers: places.peers.length,
    readPage: metrics === null ? null : () => readSpegelMetrics(metrics),
  }
}

function placesOf(config: Config, members: ClusterMembers | null): SpegelPlaces {
  if (members === null) return configuredPlaces(config.spegel, config.node.ip)
  return clusterPlaces(config, { members, likely: [], askAll: false })
}
