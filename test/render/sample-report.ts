import type { EndpointReport } from '../../src/containerd/endpoint-report.ts'
import { NOTHING_PROBED } from '../../src/drift/probes.ts'
import type { Finding, NodeReport, RegistryReport } from '../../src/drift/report.ts'

/** An endpoint with nothing special about it. */
export function endpoint(url: string, facts: Partial<EndpointReport> = {}): EndpointReport {
  return {
    url,
    declaredIn: 'hosts.toml',
    role: 'origin',
    resolve: true,
    fetch: true,
    namespaceParam: false,
    httpsFirst: false,
    capabilities: ['pull', 'resolve'],
    overridePath: false,
    skipVerify: null,
    dialTimeout: null,
    ca: [],
    client: false,
    headerNames: [],
    ...facts,
  }
}

export const PEER = endpoint('http://192.168.1.98:29999/v2', {
  role: 'peer',
  namespaceParam: true,
  dialTimeout: '200ms',
})
export const ORIGIN = endpoint('http://192.168.1.106/v2', { declaredIn: 'server' })

export function registry(name: string, facts: Partial<RegistryReport> = {}): RegistryReport {
  const path = { directory: null, file: null, notes: [], error: null }
  return {
    registry: name,
    declaredBy: ['talos', 'spegel'],
    effective: true,
    inSync: true,
    intent: { talos: null, spegel: null },
    expected: { ...path, endpoints: [PEER, ORIGIN] },
    observed: { ...path, endpoints: [PEER, ORIGIN] },
    findings: [],
    ...facts,
  }
}

export function finding(facts: Partial<Finding> = {}): Finding {
  return {
    id: '192.168.1.106/peer-mirror-missing',
    kind: 'drift',
    reason: 'peer-mirror-missing',
    severity: 'warning',
    level: 'registry',
    registry: '192.168.1.106',
    summary: 'No peer is asked for 192.168.1.106.',
    expected: ['http://192.168.1.98:29999/v2', 'http://192.168.1.106/v2'],
    observed: ['http://192.168.1.106/v2', 'https://192.168.1.106/v2'],
    cause: { actor: 'talos', text: 'Talos rewrote the tree.', confidence: 'likely' },
    evidence: [
      { text: 'no _backup', source: '/etc/cri/conf.d/hosts', time: null },
      { text: 'mode 0600', source: '', time: '2026-09-01T12:03:11Z' },
    ],
    remedy: [{ command: 'kubectl -n kube-system delete pod spegel-x7k2p', why: 'Its init container writes again.' }],
    since: '2026-09-01T12:03:11Z',
    source: { file: 'patches/registries.yaml', line: 3, column: 7 },
    ...facts,
  }
}

export function report(facts: Partial<NodeReport> = {}): NodeReport {
  return {
    node: { name: 'k8s-1', ip: '192.168.1.98' },
    evaluatedAt: '2026-09-01T12:04:00Z',
    containerd: {
      version: '2.2.5',
      pullMode: 'local',
      configPath: '/etc/cri/conf.d/hosts',
      hostsDir: '/etc/cri/conf.d/hosts',
      facts: [],
      assumed: [],
    },
    spegel: { version: '0.7.4', assumed: true },
    talos: { version: 'v1.13.6' },
    proofs: [],
    witnesses: [],
    probes: NOTHING_PROBED,
    kubernetes: null,
    inputs: [],
    registries: [registry('192.168.1.106')],
    findings: [],
    notes: [],
    ...facts,
  }
}
