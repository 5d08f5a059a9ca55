import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Pull } from '../../../src/drift/pull.ts'
import { metricsPage } from '../../../src/metrics/metrics-page.ts'
import { PullMetrics } from '../../../src/metrics/pull-metrics.ts'
import { ReportMetrics } from '../../../src/metrics/report-metrics.ts'
import { report } from '../../render/sample-report.ts'
import { PROBES, PULL } from '../../server/shown-node.ts'

/** Where the metrics of a node are that measures pulls and probes endpoints: what its agent counts, without the agent. */
export interface MeasuredNode {
  /** `127.0.0.1:1234` */
  address: string
  pulls: PullMetrics
  close(): Promise<void>
}

/** `registries`: on whose pull path the endpoint is that was probed. No finding and no registry of its own is shown. */
export async function startMeasuredNode(registries: readonly string[]): Promise<MeasuredNode> {
  const pulls = new PullMetrics()
  const probed = new ReportMetrics()
  const endpoints = PROBES.endpoints.map((it) => ({ ...it, failure: null, registries }))
  probed.show(report({ registries: [], findings: [], probes: { ...PROBES, endpoints } }))
  const server = createServer(async (_, response) => {
    const { contentType, body } = await metricsPage([pulls, probed], (error) => response.destroy(error as Error))
    response.setHeader('content-type', contentType)
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    pulls,
    close: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

const PEER_LEG: Partial<Pull> = { via: 'peer', source: 'peer', duration: 0.34 }
const REAL: Pull = {
  ...PULL,
  via: 'containerd',
  method: 'containerd',
  phases: (['resolve', 'manifest', 'config', 'layer', 'unpack'] as const).map((name, index) => {
    return { name, digest: null, endpoint: null, start: index / 10, duration: (index + 1) / 10, bytes: 0 }
  }),
}

/** A round of the canary on a node whose containerd falls back now and then: of every source one, and one that failed. */
export function roundOfPulls(): Pull[] {
  const failure = { reason: 'timeout', message: 'it took too long' }
  const pulls: Pull[] = [
    PULL,
    { ...PULL, ...PEER_LEG },
    { ...REAL, source: 'first', duration: 2 },
    { ...REAL, source: 'peer', duration: 0.8 },
    { ...REAL, source: 'fallback', duration: 2.1 },
    { ...REAL, source: 'mixed', duration: 1.1 },
    { ...REAL, source: 'local', bytes: 0, duration: 0.1 },
    { ...REAL, source: 'unknown', bytes: 0, failure },
  ]
  return pulls.map((pull) => ({ ...pull, startedAt: new Date().toISOString() }))
}
