import t from 'tap'
import { evaluateIntent } from '../../src/drift/evaluate.ts'
import type { Finding } from '../../src/drift/report.ts'
import type { Intent, TalosTls } from '../../src/intent/intent.ts'
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
        daemonParts: [{ name: '20-customization.part', content: '', source: null, discardUnpackedLayers: true }],
      }),
      spegelIntent([`http://${HARBOR}`]),
    ),
    [' layers-discarded'],
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
          remedy: [{ command: 'x', why: 'y' }],
          source: { file: 'patch.yaml', line: 6, column: 13 },
        },
      ],
    }),
  )
  t.match(finding, {
    id: `${HARBOR}/intent-invalid`,
    reason: 'intent-invalid',
    source: { file: 'patch.yaml', line: 6, column: 13 },
    remedy: [{ command: 'x' }],
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
