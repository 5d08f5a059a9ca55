import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { mergeTalosFiles } from '../../src/intent/talos-documents.ts'
import { readTalosIntent } from '../../src/intent/talos-intent.ts'
import { formatPosition } from '../../src/source-position.ts'
import { parseVersion, type Version } from '../../src/version.ts'

const MIRRORS = 'machine:\n  registries:\n    mirrors:\n'
const GENERATED = 'version: v1alpha1\nmachine:\n  type: worker\n  registries: {}\ncluster:\n  clusterName: home\n'
const HARBOR = `${MIRRORS}      192.168.1.106:\n        endpoints: [http://192.168.1.106]\n`

const documentOf = (kind: string, name: string, rest = '') =>
  `apiVersion: v1alpha1\nkind: ${kind}\nname: ${name}\n${rest}`
const mirrorOf = (name: string, url: string) =>
  documentOf('RegistryMirrorConfig', name, `endpoints:\n  - url: ${url}\n`)
const together = (...documents: string[]) => documents.join('---\n')

function release(text: string): Version {
  const version = parseVersion(text)
  if (version === null) throw new TypeError(text)
  return version
}

function filesOf(texts: readonly string[]) {
  return texts.map((text, index) => ({ path: `${index}.yaml`, text }))
}

function read(texts: readonly string[], version = '1.13.9') {
  return readTalosIntent(filesOf(texts), { version: release(version) })
}

/** The mirrors as `registry: endpoints`. */
function mirrors(texts: readonly string[], version?: string): { [registry: string]: string[] } {
  const declared = [...read(texts, version).intent.mirrors.values()]
  return Object.fromEntries(declared.map((it) => [it.registry, it.endpoints.map(({ url }) => url)]))
}

function failure(texts: readonly string[], version?: string): string {
  try {
    read(texts, version)
  } catch (error) {
    if (error instanceof PullpathError) return error.toLine()
    throw error
  }
  return 'no error'
}

t.test('what counts as Talos, and what is passed over', async (t) => {
  const file = together(
    'kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n',
    '# nothing but a comment\n',
    GENERATED,
    mirrorOf('quay.io', 'http://a.lan'),
    documentOf('UserVolumeConfig', 'scratch'),
    'apiVersion: example.org/v1\nkind: RegistryMirrorConfig\nmetadata: {name: an-operator-of-that-name}\n',
    '',
  )
  const { legacy, documents } = mergeTalosFiles(filesOf([file]), release('1.13.9'))
  t.strictSame([...(legacy?.entries.keys() ?? [])], ['version', 'machine', 'cluster'])
  t.strictSame(
    documents.map(({ kind, name }) => `${kind} ${name}`),
    ['RegistryMirrorConfig quay.io', 'UserVolumeConfig scratch'],
  )
})

t.test('each of the four keys makes a legacy document', async (t) => {
  for (const key of ['machine', 'cluster', 'debug', 'persist']) {
    t.not(mergeTalosFiles(filesOf([`${key}:\n`]), release('1.13.9')).legacy, null, key)
  }
})

t.test('a mirror keeps the place of its first declaration, an endpoint the place of its own', async (t) => {
  const first = together(HARBOR, mirrorOf('quay.io', 'http://a.lan'))
  const second = together(
    `${MIRRORS}      192.168.1.106:\n        endpoints:\n          - http://b.lan\n`,
    mirrorOf('quay.io', 'http://b.lan'),
  )
  const { intent } = read([first, second])
  const places = [...intent.mirrors.values()].map((it) =>
    [it, ...it.endpoints].map(({ source }) => (source === null ? '' : formatPosition(source))),
  )
  t.strictSame(places, [
    ['0.yaml:4:7', '0.yaml:5:21', '1.yaml:6:13'],
    ['0.yaml:9:7', '0.yaml:11:10', '1.yaml:12:10'],
  ])
})

