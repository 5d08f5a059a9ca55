import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { EndpointFailure, EndpointProbe, HarborHealth, Probes, SpegelHealth } from '../../src/drift/probes.ts'
import { NOTHING_PROBED } from '../../src/drift/probes.ts'
import type { NodeReport } from '../../src/drift/report.ts'
import { expectedTree } from '../../src/hosts/expected-tree.ts'
import type { DirectoryNode } from '../../src/hosts/tree.ts'
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
import { NODE_IP, talosDirectory } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const ORIGIN = `http://${HARBOR}/v2`
const PEER = `http://${NODE_IP}:30020/v2`
const NOW = '2026-09-01T13:00:00.000Z'
const TIME = { at: '2026-09-01T12:59:30.000Z', validUntil: '2026-09-01T13:02:30.000Z' }
const STALE = { at: '2026-09-01T12:50:00.000Z', validUntil: '2026-09-01T12:53:00.000Z' }

const intent = intentOf(talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]), spegelIntent([`http://${HARBOR}`]))
const tree = expectedTree(intent, { ip: NODE_IP, hostsDir: HOSTS_DIR, imageCache: false }).tree

function failure(more: Partial<EndpointFailure> = {}): EndpointFailure {
  return {
    reason: 'endpoint-down',
    step: 'ping',
    detail: 'refused',
    words: `the API at http://${HARBOR}: nothing listens there (ECONNREFUSED)`,
    status: null,
    phase: 'connect',
    names: null,
    since: '2026-09-01T12:58:30.000Z',
    ...more,
  }
}

function probe(more: Partial<EndpointProbe> = {}): EndpointProbe {
  return {
    url: ORIGIN,
    role: 'origin',
    registries: [HARBOR],
    phases: { resolve: null, connect: 0.001, tls: null, processing: 0.002, transfer: 0.001 },
    steps: [{ step: 'ping', result: 'passed', duration: 0.003, words: 'GET /v2/' }],
    failure: failure(),
    failures: 2,
    ...TIME,
    ...more,
  }
}

const health = (...sick: string[]): HarborHealth => ({
  url: `http://${HARBOR}`,
  duration: 0.01,
  words: '',
  components: ['core', 'registry', 'database'].map((name) => ({
    name,
    healthy: !sick.includes(name),
    words: sick.includes(name) ? 'unhealthy' : 'healthy',
  })),
  ...TIME,
})

function reported(probes: Partial<Probes>, more: { hosts?: DirectoryNode; now?: string } = {}): NodeReport {
  const facts = nodeFacts({ probes: { ...NOTHING_PROBED, ...probes }, now: more.now ?? NOW })
  return evaluate(intent, observing(more.hosts ?? tree), daemonFacts(), facts)
}

const found = (probes: Partial<Probes>, more: Parameters<typeof reported>[1] = {}) =>
  reported(probes, more).findings.filter((it) => it.kind === 'fault')

