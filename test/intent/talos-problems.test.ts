import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { readTalosIntent } from '../../src/intent/talos-intent.ts'
import { formatPosition } from '../../src/source-position.ts'
import { parseVersion } from '../../src/version.ts'

const MIRRORS = 'machine:\n  registries:\n    mirrors:\n'
const CONFIG = 'machine:\n  registries:\n    config:\n'
const DOCUMENT = 'apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: '

function read(texts: string[], release: string, options: { versionAssumed?: boolean } = {}) {
  const version = parseVersion(release)
  if (version === null) throw new TypeError(release)
  const files = texts.map((text, index) => ({ path: `${index}.yaml`, text }))
  return readTalosIntent(files, { version, ...options })
}

function problems(texts: string[], release = '1.13.9'): string[] {
  return read(texts, release).problems.map(
    (it) => `${it.code} ${it.registry} ${it.source === null ? '' : formatPosition(it.source)}`,
  )
}

function failure(text: string): string {
  try {
    read([text], '1.13.9')
  } catch (error) {
    if (error instanceof PullpathError) return error.toLine()
    throw error
  }
  return 'no error'
}

const CASES: { name: string; files: string[]; version?: string; expected: string[] }[] = [
  {
    name: 'what works has no problem',
    files: [
      `${MIRRORS}      192.168.1.106: {endpoints: ["http://192.168.1.106"]}\n      "*": {endpoints: [https://a.lan/v2]}\n`,
    ],
    expected: [],
  },
  { name: 'no registries at all', files: ['machine:\n  registries:\n'], expected: [] },
  {
    name: 'an endpoint without scheme',
    files: [`${MIRRORS}      a.lan:\n        endpoints: [192.168.1.106, "a.lan:5000"]\n`],
    expected: ['TALOS_ENDPOINT_NO_SCHEME a.lan 0.yaml:5:21', 'TALOS_ENDPOINT_NO_SCHEME a.lan 0.yaml:5:36'],
  },
  {
    name: 'an endpoint that is no URL of a registry',
    files: [`${MIRRORS}      a.lan:\n        endpoints: ["ftp://x", "http://", "http://h?q=1", "http://h:port", ""]\n`],
    expected: [21, 32, 43, 59, 76].map((column) => `TALOS_ENDPOINT_INVALID a.lan 0.yaml:5:${column}`),
  },
  {
    name: 'the same endpoint twice in one list',
    files: [`${DOCUMENT}a.lan\nendpoints:\n  - url: http://x.lan\n  - url: http://x.lan\n    overridePath: true\n`],
    expected: ['TALOS_ENDPOINT_DUPLICATE a.lan 0.yaml:6:10'],
  },
  {
    name: 'the same endpoint in two files that are merged',
    files: [
      `${MIRRORS}      a.lan: {endpoints: [http://x.lan]}\n`,
      `${MIRRORS}      a.lan: {endpoints: [http://x.lan]}\n`,
    ],
    expected: ['TALOS_ENDPOINT_DUPLICATE a.lan 1.yaml:4:27'],
  },
  {
    name: 'with skipFallback the last endpoint is no table, so it may repeat one',
    files: [`${MIRRORS}      a.lan: {endpoints: [http://x.lan, http://x.lan], skipFallback: true}\n`],
    expected: [],
  },
  {
    name: 'skipFallback without endpoints',
    files: [`${MIRRORS}      docker.io: {skipFallback: true}\n      "*": {skipFallback: true, endpoints: []}\n`],
    expected: [
      'TALOS_SKIP_FALLBACK_WITHOUT_ENDPOINTS docker.io 0.yaml:4:7',
      'TALOS_SKIP_FALLBACK_WITHOUT_ENDPOINTS _default 0.yaml:5:7',
    ],
  },
  {
    name: 'skipFallback before Talos 1.9',
    files: [`${MIRRORS}      a.lan:\n        endpoints: [http://x.lan]\n        skipFallback: true\n`],
    version: '1.8.4',
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:6:9'],
  },
  {
    name: 'a placeholder that nobody rendered',
    files: [
      `${MIRRORS}      \${REGISTRY}:\n        endpoints: ["http://\${HARBOR}", "http://{{ harbor }}", http://$IP]\n`,
    ],
    expected: [
      'VARIABLE_UNRENDERED ${REGISTRY} 0.yaml:4:7',
      'VARIABLE_UNRENDERED ${REGISTRY} 0.yaml:5:21',
      'VARIABLE_UNRENDERED ${REGISTRY} 0.yaml:5:41',
      'VARIABLE_UNRENDERED ${REGISTRY} 0.yaml:5:64',
    ],
  },
  {
    name: 'a registry name that no image can have',
    files: [
      `${MIRRORS}      http://a.lan: {}\n      a.lan/x: {}\n      "*.lan": {}\n      index.docker.io: {}\n      harbor: {}\n`,
    ],
    expected: ['http://a.lan', 'a.lan/x', '*.lan', 'index.docker.io', 'harbor'].map(
      (name, index) => `TALOS_REGISTRY_NAME ${name} 0.yaml:${index + 4}:7`,
    ),
  },
  {
    name: 'registry names that images have',
    files: [
      `${MIRRORS}      "[fd00::1]:5000": {}\n      harbor:80: {}\n      localhost: {}\n      docker.io: {}\n      10.0.0.1: {}\n`,
    ],
    expected: [],
  },
  {
    name: 'a mirror without value',
    files: [`${MIRRORS}      a.lan:\n`],
    expected: ['TALOS_ENDPOINT_INVALID a.lan 0.yaml:4:13'],
  },
  {
    name: 'unknown keys',
    files: ['machine:\n  registries:\n    mirror: {}\n    mirrors:\n      a.lan: {endpoint: [http://x.lan]}\n'],
    expected: ['TALOS_KEY_UNKNOWN null 0.yaml:3:5', 'TALOS_KEY_UNKNOWN a.lan 0.yaml:5:15'],
  },
  {
    name: 'unknown keys of TLS and credentials',
    files: [`${CONFIG}      a.lan: {tls: {insecure: true}, auth: {token: x}}\n`],
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:4:45', 'TALOS_KEY_UNKNOWN a.lan 0.yaml:4:21'],
  },
  {
    name: 'unknown keys of documents',
    files: [`${DOCUMENT}a.lan\noverridePath: true\nendpoints:\n  - url: http://x.lan\n    skipFallback: true\n`],
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:4:1', 'TALOS_KEY_UNKNOWN a.lan 0.yaml:7:5'],
  },
  {
    name: 'documents that this Talos does not know yet',
    files: [`${DOCUMENT}a.lan\n`],
    version: '1.11.6',
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:2:1'],
  },
  {
    name: 'documents with a wrong or no apiVersion, or no name',
    files: [
      'apiVersion: v1beta1\nkind: RegistryMirrorConfig\nname: a.lan\n---\nkind: RegistryMirrorConfig\nname: b.lan\n---\n' +
        'apiVersion: v1alpha1\nkind: RegistryMirrorConfig\n',
    ],
    expected: [
      'TALOS_KEY_UNKNOWN a.lan 0.yaml:1:1',
      'TALOS_KEY_UNKNOWN b.lan 0.yaml:5:1',
      'TALOS_KEY_UNKNOWN null 0.yaml:8:1',
    ],
  },
  {
    name: 'TLS settings that miss the port of their endpoint',
    files: [
      `${MIRRORS}      docker.io: {endpoints: ["https://cache.lan:8443"]}\n    config:\n      cache.lan: {tls: {insecureSkipVerify: true}}\n`,
    ],
    expected: ['TALOS_TLS_UNREACHED docker.io 0.yaml:6:7'],
  },
  {
    name: 'TLS settings on a plain-http endpoint',
    files: [
      `${MIRRORS}      a.lan: {endpoints: ["http://a.lan"]}\n    config:\n      a.lan: {tls: {insecureSkipVerify: true}}\n`,
    ],
    expected: ['TALOS_TLS_UNREACHED a.lan 0.yaml:6:7'],
  },
  {
    name: 'TLS settings that a mirror of the same name hides',
    files: [
      `${MIRRORS}      a.lan: {endpoints: ["https://b.lan"]}\n    config:\n      a.lan: {tls: {insecureSkipVerify: true}}\n`,
    ],
    expected: ['TALOS_TLS_UNREACHED a.lan 0.yaml:6:7'],
  },
  {
    name: 'TLS settings that reach an endpoint, or the registry itself, or say nothing',
    files: [
      `${MIRRORS}      docker.io: {endpoints: ["https://cache.lan:8443"]}\n    config:\n` +
        '      cache.lan:8443: {tls: {insecureSkipVerify: true}}\n      own.lan:5000: {tls: {insecureSkipVerify: true}}\n' +
        '      docker.io: {tls: {}, auth: {username: reader}}\n',
    ],
    expected: [],
  },
  {
    name: 'TLS settings for all registries',
    files: [`${CONFIG}      "*": {tls: {insecureSkipVerify: true}}\n`],
    expected: ['TALOS_TLS_WILDCARD null 0.yaml:4:7'],
  },
]