const RELEASES: { name: string; files: string[]; expected: { [version: string]: object | RegExp } }[] = [
  {
    name: 'a generated configuration and a patch of it',
    files: [GENERATED, HARBOR],
    expected: {
      '1.8.4': { '192.168.1.106': ['http://192.168.1.106'] },
      '1.14.1': { '192.168.1.106': ['http://192.168.1.106'] },
    },
  },
  {
    name: 'a document twice in one file',
    files: [GENERATED, together(mirrorOf('quay.io', 'http://a.lan'), mirrorOf('quay.io', 'http://b.lan'))],
    expected: {
      '1.12.11': /^1\.yaml:7:1: Talos refuses a file that holds the same document twice: RegistryMirrorConfig quay\.io/,
      '1.13.9': /^1\.yaml:7:1: Talos refuses a file that holds the same document twice/,
      '1.14.0-rc.1': { 'quay.io': ['http://a.lan', 'http://b.lan'] },
      '1.14.1': { 'quay.io': ['http://a.lan', 'http://b.lan'] },
    },
  },
  {
    name: 'two machine configurations in one file',
    files: [together(HARBOR, `${MIRRORS}      quay.io: {endpoints: [http://a.lan]}\n`)],
    expected: {
      '1.8.4': /^0\.yaml:7:1: .* twice: machine configuration.*put them into two files/,
      '1.14.1': { '192.168.1.106': ['http://192.168.1.106'], 'quay.io': ['http://a.lan'] },
    },
  },
  {
    name: 'a document that its own file deletes',
    files: [
      GENERATED,
      together(mirrorOf('quay.io', 'http://a.lan'), documentOf('RegistryMirrorConfig', 'quay.io', '$patch: delete\n')),
    ],
    expected: { '1.13.9': { 'quay.io': ['http://a.lan'] }, '1.14.1': {} },
  },
  {
    name: 'a document that another file deletes',
    files: [
      GENERATED,
      mirrorOf('quay.io', 'http://a.lan'),
      documentOf('RegistryMirrorConfig', 'quay.io', '$patch: delete\n'),
    ],
    expected: { '1.13.9': {}, '1.14.1': {} },
  },
  {
    name: 'a document that is deleted and declared anew in one file',
    files: [
      mirrorOf('quay.io', 'http://a.lan'),
      together(documentOf('RegistryMirrorConfig', 'quay.io', '$patch: delete\n'), mirrorOf('quay.io', 'http://b.lan')),
    ],
    expected: { '1.13.9': { 'quay.io': ['http://b.lan'] }, '1.14.1': { 'quay.io': ['http://b.lan'] } },
  },
  {
    name: 'documents of one name and two kinds',
    files: [mirrorOf('quay.io', 'http://a.lan'), documentOf('RegistryTLSConfig', 'quay.io', '$patch: delete\n')],
    expected: { '1.13.9': { 'quay.io': ['http://a.lan'] } },
  },
  {
    name: 'an older registry under a document of its name',
    files: [together(HARBOR, mirrorOf('192.168.1.106', 'http://a.lan'))],
    expected: { '1.13.9': { '192.168.1.106': ['http://a.lan'] } },
  },
]

for (const { name, files, expected } of RELEASES) {
  t.test(`merged as the release does: ${name}`, async (t) => {
    for (const [version, wanted] of Object.entries(expected)) {
      if (wanted instanceof RegExp) t.match(failure(files, version), wanted, version)
      else t.strictSame(mirrors(files, version), wanted, version)
    }
  })
}

