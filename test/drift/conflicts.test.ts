import t from 'tap'
import { evaluateIntent } from '../../src/drift/evaluate.ts'
import type { Finding } from '../../src/drift/report.ts'
import type { Intent, IntentProblem, TalosTls } from '../../src/intent/intent.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, spegelIntent, talosIntent, version } from '../fixtures/intents.ts'

function conflicts(intent: Intent): Finding[] {
  return evaluateIntent(intent, daemonFacts(), nodeFacts())
}

const reasons = (intent: Intent) => conflicts(intent).map((it) => `${it.registry} ${it.reason}`)

const tls = (host: string): [string, TalosTls] => [
  host,
  { host, ca: null, clientCertificate: null, insecureSkipVerify: true, source: null },
]
const HARBOR = '192.168.1.106'
const harbor = mirror(HARBOR, [`http://${HARBOR}`])
const proxied = mirror('docker.io', [`http://${HARBOR}/v2/dockerhub`])

/** As Talos' reader tells it. */
const twice: IntentProblem = {
  code: 'TALOS_ENDPOINT_DUPLICATE',
  registry: 'a.lan',
  message: 'http://a.lan is declared twice',
  remedy: [],
  source: { file: 'patch.yaml', line: 6, column: 13 },
}

const cases: [name: string, intent: Intent, expected: string[]][] = [
  ['nothing is declared', intentOf(null, null), []],
  ['Talos alone', intentOf(talosIntent([harbor, proxied]), null), []],
  ['Spegel alone', intentOf(null, spegelIntent(['https://docker.io', `http://${HARBOR}`])), []],
  [
    'every Talos mirror is listed and kept',
    intentOf(talosIntent([harbor, proxied]), spegelIntent(['https://docker.io', `http://${HARBOR}`])),
    [],
  ],
  [
    'a registry is not listed',
    intentOf(talosIntent([harbor, proxied]), spegelIntent(['https://docker.io'])),
    [`${HARBOR} registry-not-mirrored`],
  ],
  [
    'the list is empty: prependExisting helps nobody but _default',
    intentOf(talosIntent([harbor, proxied]), spegelIntent([])),
    [`${HARBOR} registry-not-mirrored`, 'docker.io registry-not-mirrored'],
  ],
  [
    "the wildcard beside the list keeps Talos' own wildcard",
    intentOf(talosIntent([mirror('*', ['https://harbor.lan/v2/all'])]), spegelIntent(['_default'])),
    [],
  ],
  [
    'not listed, but its endpoint is where containerd goes by itself',
    intentOf(talosIntent([mirror('quay.io', ['https://quay.io'])]), spegelIntent(['https://docker.io'])),
    [],
  ],
  [
    'nothing is kept, and the server line stands for the endpoint',
    intentOf(talosIntent([harbor]), spegelIntent([`http://${HARBOR}`], { prependExisting: false })),
    [],
  ],
  [
    'nothing is kept, and the server line is https',
    intentOf(talosIntent([harbor]), spegelIntent([`https://${HARBOR}`], { prependExisting: false })),
    [`${HARBOR} plain-http-lost`],
  ],
  [
    'nothing is kept of a proxy project',
    intentOf(talosIntent([proxied]), spegelIntent(['https://docker.io'], { prependExisting: false })),
    ['docker.io existing-not-prepended'],
  ],
  [
    'a registry with a port: the directory names do not meet, the server line helps',
    intentOf(talosIntent([mirror('10.0.0.5:5000', ['http://10.0.0.5:5000'])]), spegelIntent(['http://10.0.0.5:5000'])),
    [],
  ],
  [
    'a registry with a port behind another endpoint',
    intentOf(talosIntent([mirror('10.0.0.5:5000', ['http://harbor.lan'])]), spegelIntent(['http://10.0.0.5:5000'])),
    ['10.0.0.5:5000 existing-not-prepended'],
  ],
  [
    'a registry with a port, listed over https',
    intentOf(talosIntent([mirror('10.0.0.5:5000', ['http://10.0.0.5:5000'])]), spegelIntent(['https://10.0.0.5:5000'])),
    ['10.0.0.5:5000 plain-http-lost'],
  ],
  [
    'skipFallback with one endpoint: there is no [host] table to keep',
    intentOf(
      talosIntent([mirror('docker.io', [`http://${HARBOR}/v2/dockerhub`], { skipFallback: true })]),
      spegelIntent(['https://docker.io']),
    ),
    ['docker.io fallback-lost'],
  ],
  [
    'skipFallback with two endpoints: the last is lost',
    intentOf(
      talosIntent([mirror('docker.io', ['http://a.lan', 'http://b.lan'], { skipFallback: true })]),
      spegelIntent(['https://docker.io']),
    ),
    ['docker.io fallback-lost'],
  ],
  [
    'skipFallback to the registry itself survives as the server line',
    intentOf(
      talosIntent([mirror(HARBOR, [`http://${HARBOR}`], { skipFallback: true })]),
      spegelIntent([`http://${HARBOR}`]),
    ),
    [],
  ],
  [
    'TLS settings without a mirror stand at the root, which Spegel drops',
    intentOf(talosIntent([], { tls: new Map([tls('harbor.lan')]) }), spegelIntent(['https://harbor.lan'])),
    ['harbor.lan fallback-lost'],
  ],
  [
    'TLS settings without a mirror, not listed',
    intentOf(talosIntent([], { tls: new Map([tls('harbor.lan')]) }), spegelIntent(['https://docker.io'])),
    ['harbor.lan registry-not-mirrored'],
  ],
  [
    'TLS settings of an endpoint are kept with its table',
    intentOf(
      talosIntent([mirror('quay.io', ['https://harbor.lan/v2/quay'])], { tls: new Map([tls('harbor.lan')]) }),
      spegelIntent(['https://quay.io']),
    ),
    [],
  ],
  [
    'Spegel writes where nobody reads',
    intentOf(
      talosIntent([harbor]),
      spegelIntent([`http://${HARBOR}`], { registryConfigPath: '/etc/containerd/certs.d' }),
    ),
    [' intent-invalid'],
  ],
  [
    'the init container does not exist',
    intentOf(talosIntent([harbor]), spegelIntent([`http://${HARBOR}`], { addsMirrors: false })),
    [`${HARBOR} peers-never-serve`],
  ],
  [
    'a filter leaves out a whole registry',
    intentOf(
      talosIntent([harbor]),
      spegelIntent([`http://${HARBOR}`, 'https://docker.io'], {
        registryFilters: [{ pattern: '^docker\\.io/', source: null }],
      }),
    ),
    ['docker.io peers-never-serve'],
  ],
  [
    'a filter on a tag leaves the rest to peers',
    intentOf(
      talosIntent([harbor]),
      spegelIntent([`http://${HARBOR}`], { registryFilters: [{ pattern: ':latest$', source: null }] }),
    ),
    [],
  ],
  [
    'tags are not resolved by peers',
    intentOf(talosIntent([harbor]), spegelIntent([`http://${HARBOR}`], { resolveTags: false })),
    [`${HARBOR} peers-never-serve`],
  ],
  [
    'the registry container has another list',
    intentOf(
      talosIntent([harbor]),
      spegelIntent([`http://${HARBOR}`], { servedRegistries: [{ url: 'https://docker.io', source: null }] }),
    ),
    [`${HARBOR} peers-never-serve`],
  ],
  [
    'layers are declared to be discarded',
    intentOf(
      talosIntent([harbor], {
        daemonParts: [{ name: '20-customization.part', source: null, discardUnpackedLayers: true }],
      }),
      spegelIntent([`http://${HARBOR}`]),
    ),
    [' layers-discarded'],
  ],
  [
    "Talos' wildcard under a list without one, and nothing is kept",
    intentOf(
      talosIntent([mirror('*', ['https://harbor.lan/v2/all'])]),
      spegelIntent(['https://docker.io'], { prependExisting: false }),
    ),
    ['_default registry-not-mirrored'],
  ],
  [
    'an init container that fails at one file has not written those behind it',
    intentOf(
      talosIntent([
        mirror('a.lan', ['http://a.lan', 'http://a.lan']),
        mirror('docker.io', [`http://${HARBOR}/v2/dockerhub`]),
      ]),
      spegelIntent(['http://a.lan', 'https://docker.io']),
      { problems: [twice] },
    ),
    ['docker.io origin-dropped', 'a.lan intent-invalid'],
  ],
  [
    'skipFallback to two spellings of one endpoint: one survives, and the fallback is back',
    intentOf(
      talosIntent([mirror('docker.io', ['http://a.lan', 'http://a.lan/v2'], { skipFallback: true })]),
      spegelIntent(['https://docker.io']),
    ),
    ['docker.io fallback-lost'],
  ],
  [
    'layers are declared to be kept by a later part',
    intentOf(
      talosIntent([harbor], {
        daemonParts: [
          { name: '20-customization.part', source: null, discardUnpackedLayers: true },
          { name: '20-layers.part', source: null, discardUnpackedLayers: false },
        ],
      }),
      spegelIntent([`http://${HARBOR}`]),
    ),
    [],
  ],
  [
    'an init container of 0.4 that cannot start keeps what Talos wrote',
    intentOf(talosIntent([harbor]), spegelIntent([HARBOR], { version: version('0.4.0') })),
    [],
  ],
]