for (const { name, files, version, expected } of CASES) {
  t.test(name, async (t) => {
    t.strictSame(problems(files, version), expected)
    const wordless = read(files, version ?? '1.13.9').problems.filter((it) =>
      it.remedy.some((step) => step.command === ''),
    )
    t.strictSame(wordless, [], 'each says how to write it right')
  })
}

t.test('both places of an endpoint that two files declare are named', async (t) => {
  const patch = `${MIRRORS}      a.lan: {endpoints: [http://x.lan]}\n`
  const [problem] = read([patch, patch], '1.13.9').problems
  t.match(problem?.message, '0.yaml:4:27 and 1.yaml:4:27')
})

t.test('a misspelt key is answered with the right one', async (t) => {
  const [problem] = read([`${MIRRORS}      a.lan: {endpoint: [http://x.lan]}\n`], '1.13.9').problems
  t.equal(problem?.remedy[0]?.command, 'endpoints:')
})

t.test('a document of a newer release is no problem where the release is only assumed', async (t) => {
  const text = 'apiVersion: v1alpha1\nkind: ImageCacheConfig\nlocal:\n  enabled: true\n'
  t.equal(read([text], '1.13.9').problems.length, 1)
  const assumed = read([text], '1.13.9', { versionAssumed: true })
  t.strictSame(assumed.problems, [])
  t.equal(assumed.intent.imageCache, true)
})