const LACKING: { name: string; files: string[]; version?: string; expected: string[] }[] = [
  {
    name: 'a registry',
    files: [HARBOR, `${MIRRORS}      quay.io: {$patch: delete}\n`],
    expected: ['1.yaml:4:17 machine.registries.mirrors.quay.io'],
  },
  {
    name: 'the endpoints of a registry',
    files: [HARBOR, `${MIRRORS}      quay.io:\n        endpoints:\n          $patch: delete\n`],
    expected: ['1.yaml:6:11 machine.registries.mirrors.quay.io.endpoints'],
  },
  {
    name: 'an entry of machine.files',
    files: [HARBOR, 'machine:\n  files:\n    - path: /var/x\n      $patch: delete\n'],
    expected: ['1.yaml:4:7 an item of machine.files with path: /var/x'],
  },
  {
    name: 'a document',
    files: [HARBOR, documentOf('RegistryMirrorConfig', 'quay.io', '$patch: delete\n')],
    expected: ['1.yaml:4:1 the RegistryMirrorConfig quay.io'],
  },
  {
    name: 'an endpoint of a document',
    files: [
      mirrorOf('quay.io', 'http://a.lan'),
      documentOf('RegistryMirrorConfig', 'quay.io', 'endpoints:\n  - url: http://b.lan\n    $patch: delete\n'),
    ],
    version: '1.14.1',
    expected: ['1.yaml:6:5 http://b.lan in the RegistryMirrorConfig quay.io'],
  },
  {
    name: 'a parent of what a JSON patch adds',
    files: [HARBOR, '- {op: add, path: /machine/files/-, value: {}}\n'],
    expected: ['1.yaml:1:3 /machine/files'],
  },
  {
    name: 'nothing: a document that 1.14 passes over',
    files: [HARBOR, documentOf('RegistryMirrorConfig', 'quay.io', '$patch: delete\n')],
    version: '1.14.1',
    expected: [],
  },
  {
    name: 'nothing: fields may be empty',
    files: [
      HARBOR,
      'machine:\n  registries:\n    config: {$patch: delete}\n    mirrors:\n      192.168.1.106: {skipFallback: {$patch: delete}}\n',
    ],
    expected: [],
  },
  {
    name: 'nothing: other parts of the configuration are not for this reader',
    files: [HARBOR, 'machine:\n  network:\n    interfaces: {$patch: delete}\n'],
    expected: [],
  },
]

for (const { name, files, version, expected } of LACKING) {
  t.test(`noted as lacking before a patch: ${name}`, async (t) => {
    const notes = read(files, version).notes.filter((it) => it.code === 'PARTIAL_PATCH')
    const shown = notes.map(({ message, source }) => {
      const what = /^no file before has (.*): Talos refuses this (?:add|delete) if/.exec(message)?.[1]
      return `${source === null ? '' : formatPosition(source)} ${what}`
    })
    t.strictSame(shown, expected)
  })
}

t.test('a JSON patch of several documents is noted, and read as if it came before them', async (t) => {
  const patch = '- {op: add, path: /machine/registries/mirrors, value: {quay.io: {}}}\n'
  const { intent, notes } = read([together(GENERATED, mirrorOf('docker.io', 'http://a.lan')), patch])
  t.match(notes, [{ code: 'PARTIAL_PATCH', message: /refuses a JSON patch once .* has several documents/ }])
  t.strictSame([...intent.mirrors.keys()].sort(), ['docker.io', 'quay.io'])
})

t.test('what a later patch takes away is refused all the same', async (t) => {
  const wrong = `${MIRRORS}      192.168.1.106: {endpoint: [http://a.lan]}\n`
  const { intent, problems } = read([GENERATED, wrong, `${MIRRORS}      192.168.1.106: {$patch: delete}\n`])
  t.equal(intent.mirrors.size, 0)
  t.match(problems, [{ code: 'TALOS_KEY_UNKNOWN', source: { file: '1.yaml', line: 4, column: 23 } }])
})

t.test('what a JSON patch makes is refused once, where Talos decodes it', async (t) => {
  const add = '- {op: add, path: /machine/registries/mirrors, value: {quay.io: {endpoint: []}}}\n'
  const remove = '- {op: remove, path: /machine/registries/mirrors/quay.io}\n'
  t.equal(read([GENERATED, add, remove]).problems.length, 0, 'nobody decodes it between two JSON patches')
  t.equal(read([GENERATED, add, HARBOR, remove]).problems.length, 1)
  t.equal(read([GENERATED, add, HARBOR]).problems.length, 1)
})