for (const [name, intent, expected] of cases) {
  t.test(name, async (t) => t.same(reasons(intent), expected))
}

t.test('a registry that Spegel does not list: which pulls break and how to write it right', async (t) => {
  const [finding] = conflicts(intentOf(talosIntent([harbor]), spegelIntent(['https://docker.io'])))
  t.match(finding?.summary, /192\.168\.1\.106.*http:\/\/192\.168\.1\.106.*https:\/\/192\.168\.1\.106/)
  t.match(finding?.remedy[0]?.command, /yq -i .*mirroredRegistries.*\+= \["http:\/\/192\.168\.1\.106"\].* spegel\.yaml/)
})

t.test('an intent problem is a finding at its place', async (t) => {
  const [finding] = conflicts(
    intentOf(talosIntent([]), null, {
      problems: [
        {
          code: 'TALOS_ENDPOINT_NO_SCHEME',
          registry: HARBOR,
          message: 'no scheme',
          remedy: [{ command: '- http://h', why: 'y' }],
          source: { file: 'patch.yaml', line: 6, column: 13 },
        },
      ],
    }),
  )
  t.match(finding, {
    id: `${HARBOR}/intent-invalid`,
    reason: 'intent-invalid',
    source: { file: 'patch.yaml', line: 6, column: 13 },
    remedy: [{ command: '${EDITOR:-vi} +6 patch.yaml', why: 'write `- http://h`: y' }],
  })
})

