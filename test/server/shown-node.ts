/** An agent's state without an agent: what a server shows. */
import type { FastifyInstance } from 'fastify'
import { peerSignature } from '../../src/containerd/endpoint-role.ts'
import { explain } from '../../src/containerd/explain.ts'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { Probes } from '../../src/drift/probes.ts'
import type { Pull } from '../../src/drift/pull.ts'
import type { NodeReport } from '../../src/drift/report.ts'
import type { ResolveProof } from '../../src/drift/resolve-proof.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import { type DirectoryNode, directoryNode, fileNode } from '../../src/hosts/tree.ts'
import type { AgentState } from '../../src/server/agent-state.ts'
import { build } from '../../src/server/build.ts'
import {
  daemonFacts,
  HOSTS_DIR,
  intentOf,
  mirror,
  nodeFacts,
  observing,
  spegelIntent,
  talosIntent,
} from '../fixtures/intents.ts'
import { NODE_IP, spegelHarbor, talosDirectory } from '../fixtures/node-states.ts'

export const SECRETS = ['hunter2', 'c2VjcmV0', 'X-Vault-Value', 'comment-secret']

const WITH_SECRETS = `# comment-secret
server = 'http://robot:hunter2@192.168.1.106'
[host.'http://robot:hunter2@192.168.1.106']
  capabilities = ['pull', 'resolve']
  [host.'http://robot:hunter2@192.168.1.106'.header]
    authorization = 'Basic c2VjcmV0'
    x-vault = ['X-Vault-Value']
`

export const INTENT = intentOf(
  talosIntent([mirror('192.168.1.106', ['http://192.168.1.106'])]),
  spegelIntent(['http://192.168.1.106', 'https://docker.io']),
)

/** What containerd proved on that node. */
const PROOF: ResolveProof = {
  registry: '192.168.1.106',
  reference: '192.168.1.106/library/pullpath-canary:proof-3',
  at: '2026-09-01T12:00:00.000Z',
  outcome: 'resolved',
  words: '',
  unfinished: false,
  duration: 0.021,
  origin: { url: 'http://192.168.1.106/v2', words: '' },
  layersKept: true,
  tags: 8,
}

const PROBE_TIME = { at: '2026-09-01T12:59:30.000Z', validUntil: '2026-09-01T13:02:30.000Z' }

/** What was answered on that node: a Harbor that is well, an endpoint of it that is not, and a Spegel. */
export const PROBES: Probes = {
  endpoints: [
    {
      url: 'http://192.168.1.106/v2',
      role: 'origin',
      registries: ['192.168.1.106'],
      phases: { resolve: 0.001, connect: 0.001, tls: 0.002, processing: 0.003, transfer: 0.001 },
      steps: [{ step: 'ping', result: 'passed', duration: 0.004, words: 'GET /v2/' }],
      failure: {
        reason: 'endpoint-blob',
        step: 'blob',
        detail: 'status',
        words: 'blob sha256:0 at http://192.168.1.106: it answers with an error (status 500)',
        status: 500,
        phase: null,
        names: null,
        since: '2026-09-01T12:58:30.000Z',
      },
      failures: 2,
      ...PROBE_TIME,
    },
  ],
  harbor: {
    url: 'http://192.168.1.106',
    duration: 0.01,
    components: [{ name: 'registry', healthy: true, words: 'healthy' }],
    words: '',
    ...PROBE_TIME,
  },
  spegel: {
    url: 'http://192.168.1.98:30020',
    duration: 0.001,
    ready: true,
    lastReadyAt: PROBE_TIME.at,
    failures: 0,
    words: '',
    registries: [{ registry: '192.168.1.106', hits: 12, misses: 3, tags: 4, contents: 40 }],
    ...PROBE_TIME,
  },
}

/** What was measured there. */
export const PULL: Pull = {
  id: '5f0c7a3e-8f4e-4c55-9e0b-6c1d5a3f9b21',
  image: '192.168.1.106/library/pullpath-canary:tag-0',
  registry: '192.168.1.106',
  method: 'probe',
  via: 'origin',
  source: 'first',
  startedAt: '2026-09-01T12:00:00.000Z',
  duration: 1.36,
  bytes: 16_777_216,
  phases: [
    {
      name: 'transfer',
      digest: `sha256:${'a'.repeat(64)}`,
      endpoint: 'http://192.168.1.106',
      start: 0.01,
      duration: 1.35,
      bytes: 16_777_216,
    },
  ],
  evidence: [{ text: '4 of 4 objects were given by the origin', source: 'answers' }],
  failure: null,
}

/** A node whose Harbor is without peers, with a name and contents that want to be HTML, and with secrets. */
export const DRIFTED: DirectoryNode = directoryNode([
  ['192.168.1.106', talosDirectory(`[host.'http://192.168.1.106']\n`)],
  ['docker.io', talosDirectory(spegelHarbor('192.168.1.77'))],
  ['<img src=x>', directoryNode([['hosts.toml', fileNode(`server = 'http://a/"><script>alert(1)</script>'`)]])],
  ['secrets.example', directoryNode([['hosts.toml', fileNode(WITH_SECRETS)]])],
])

export function reportOf(tree: DirectoryNode = DRIFTED): NodeReport {
  return evaluate(INTENT, observing(tree), daemonFacts(), nodeFacts({ proofs: [PROOF], probes: PROBES }))
}

export function stateOf(more: Partial<AgentState> = {}): AgentState {
  const view = viewOf(new Map([[HOSTS_DIR, DRIFTED]]))
  const report = reportOf()
  return {
    report: () => report,
    stopping: () => false,
    explain: (image) => explain(image, daemonFacts(), view, peerSignature(INTENT.spegel, NODE_IP)),
    pulls: () => [PULL],
    pull: (id) => (id === PULL.id ? PULL : null),
    isMeasuring: (id) => id === 'under-way',
    measure: () => ({ id: 'under-way' }),
    token: () => null,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'pullpath_test 1\n' }),
    ...more,
  }
}

export function serverOf(more: Partial<AgentState> = {}, onError: (error: Error) => void = () => {}): FastifyInstance {
  return build(stateOf(more), { version: '1.2.3', onError })
}