t.test('keys that stand one level too high are refused with their place', async (t) => {
  for (const key of ['mirrors', 'config', 'registry']) {
    const [problem, ...others] = read([`machine:\n  type: worker\n  ${key}: {}\n`]).problems
    t.match(problem, { code: 'TALOS_KEY_UNKNOWN', source: { line: 3, column: 3 }, message: `"${key}" in machine` })
    t.strictSame(others, [])
  }
})

t.test('the two forms of the image cache exclude each other', async (t) => {
  const older = 'machine: {features: {imageCache: {localEnabled: false}}}\n'
  const newer = 'apiVersion: v1alpha1\nkind: ImageCacheConfig\nlocal: {enabled: true}\n'
  const { intent, problems } = read([older, newer], '1.14.1')
  t.equal(intent.imageCache, true, 'the document is asked first')
  t.match(problems, [{ message: /stand in one configuration.*0\.yaml:1:34/, source: { file: '1.yaml', line: 1 } }])
  t.strictSame(read([newer], '1.14.1').problems, [])
})

const KINDS: { name: string; file: string; version: string; expected: RegExp | null }[] = [
  { name: 'mirrors in 1.12', file: mirrorOf('quay.io', 'http://a.lan'), version: '1.12.1', expected: null },
  {
    name: 'mirrors in 1.11',
    file: mirrorOf('quay.io', 'http://a.lan'),
    version: '1.11.6',
    expected: /came with Talos 1\.12: 1\.11\.6/,
  },
  {
    name: 'TLS in 1.11',
    file: documentOf('RegistryTLSConfig', 'a.lan'),
    version: '1.11.6',
    expected: /came with Talos 1\.12/,
  },
  {
    name: 'parts in 1.13',
    file: documentOf('CRICustomizationConfig', 'keep'),
    version: '1.13.9',
    expected: /came with Talos 1\.14/,
  },
  { name: 'parts in 1.14', file: documentOf('CRICustomizationConfig', 'keep'), version: '1.14.0-rc.1', expected: null },
  {
    name: 'the image cache in 1.13',
    file: 'apiVersion: v1alpha1\nkind: ImageCacheConfig\n',
    version: '1.13.9',
    expected: /came with Talos 1\.14/,
  },
  {
    name: 'the image cache has no name',
    file: 'apiVersion: v1alpha1\nkind: ImageCacheConfig\n',
    version: '1.14.1',
    expected: null,
  },
  {
    name: 'no name',
    file: 'apiVersion: v1alpha1\nkind: RegistryTLSConfig\n',
    version: '1.13.9',
    expected: /has no name/,
  },
  {
    name: 'no apiVersion',
    file: 'kind: RegistryAuthConfig\nname: a.lan\n',
    version: '1.13.9',
    expected: /has no apiVersion/,
  },
  {
    name: 'another apiVersion',
    file: 'apiVersion: v1\nkind: RegistryAuthConfig\nname: a.lan\n',
    version: '1.13.9',
    expected: /the apiVersion v1:/,
  },
  {
    name: 'a misspelt kind',
    file: documentOf('RegistryMirrorsConfig', 'a.lan'),
    version: '1.13.9',
    expected: /no kind RegistryMirrorsConfig/,
  },
  {
    name: 'a kind that is not about pulls',
    file: documentOf('UserVolumeConfig', 'scratch'),
    version: '1.13.9',
    expected: null,
  },
  {
    name: 'a part named customization',
    file: documentOf('CRICustomizationConfig', 'customization'),
    version: '1.14.1',
    expected: /is kept for/,
  },
  {
    name: 'a part named as a path',
    file: documentOf('CRICustomizationConfig', '"/etc/x"'),
    version: '1.14.1',
    expected: /"\/etc\/x" is no name of a part/,
  },
  {
    name: 'a part with a prefix',
    file: documentOf('CRICustomizationConfig', 'example.org/keep_1'),
    version: '1.14.1',
    expected: null,
  },
]

for (const { name, file, version, expected } of KINDS) {
  t.test(`the kind is known or refused: ${name}`, async (t) => {
    const refused = read([file], version).problems.filter((it) => it.code === 'TALOS_KEY_UNKNOWN')
    if (expected === null) t.strictSame(refused, [])
    else t.match(refused, [{ message: expected }])
  })
}