t.test('two mistakes of one registry have ids of their own', async (t) => {
  const problem = {
    code: 'TALOS_ENDPOINT_NO_SCHEME' as const,
    registry: HARBOR,
    message: 'no scheme',
    remedy: [],
    source: null,
  }
  const found = conflicts(intentOf(talosIntent([]), null, { problems: [problem, problem] }))
  t.same(
    found.map((it) => it.id),
    [`${HARBOR}/intent-invalid`, `${HARBOR}/intent-invalid#2`],
  )
})

t.test('a file that this containerd cannot use is told before any node is touched', async (t) => {
  // 1.7 until 1.7.31 throws away a hosts.toml without a [host] table, which is what skipFallback with one endpoint makes.
  const intent = intentOf(talosIntent([mirror('docker.io', ['http://a.lan'], { skipFallback: true })]), null)
  const reasonsOn = (text: string) => {
    return evaluateIntent(intent, daemonFacts({ version: version(text) }), nodeFacts()).map((it) => it.reason)
  }
  t.same(reasonsOn('1.7.31'), ['hosts-file-invalid'])
  t.same(reasonsOn('1.7.32'), [])
})

t.test('a mistake that makes a whole file invalid is told once, at its place', async (t) => {
  const intent = intentOf(talosIntent([mirror('a.lan', ['http://a.lan', 'http://a.lan'])]), null, { problems: [twice] })
  t.same(reasons(intent), ['a.lan intent-invalid'])
})

t.test(
  'how to write it right says prependExisting too, where nothing would be kept of what is then listed',
  async (t) => {
    const commands = (prependExisting: boolean) => {
      const spegel = spegelIntent(['https://docker.io'], { prependExisting })
      return conflicts(intentOf(talosIntent([harbor]), spegel))[0]?.remedy.map((it) => it.command) ?? []
    }
    t.match(commands(false), [/mirroredRegistries/, /prependExisting\) = true/, /^flux/, /^kubectl/])
    t.match(commands(true), [/mirroredRegistries/, /^flux/, /^kubectl/])
  },
)

t.test("a target of Spegel's that stands twice is one mistake, not one of every registry's", async (t) => {
  const target = 'http://$(NODE_IP):30020'
  const spegel = spegelIntent(['https://docker.io', `http://${HARBOR}`], { mirrorTargets: [target, target] })
  const problem: IntentProblem = {
    code: 'SPEGEL_TARGET_DUPLICATE',
    registry: null,
    message: `${target} stands twice`,
    remedy: [],
    source: null,
  }
  t.same(reasons(intentOf(talosIntent([harbor]), spegel, { problems: [problem] })), [' intent-invalid'])
})

t.test("a file that Spegel makes invalid of Talos' endpoint and its own target is mended by Spegel", async (t) => {
  const itself = mirror('docker.io', ['http://192.168.1.98:30020'])
  const [found] = conflicts(intentOf(talosIntent([itself]), spegelIntent(['https://docker.io'])))
  t.match(found, { reason: 'hosts-file-invalid', registry: 'docker.io' })
  t.match(
    found?.remedy.map((it) => it.command),
    [/spegel\.yaml$/, /^flux/, /^kubectl -n kube-system delete pod/],
  )
})

t.test("the chart's targets are of no use on a node that has an IPv6 address", async (t) => {
  const intent = intentOf(null, spegelIntent(['https://docker.io']))
  const on = (ip: string, it = intent) => evaluateIntent(it, daemonFacts(), { ...nodeFacts(), ip })
  t.match(on('fd00::11'), [{ reason: 'intent-invalid', level: 'node', summary: /http:\/\/fd00::11:30020/ }])
  t.same(on('192.168.1.98'), [])
  const bracketed = spegelIntent(['https://docker.io'], { mirrorTargets: ['http://[$(NODE_IP)]:30020'] })
  t.same(on('fd00::11', intentOf(null, bracketed)), [], 'arguments by hand may have the brackets')
})