const CASES: readonly {
  name: string
  failed: Partial<EndpointFailure>
  summary: RegExp
  remedy: RegExp
  role?: EndpointProbe['role']
}[] = [
  {
    name: 'nothing listens',
    failed: {},
    summary: /does not answer: what no peer has/,
    remedy: /^curl .*192\.168\.1\.106\/v2\//,
  },
  {
    name: 'an error',
    failed: { status: 502, detail: 'status' },
    summary: /answers with status 502/,
    remedy: /curl/,
  },
  {
    name: 'plain http asked over https',
    failed: { reason: 'endpoint-tls', detail: 'tls-not-spoken' },
    summary: /is asked over https and speaks plain http/,
    remedy: /EDITOR|^# /,
  },
  {
    name: 'https asked over http',
    failed: { reason: 'endpoint-tls', detail: 'tls-required' },
    summary: /is asked over http and wants https/,
    remedy: /EDITOR|^# /,
  },
  {
    name: 'a certificate',
    failed: { reason: 'endpoint-tls', detail: 'certificate' },
    summary: /certificate that this node does not trust/,
    remedy: /openssl s_client -connect 192\.168\.1\.106:80/,
  },
  {
    name: 'an anonymous pull',
    failed: { reason: 'endpoint-auth', step: 'manifest', detail: 'unauthorized', status: 401 },
    summary: /refuses an anonymous pull/,
    remedy: /curl -u admin -X PUT .*\/api\/v2\.0\/projects\/library/,
  },
  {
    name: "the agent's own credentials",
    failed: { reason: 'endpoint-auth', step: 'manifest', detail: 'credentials-refused', status: 401 },
    summary: /refuses an anonymous pull, and the credentials of registryAuth\.dockerConfigFile: whether it serves/,
    remedy: /^docker login 192\.168\.1\.106$/,
  },
  {
    name: 'the header of hosts.toml',
    failed: { reason: 'endpoint-auth', step: 'manifest', detail: 'header-refused', status: 403 },
    summary: /refuses what hosts\.toml has containerd send it as Authorization: containerd brings the same along/,
    remedy: /^# correct the header of http:\/\/192\.168\.1\.106 in the hosts\.toml$/,
  },
  {
    name: 'a key of another certificate',
    failed: { reason: 'endpoint-tls', detail: 'client-certificate', phase: null },
    summary: /is to be shown a certificate whose key is another one/,
    remedy: /^# name the key of that certificate in the hosts\.toml of http:\/\/192\.168\.1\.106$/,
  },
  {
    name: 'a manifest of other bytes',
    failed: { step: 'manifest', detail: 'digest-mismatch', status: 200, phase: null },
    summary: /answers with what cannot be used \(digest-mismatch\)/,
    remedy: /curl/,
  },
  {
    name: 'a realm',
    failed: { reason: 'endpoint-auth', step: 'realm', detail: 'unresolved', names: 'https://harbor.lan' },
    summary: /sends clients for a token to https:\/\/harbor\.lan, where this node gets none/,
    remedy: /www-authenticate/,
  },
  {
    name: 'a redirect',
    failed: { reason: 'endpoint-redirect', step: 'blob', detail: 'redirected', names: 'http://storage.lan' },
    summary: /redirects away for a blob, to http:\/\/storage\.lan/,
    remedy: /location/,
  },
  {
    name: 'a blob',
    failed: { reason: 'endpoint-blob', step: 'blob', detail: 'status', status: 500 },
    summary: /serves the manifest of an image and not its blob \(status 500\)/,
    remedy: /kubectl -n harbor logs/,
  },
]

for (const { name, failed, summary, remedy } of CASES) {
  t.test(`${name}: cause, evidence and a command`, async (t) => {
    const it = failure(failed)
    const [finding, ...more] = found({ endpoints: [probe({ failure: it })] })
    t.same(more, [])
    t.match(finding, { reason: it.reason, registry: HARBOR, severity: 'warning', since: it.since })
    t.match(finding?.summary, summary)
    t.not(finding?.cause.text, '')
    t.match(finding?.evidence[0]?.text, `step ${it.step}`)
    t.match(finding?.evidence[0]?.text, it.status === null ? '2 times in a row' : `status ${it.status}`)
    t.match(finding?.remedy[0]?.command, remedy)
  })
}

t.test('a blob that fails while Harbor says that all is well', async (t) => {
  const failed = failure({ reason: 'endpoint-blob', step: 'blob', detail: 'status', status: 500, phase: null })
  const [finding] = found({ endpoints: [probe({ failure: failed })], harbor: health() })
  t.match(finding?.cause, { text: /while Harbor says that all is well/, confidence: 'proven' })
  t.match(finding?.evidence.at(-1)?.text, '3 of 3 components healthy')
  const [ill] = found({ endpoints: [probe({ failure: failed })], harbor: health('registry') })
  t.match(ill?.cause, { confidence: 'likely' })
  t.match(ill?.evidence.at(-1)?.text, '2 of 3 components healthy, registry: unhealthy')
})