t.test('the image cache is read from the older key too', async (t) => {
  t.equal(read(['machine: {features: {imageCache: {localEnabled: true}}}\n'], '1.13.9').intent.imageCache, true)
  t.equal(read(['machine: {}\n'], '1.13.9').intent.imageCache, null)
})

t.test(
  'an endpoint that Talos cannot parse takes the mirrors of every registry away, and the problem says so',
  async (t) => {
    const everything = /Talos cannot parse it and then writes no hosts file at all$/
    const cases: [endpoint: string, release: string, message: RegExp][] = [
      ['http://${HARBOR}', '1.13.9', everything],
      ['http://x.lan/${PATH}', '1.13.9', /Talos takes it literally$/],
      ['http://x.lan:port', '1.13.9', everything],
      ['http://fd00::1:5000', '1.13.9', everything],
      ['http://fd00::1:5000', '1.12.11', /cannot be used: [^:]*invalid port "?:?[^:]*::1:5000"? after host$/],
    ]
    for (const [endpoint, release, message] of cases) {
      const { problems } = read([`${MIRRORS}      a.lan: {endpoints: ["${endpoint}"]}\n`], release)
      t.match(problems.map((it) => it.message).join('\n'), message, `${endpoint} in ${release}`)
    }
  },
)

t.test('a RegistryMirrorConfig that hides the older form is noted', async (t) => {
  const { notes } = read([`${MIRRORS}      a.lan: {endpoints: [http://x.lan]}\n---\n${DOCUMENT}a.lan\n`], '1.13.9')
  t.match(notes, [{ code: 'DOCUMENT_IGNORED', source: { line: 4, column: 7 } }])
})

