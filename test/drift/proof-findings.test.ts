import t from 'tap'
import { layersDiscarded } from '../../src/drift/daemon-findings.ts'
import { evaluate } from '../../src/drift/evaluate.ts'
import { resolveFailed } from '../../src/drift/proof-findings.ts'
import { ratedPath } from '../../src/drift/rated-path.ts'
import type { ResolveProof } from '../../src/drift/resolve-proof.ts'
import type { DirectoryNode } from '../../src/hosts/tree.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'

const HARBOR = '192.168.1.106'
const EMPTY: DirectoryNode = { kind: 'directory', mode: 0o755, modifiedAt: null, entries: new Map() }
const proof = (more: Partial<ResolveProof> = {}): ResolveProof => ({
  registry: HARBOR,
  reference: `${HARBOR}/library/pullpath-canary:proof-3`,
  at: '2026-09-01T12:59:00.000Z',
  outcome: 'failed',
  words: 'failed to resolve image: http: server gave HTTP response to HTTPS client',
  unfinished: false,
  duration: 0.2,
  origin: { url: `http://${HARBOR}/v2`, words: '' },
  layersKept: null,
  tags: 8,
  ...more,
})

const intent = intentOf(talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]), spegelIntent([`http://${HARBOR}`]))
const path = ratedPath(HARBOR, daemonFacts(), observing(EMPTY).view, intent, '192.168.1.98')
const found = (more: Partial<ResolveProof> = {}) => resolveFailed(proof(more), path, nodeFacts())

t.test('the words of containerd are told with what they mean', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['http: server gave HTTP response to HTTPS client', /asked over https what speaks plain http/],
    [`${HARBOR}/library/pullpath-canary:proof-3: not found`, /hides an endpoint .* behind the 404 of a peer/],
    ['dial tcp 10.0.0.9:80: connect: connection refused', /nothing listens/],
    ['dial tcp: lookup harbor.lan: no such host', /cannot be resolved/],
    ['dial tcp 10.0.0.9:80: i/o timeout', /no connection comes about/],
    ['tls: failed to verify certificate: x509: certificate signed by unknown authority', /not trusted/],
    ['pull access denied, repository does not exist or may require authorization', /wants credentials/],
    ['unexpected status from HEAD request to http://a: 500 Internal Server Error', /an error of its own/],
    ['write /var/lib/containerd/x: no space left on device', /disk/],
    ['failed to resolve reference: context canceled', /nothing moved/],
  ]
  for (const [words, meaning] of cases) {
    const finding = found({ words })
    t.match(finding?.summary, meaning, words)
    t.match(finding?.observed, [words])
  }
  t.match(found({ words: 'something new' })?.cause.text, "containerd's own words: something new")
})

t.test('an endpoint that swallows what is sent is told apart from one that is dead', async (t) => {
  t.match(
    found({ unfinished: true, duration: 45, words: 'not in time' })?.summary,
    /still at it after 45\.0 s: .* swallows/,
  )
})

t.test('only what the origin has and containerd cannot pull is a fault', async (t) => {
  for (const outcome of ['resolved', 'origin-down', 'no-canary', 'unasked'] as const) t.equal(found({ outcome }), null)
})

t.test('it is a finding of its registry, among the others of the node', async (t) => {
  const report = evaluate(intent, observing(EMPTY), daemonFacts(), nodeFacts({ proofs: [proof()] }))
  t.match(
    report.findings.find((it) => it.reason === 'resolve-failed'),
    {
      id: `${HARBOR}/resolve-failed`,
      kind: 'fault',
      severity: 'critical',
      since: '2026-09-01T12:59:00.000Z',
      remedy: [{ command: /api\/v1\/explain\?image=192\.168\.1\.106\/library/ }, { command: /logs cri/ }],
    },
  )
  t.same(report.proofs, [proof()])
})

t.test('layers that are gone count more than what the configuration says', async (t) => {
  const of = (set: boolean | null, kept: boolean | null) => {
    const proofs = [proof({ outcome: 'resolved', layersKept: kept })]
    return layersDiscarded(intent, daemonFacts({ discardUnpackedLayers: set }), nodeFacts({ proofs }))
  }
  t.match(of(false, false), { reason: 'layers-discarded', observed: ['layers are gone right after a pull'] })
  t.match(of(null, false)?.evidence, [{ text: /no layer of .* was left/, time: '2026-09-01T12:59:00.000Z' }])
  t.equal(of(true, false)?.evidence?.length, 2)
  t.equal(of(true, true), null, 'the setting is not in force')
  t.equal(of(true, null)?.evidence?.length, 1)
  t.equal(of(false, true), null)
})