t.test('one failure is none, and what is stale is neither a fault nor shown', async (t) => {
  t.same(found({ endpoints: [probe({ failures: 1 })] }), [])
  const stale = probe(STALE)
  t.same(found({ endpoints: [stale] }), [])
  const report = reported({ endpoints: [stale], harbor: { ...health(), ...STALE } })
  t.same(report.probes, NOTHING_PROBED)
  t.ok(report.notes.some((it) => /whether it answers now is not known/.test(it)))
})

t.test('two endpoints that fail alike are one finding, and one peer is told as such', async (t) => {
  const peers = [PEER, PEER.replace('30020', '30021')].map((url) => probe({ url, role: 'peer' }))
  const [finding, ...more] = found({ endpoints: peers })
  t.same(more, [])
  t.match(finding?.summary, /30020\/v2, .*30021\/v2 does not answer: pulls go past the peers/)
  t.match(finding?.remedy[0]?.command, 'kubectl -n kube-system get pods')
})

t.test('an endpoint that nobody declared is the fault of who wrote it there', async (t) => {
  const other = talosDirectory(`[host]\n  [host.'http://192.168.1.9']\n    capabilities = ['pull', 'resolve']\n`)
  const hosts: DirectoryNode = { ...tree, entries: new Map([[HARBOR, other]]) }
  const failed = probe({ url: 'http://192.168.1.9/v2', role: 'mirror' })
  t.same(found({ endpoints: [failed] }, { hosts }), [])
  t.same(reported({ endpoints: [failed] }, { hosts }).probes.endpoints.length, 1, 'it is shown all the same')
  t.same(reported({ endpoints: [failed] }).probes.endpoints, [], 'not where it is on no path any more')
})

t.test("another face of Harbor is told of Harbor's registries", async (t) => {
  const failed = failure({ reason: 'endpoint-auth', step: 'realm', detail: 'realm-scheme', names: 'http://harbor.lan' })
  const face = probe({ url: 'https://harbor.lan/v2', role: 'face', failure: failed })
  t.match(found({ endpoints: [face] }), [
    { reason: 'endpoint-auth', summary: /https:\/\/harbor\.lan\/v2 sends clients/ },
  ])
})

t.test('Spegel is a fault only if it was ready before', async (t) => {
  const spegel = (more: Partial<SpegelHealth>): SpegelHealth => ({
    url: `http://${NODE_IP}:30020`,
    duration: 0.001,
    ready: false,
    lastReadyAt: '2026-09-01T12:30:00.000Z',
    failures: 2,
    words: 'it knows no peer',
    registries: null,
    ...TIME,
    ...more,
  })
  t.match(found({ spegel: spegel({}) }), [
    { reason: 'spegel-not-ready', registry: '', remedy: [{ command: /get pods/ }, {}] },
  ])
  t.same(found({ spegel: spegel({ failures: 1 }) }), [])
  t.same(found({ spegel: spegel({ ready: true, failures: 0 }) }), [])
  const alone = reported({ spegel: spegel({ lastReadyAt: null }) })
  t.same(alone.findings, [])
  t.ok(alone.notes.some((it) => /In a cluster of one node it never is/.test(it)))
})

t.test('what plain-http-lost explains is not told twice', async (t) => {
  const hosts: DirectoryNode = { ...tree, entries: new Map() }
  const url = `https://${HARBOR}/v2`
  const failed = probe({ url, failure: failure({ reason: 'endpoint-tls', detail: 'tls-not-spoken' }) })
  const reasons = reported({ endpoints: [failed] }, { hosts }).findings.map((it) => it.reason)
  t.notOk(reasons.includes('endpoint-tls'))
  t.ok(reasons.length > 0)
})