const FOREIGN: { name: string; text: string; expected: RegExp }[] = [
  {
    name: 'values of a chart',
    text: 'spegel:\n  prependExisting: true\n',
    expected: /a document with the keys spegel.*starts with machine:/,
  },
  {
    name: 'talenv.yaml',
    text: 'talosVersion: v1.13.6\nkubernetesVersion: v1.36.0\n',
    expected: /give its talosVersion as --talos-version/,
  },
  {
    name: 'talconfig.yaml',
    text: 'clusterName: home\nnodes:\n  - hostname: k8s-1\n',
    expected: /give its patch files, or the rendered/,
  },
  { name: 'the inside of machine', text: 'files:\n  - path: /var/x\n', expected: /put it below machine:/ },
  {
    name: 'the inside of registries',
    text: 'mirrors:\n  quay.io: {}\n',
    expected: /mirrors: below machine\.registries:/,
  },
  {
    name: "Spegel's release",
    text: 'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: spegel}\n',
    expected: /HelmRelease \(helm\.toolkit\.fluxcd\.io\/v2\).*give it as --spegel/,
  },
  {
    name: 'a kind without apiVersion',
    text: 'kind: HostnameConfig\nhostname: k8s-1\n',
    expected: /HostnameConfig \(without apiVersion\)/,
  },
  { name: 'a list of names', text: '- quay.io\n- docker.io\n', expected: /a list that is no JSON patch/ },
  { name: 'one word', text: 'TODO\n', expected: /a single value/ },
  {
    name: 'several of them, each once',
    text: 'a: 1\n---\na: 2\n---\nTODO\n',
    expected: /a document with the keys a; a single value/,
  },
]

for (const { name, text, expected } of FOREIGN) {
  t.test(`a foreign file is refused with what to do: ${name}`, async (t) => {
    t.match(failure([HARBOR, text]), expected)
    t.match(failure([HARBOR, text]), /^1\.yaml:1:1: .*\[PP_INTENT_UNKNOWN\]$/)
  })
}

t.test('statements that Talos refuses are refused with their place', async (t) => {
  const cases: [string, RegExp][] = [
    ['machine: {}\n$patch: delete\n', /^1\.yaml:2:1: .*delete the machine configuration itself/],
    [
      `${MIRRORS}      "[fd00::1]:5000":\n        $patch: delete\n`,
      /^1\.yaml:5:9: Talos takes \[fd00::1\]:5000 for an item/,
    ],
    ['machine:\n  files:\n    - $patch: delete\n', /^1\.yaml:3:7: .*below an item of a list/],
    ['machine:\n  files:\n    - path: {x: {$patch: delete}}\n', /^1\.yaml:3:18: .*below an item of a list/],
    ['kind: RegistryMirrorConfig\nname: quay.io\n$patch: delete\n', /^1\.yaml:1:1: .*deletes without an apiVersion/],
    [together('- {op: remove, path: /machine/files}\n', HARBOR), /^1\.yaml:1:1: .*a file of its own/],
  ]
  for (const [text, expected] of cases) t.match(failure([HARBOR, text]), expected)
})

const url = fc.webUrl({ validSchemes: ['http', 'https'], withQueryParameters: false })
const part = fc.record({ isJsonPatch: fc.boolean(), urls: fc.array(url, { minLength: 1, maxLength: 3 }) })

t.test('endpoints of all files follow each other, whichever form they were written in', async (t) => {
  const property = fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
    const files = parts.map(({ isJsonPatch, urls }) => {
      const path = '/machine/registries/mirrors/quay.io/endpoints/-'
      const operations = urls.map((value) => ({ op: 'add', path, value }))
      return isJsonPatch
        ? JSON.stringify(operations)
        : `${MIRRORS}      quay.io: ${JSON.stringify({ endpoints: urls })}\n`
    })
    assert.deepStrictEqual(mirrors(files), { 'quay.io': parts.flatMap(({ urls }) => urls) })
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
})