t.test('documents that are not Talos are passed over beside one that is', async (t) => {
  const other = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n'
  const { intent } = read([`${other}${MIRRORS}      a.lan: {endpoints: [http://x.lan]}\n`], '1.13.9')
  t.strictSame([...intent.mirrors.keys()], ['a.lan'])
})

t.test('a file with nothing of Talos is refused by what it holds', async (t) => {
  const cases: [string, RegExp][] = [
    ['apiVersion: v1\nkind: ConfigMap\n', /^0\.yaml:1:1: nothing .* ConfigMap \(v1\).*\[PP_INTENT_UNKNOWN\]$/],
    ['clusterName: home\nnodes: []\n', /talhelper's own configuration: give its patch files/],
    ['registries:\n  mirrors: {}\n', /put it below machine:/],
    ['- just\n- a list\n', /a list that is no JSON patch/],
    ['', /this file is empty/],
  ]
  for (const [text, expected] of cases) t.match(failure(text), expected)
  t.match(read(['# machine:\n'], '1.13.9').notes, [{ code: 'DOCUMENT_IGNORED' }], 'commented out is no mistake')
})

t.test('shapes that Talos refuses are refused with their place', async (t) => {
  const cases: [string, RegExp][] = [
    ['machine: []\n', /^0\.yaml:1:10: for machine Talos wants a map, and here stands a list/],
    [`${MIRRORS}      a.lan: {endpoints: http://x.lan}\n`, /^0\.yaml:4:26: for endpoints Talos wants a list/],
    [
      `${MIRRORS}      a.lan:\n        endpoints:\n          - url: http://x.lan\n`,
      /^0\.yaml:6:13: .*`- http:\/\/host`/,
    ],
    [`${DOCUMENT}a.lan\nendpoints: ["http://x.lan"]\n`, /^0\.yaml:4:13: .*`- url: http:\/\/host`/],
    [
      `${MIRRORS}      a.lan: {skipFallback: "true"}\n`,
      /^0\.yaml:4:29: .*without quotes, and here stands a quoted text/,
    ],
    [`${MIRRORS}      a.lan:\n        endpoints:\n          - {{ harbor }}\n`, /^0\.yaml:6:13: .*render it first/],
    [`${CONFIG}      a.lan: {auth: hunter2}\n`, /^0\.yaml:4:21: for auth Talos wants a map/],
  ]
  for (const [text, expected] of cases) t.match(failure(text), expected)
})

t.test('nothing secret leaves the reader', async (t) => {
  const legacy = `${MIRRORS}      a.lan: {endpoints: ["http://reader:hunter2@a.lan"]}\n    config:\n      a.lan:
        auth: {username: reader, password: hunter2, auth: hunter2, identityToken: hunter2}
        tls: {clientIdentity: {crt: Y2VydA==, key: aHVudGVyMg==}}\n`
  const documents = `apiVersion: v1alpha1\nkind: RegistryAuthConfig\nname: b.lan\npassword: hunter2\n---
apiVersion: v1alpha1\nkind: RegistryTLSConfig\nname: b.lan\nclientIdentity: {cert: cert, key: hunter2}\n`
  const part = `machine:\n  files:\n    - op: create\n      path: /etc/cri/conf.d/20-customization.part\n      content: |
        [plugins."io.containerd.cri.v1.images".registry.configs."a.lan".auth]
          password = "hunter2"
          identitytoken = 'hunter2'
        [b]
          c = { auth = "hunter2", Authorization = ["hunter2"], password = """hunter2
        hunter2""" }\n`
  const { intent, problems, notes } = read([legacy, documents, part], '1.13.9')
  t.strictSame(intent.authHosts, ['a.lan', 'b.lan'])
  const everything = JSON.stringify([[...intent.mirrors], [...intent.tls], intent, problems, notes])
  t.notMatch(everything, /hunter2|aHVudGVyMg/)
})
