import fc from 'fast-check'
import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { REASONS } from '../../src/drift/reasons.ts'
import { directoryNode, fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import { cluster, daemonSet, kubernetesNode, pod, release } from '../fixtures/cluster.ts'
import {
  daemonFacts,
  intentOf,
  mirror,
  nodeFacts,
  observing,
  spegelIntent,
  talosIntent,
  version,
} from '../fixtures/intents.ts'
import { spegelHarbor, TALOS_HARBOR } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const intent = intentOf(
  talosIntent([mirror(HARBOR, [`http://${HARBOR}`]), mirror('reg.lan:5000', ['http://reg.lan:5000'])]),
  spegelIntent(['https://docker.io', `http://${HARBOR}`]),
)

const line = fc.constantFrom(
  "server = 'http://192.168.1.106'",
  'server = 7',
  '[host]',
  "[host.'http://192.168.1.98:30020']",
  "[host.'http://192.168.1.106']",
  "[host.'httpx'.header]",
  "[[host.'http://192.168.1.106']]",
  "host.'http://a' = { capabilities = ['pull'] }",
  "capabilities = ['pull', 'resolve']",
  "capabilities = ['fly']",
  "dial_timeout = '200ms'",
  'dial_timeout = 3',
  'skip_verify = false',
  "ca = 'gone.crt'",
  "client = [['a.cert', 'a.key']]",
  'override_path = true',
  '= broken',
  "x = '''",
  '\u0000',
)
const text = fc.oneof(
  fc.constantFrom(TALOS_HARBOR, spegelHarbor(), '', '# only a comment'),
  fc.array(line, { maxLength: 8 }).map((it) => it.join('\n')),
  fc.string({ unit: 'binary', maxLength: 60 }),
)
const name = fc.oneof(
  fc.constantFrom(
    HARBOR,
    '_default',
    '_backup',
    'docker.io',
    'reg.lan:5000',
    'reg.lan_5000_',
    'hosts.toml',
    'a.crt',
    'a.cert',
  ),
  fc.string({ minLength: 1, maxLength: 5 }).filter((it) => !it.includes('/')),
)
const { tree } = fc.letrec<{ tree: TreeNode; node: TreeNode; file: TreeNode; blind: TreeNode; large: TreeNode }>(
  (tie) => ({
    file: text.map((it) => fileNode(it, { mode: 0o600, modifiedAt: 1_700_000_000_000 })),
    large: fc.constantFrom('too-large' as const, 'not-utf8' as const, 'secret' as const).map((omitted) => ({
      kind: 'file' as const,
      text: null,
      omitted,
      size: 20_000_000,
      mode: 0o644,
      modifiedAt: null,
    })),
    blind: fc
      .constantFrom('EACCES', 'ELOOP', 'EIO', 'ENOTREG')
      .map((code) => ({ kind: 'unreadable' as const, code, message: code })),
    node: fc.oneof({ maxDepth: 3 }, tie('file'), tie('large'), tie('blind'), tie('tree')),
    tree: fc
      .array(fc.tuple(name, tie('node')), { maxLength: 6 })
      .map((entries) => directoryNode(entries, { mode: 0o755, modifiedAt: 0 })),
  }),
)

const VERSIONS = ['1.7.24', '1.7.32', '2.0.7', '2.1.9', '2.2.7', '2.3.4'].map(version)

t.test('evaluates any tree, and never calls in sync what it could not see', async (t) => {
  fc.assert(
    fc.property(
      fc.oneof(tree, fc.constant<TreeNode>({ kind: 'unreadable', code: 'EACCES', message: 'no' })),
      fc.constantFrom(...VERSIONS),
      fc.constantFrom('local' as const, 'transfer' as const),
      (hosts, daemonVersion, pullMode) => {
        const daemon = daemonFacts({ version: daemonVersion, pullMode })
        const report = evaluate(intent, observing(hosts), daemon, nodeFacts())
        for (const registry of report.registries) {
          const unseen = hosts.kind === 'unreadable' || registry.observed?.error?.code === 'NOT_SEEN'
          if (unseen && (registry.inSync === true || registry.effective === true)) return false
          if (
            registry.inSync === false &&
            !registry.findings.some((id) => report.findings.find((it) => it.id === id)?.kind === 'drift')
          )
            return false
        }
        const ids = report.findings.map((it) => it.id)
        return (
          new Set(ids).size === ids.length &&
          report.findings.every((it) => it.reason in REASONS && it.remedy.length > 0 && it.summary !== '')
        )
      },
    ),
    { numRuns: 4000 },
  )
  t.pass('4000 random trees')
})

t.test(
  'whatever the cluster says beside any tree, each finding has a command, and one fact is found once',
  async (t) => {
    const time = fc.constantFrom('2026-09-01T11:40:02.000Z', '2026-08-01T00:00:00.000Z')
    const heardOf = <T>(value: fc.Arbitrary<T>) => {
      return fc.record({
        value: fc.option(value),
        knownUntil: fc.option(time),
        failure: fc.option(fc.constant('connect ECONNREFUSED')),
      })
    }
    const placement = fc.constantFrom(
      { nodeSelector: {}, affinity: null, tolerations: [] },
      { nodeSelector: { pool: 'worker' }, affinity: [], tolerations: [] },
    )
    const pods = fc.record({
      ready: fc.boolean(),
      isTerminating: fc.boolean(),
      isBroken: fc.boolean(),
      words: fc.string(),
      templateGeneration: fc.option(fc.constantFrom('1', '2')),
      configuration: fc.option(
        fc.record({
          state: fc.constantFrom('finished' as const, 'failing' as const, 'pending' as const),
          finishedAt: fc.option(time),
          words: fc.string(),
        }),
      ),
    })
    const releases = fc.record({
      suspended: fc.boolean(),
      isObserved: fc.boolean(),
      ready: fc.option(fc.boolean()),
      isReconciling: fc.boolean(),
      spegel: fc.constantFrom(null, spegelIntent(['https://ghcr.io'])),
    })
    const facts = fc.record({
      where: fc.constantFrom(null, { namespace: 'kube-system', daemonSet: 'spegel' }),
      daemonSet: heardOf(
        fc.oneof(
          fc.constant('absent' as const),
          fc.record({ placement, desired: fc.option(fc.nat(2)) }).map((it) => daemonSet(it)),
        ),
      ),
      pods: heardOf(
        fc.array(
          pods.map((it) => pod(it)),
          { maxLength: 2 },
        ),
      ),
      release: fc.option(
        heardOf(
          fc.oneof(
            fc.constant('absent' as const),
            releases.map((it) => release(it)),
          ),
        ),
      ),
      node: fc.option(fc.constant(kubernetesNode())),
    })
    fc.assert(
      fc.property(tree, facts, (hosts, known) => {
        const report = evaluate(intent, observing(hosts), daemonFacts(), nodeFacts({ cluster: cluster(known) }))
        const ids = report.findings.map((it) => it.id)
        if (ids.includes('node/spegel-absent') && ids.includes('node/spegel-not-ready')) return false
        return new Set(ids).size === ids.length && report.findings.every((it) => it.remedy.length > 0)
      }),
      { numRuns: 1500 },
    )
    t.pass('1500 random clusters')
  },
)

t.test('is a function: the same inputs give the same report', async (t) => {
  fc.assert(
    fc.property(tree, (hosts) => {
      const observed = observing(hosts)
      const once = JSON.stringify(evaluate(intent, observed, daemonFacts(), nodeFacts()))
      return once === JSON.stringify(evaluate(intent, observed, daemonFacts(), nodeFacts()))
    }),
    { numRuns: 300 },
  )
  t.pass('300 random trees')
})

t.test('an input that is down leaves nothing in sync', async (t) => {
  for (const input of ['hosts', 'containerd', 'intent_talos', 'intent_spegel'] as const) {
    const hosts = directoryNode([[HARBOR, directoryNode([['hosts.toml', fileNode(spegelHarbor())]])]])
    const node = nodeFacts({ inputs: [{ input, up: false, message: 'gone' }] })
    const report = evaluate(intent, observing(hosts), daemonFacts(), node)
    const harbor = report.registries.find((it) => it.registry === HARBOR)
    t.equal(harbor?.inSync, null, input)
    t.equal(harbor?.effective, null, input)
    t.match(
      report.findings.find((it) => it.reason === 'unreadable'),
      { level: 'node', evidence: [{ text: 'gone' }] },
      input,
    )
  }
})
