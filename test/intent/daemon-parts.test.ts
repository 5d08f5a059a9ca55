import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { readTalosIntent } from '../../src/intent/talos-intent.ts'
import { formatPosition } from '../../src/source-position.ts'
import { parseVersion } from '../../src/version.ts'

const PART = '/etc/cri/conf.d/20-customization.part'
const KEEP = '[plugins."io.containerd.cri.v1.images"]\n  discard_unpacked_layers = false\n'
const DISCARD = KEEP.replace('false', 'true')
const OLD_KEEP = '[plugins."io.containerd.grpc.v1.cri".containerd]\n  discard_unpacked_layers = false\n'

const fileOf = (fields: object) => ({
  machine: { files: [{ op: 'create', path: PART, permissions: 0o644, ...fields }] },
})
const partOf = (name: string, content: string) => ({
  apiVersion: 'v1alpha1',
  kind: 'CRICustomizationConfig',
  name,
  content,
})

function read(files: readonly (object | string)[], release: string) {
  const version = parseVersion(release)
  if (version === null) throw new TypeError(release)
  const written = files.map((it, index) => ({
    path: `${index}.yaml`,
    text: typeof it === 'string' ? it : JSON.stringify(it),
  }))
  return readTalosIntent(written, { version })
}

const PARTS: {
  name: string
  files: object[]
  version?: string
  expected: [string, boolean | null][]
  problems?: string[]
}[] = [
  { name: 'the usual patch keeps layers', files: [fileOf({ content: KEEP })], expected: [[PART, false]] },
  { name: 'a part that discards them', files: [fileOf({ content: DISCARD })], expected: [[PART, true]] },
  {
    name: 'a part that says nothing of layers',
    files: [fileOf({ content: '[metrics]\n  address = ""\n' })],
    expected: [[PART, null]],
  },
  {
    name: 'a part whose value is no boolean',
    files: [fileOf({ content: KEEP.replace('false', '"no"') })],
    expected: [[PART, null]],
  },
  { name: 'an entry without content is an empty part', files: [fileOf({})], expected: [[PART, null]] },
  { name: 'no part at all', files: [{ machine: { files: [] } }], expected: [] },
  {
    name: 'files of other programs are none of this',
    files: [fileOf({ path: '/var/etc/x.conf', content: 'a=b' })],
    expected: [],
  },
  {
    name: 'a dotted key and an inline table are the same table',
    files: [fileOf({ content: "plugins.'io.containerd.cri.v1.images' = { discard_unpacked_layers = false }\n" })],
    expected: [[PART, false]],
  },
  {
    name: 'a second entry of the same path is not taken',
    files: [fileOf({ content: KEEP }), fileOf({ content: DISCARD })],
    expected: [[PART, false]],
    problems: ['CONTAINERD_PART_PATH'],
  },
  {
    name: 'an overwrite is not taken before 1.14: at boot nothing is there',
    files: [fileOf({ op: 'overwrite', content: KEEP })],
    expected: [],
    problems: ['CONTAINERD_PART_PATH'],
  },
  {
    name: 'an overwrite is taken from 1.14',
    files: [fileOf({ op: 'overwrite', content: KEEP })],
    version: '1.14.1',
    expected: [[PART, false]],
  },
  {
    name: 'an append is not taken, and the create behind it is',
    files: [fileOf({ op: 'append', content: DISCARD }), fileOf({ content: KEEP })],
    expected: [[PART, false]],
    problems: ['CONTAINERD_PART_PATH'],
  },
  {
    name: 'documents are merged in the order of their names, around the older form',
    files: [partOf('zz', KEEP), partOf('a', DISCARD), fileOf({ content: '[a]\n' })],
    version: '1.14.1',
    expected: [
      ['CRICustomizationConfig/a', true],
      [PART, null],
      ['CRICustomizationConfig/zz', false],
    ],
  },
  {
    name: 'a document without content is none',
    files: [{ apiVersion: 'v1alpha1', kind: 'CRICustomizationConfig', name: 'a' }],
    version: '1.14.1',
    expected: [],
  },
  {
    name: 'the content of a document is overridden by a later file',
    files: [partOf('a', DISCARD), partOf('a', KEEP)],
    version: '1.14.1',
    expected: [['CRICustomizationConfig/a', false]],
  },
  {
    name: 'documents of a release that has none yet are refused',
    files: [partOf('a', KEEP)],
    version: '1.13.9',
    expected: [['CRICustomizationConfig/a', false]],
    problems: ['TALOS_KEY_UNKNOWN'],
  },
  {
    name: 'the old name is the only one for containerd 1.7',
    files: [fileOf({ content: `${OLD_KEEP}${DISCARD}` })],
    version: '1.7.7',
    expected: [[PART, false]],
  },
  {
    name: 'the old name is ignored under a version 3 configuration',
    files: [fileOf({ content: OLD_KEEP })],
    version: '1.8.4',
    expected: [[PART, null]],
    problems: ['CONTAINERD_OLD_PLUGIN_ID'],
  },
  {
    name: 'the old name beside the new one is still a mistake',
    files: [fileOf({ content: `${OLD_KEEP}${DISCARD}` })],
    expected: [[PART, true]],
    problems: ['CONTAINERD_OLD_PLUGIN_ID'],
  },
  {
    name: 'the old name still has the streaming server',
    files: [fileOf({ content: `[plugins."io.containerd.grpc.v1.cri"]\n  stream_server_port = "10010"\n${KEEP}` })],
    expected: [[PART, false]],
  },
  {
    name: 'the containerd of 1.14 moves the old name over the new one',
    files: [fileOf({ content: `${OLD_KEEP}${DISCARD}` })],
    version: '1.14.1',
    expected: [[PART, false]],
  },
  {
    name: 'no TOML',
    files: [fileOf({ content: '[plugins\n' })],
    expected: [[PART, null]],
    problems: ['CONTAINERD_PART_INVALID'],
  },
  {
    name: 'the same table twice',
    files: [fileOf({ content: `${KEEP}${KEEP}` })],
    expected: [[PART, null]],
    problems: ['CONTAINERD_PART_INVALID'],
  },
  {
    name: 'a placeholder that nobody rendered',
    files: [fileOf({ content: KEEP.replace('false', '${KEEP_LAYERS}') })],
    expected: [[PART, null]],
    problems: ['VARIABLE_UNRENDERED', 'CONTAINERD_PART_INVALID'],
  },
  {
    name: 'an unknown key of an entry, whatever file it is',
    files: [fileOf({ path: '/var/x', contents: KEEP })],
    expected: [],
    problems: ['TALOS_KEY_UNKNOWN'],
  },
]

for (const { name, files, version = '1.13.9', expected, problems = [] } of PARTS) {
  t.test(`parts of containerd's configuration: ${name}`, async (t) => {
    const found = read(files, version)
    t.strictSame(
      found.intent.daemonParts.map((it) => [it.name, it.discardUnpackedLayers]),
      expected,
    )
    t.strictSame(
      found.problems.map((it) => it.code),
      problems,
    )
    t.equal(
      found.notes.some((it) => it.code === 'LAYERS_NOT_DECLARED'),
      expected.every(([, discards]) => discards === null),
      'it is noted where nothing says whether layers are kept',
    )
  })
}

const PATHS: { path: string; op: string; expected: RegExp }[] = [
  {
    path: '/etc/cri/conf.d/30-mine.part',
    op: 'create',
    expected: /refuses to create this one and the boot stops there/,
  },
  { path: '/etc/cri/containerd.toml', op: 'overwrite', expected: /does not promise that containerd sees this one/ },
  { path: '/var/cri/conf.d/20-customization.part', op: 'create', expected: /containerd never sees this one/ },
  { path: '/etc/containerd/config.toml', op: 'create', expected: /is another file/ },
  { path: '/etc/cri/conf.d/hosts/a.lan/hosts.toml', op: 'create', expected: /the boot stops there/ },
]

for (const { path, op, expected } of PATHS) {
  t.test(`a path that Talos does not merge: ${op} ${path}`, async (t) => {
    const { problems, intent } = read([fileOf({ path, op, content: KEEP })], '1.13.9')
    t.match(problems, [{ code: 'CONTAINERD_PART_PATH', message: expected, remedy: [{ command: `path: ${PART}` }] }])
    t.strictSame(intent.daemonParts, [])
    const mirrors = problems[0]?.remedy.filter((it) => it.command.includes('mirrors')).length
    t.equal(mirrors, path.includes('/hosts/') ? 1 : 0, 'mirrors are declared as such')
  })
}

const OPERATIONS: { op: string | undefined; expected: RegExp }[] = [
  { op: 'overwrite', expected: /^op: overwrite needs a file that is there already/ },
  { op: 'append', expected: /^op: append needs a file that is there already/ },
  { op: 'replace', expected: /with op: create alone, and here stands replace$/ },
  { op: undefined, expected: /with op: create alone, and here is no op$/ },
]

for (const { op, expected } of OPERATIONS) {
  t.test(`an operation that makes no part before 1.14: ${op ?? 'none'}`, async (t) => {
    t.match(read([fileOf({ op, content: KEEP })], '1.13.9').problems, [{ message: expected }])
    t.strictSame(read([fileOf({ op, content: KEEP })], '1.14.1').problems, [])
  })
}

const BLOCK = `machine:
  files:
    - op: create
      path: ${PART}
      permissions: 0o644
      content: |
`

t.test('a mistake in a part is placed in the file that holds it', async (t) => {
  const indented = (toml: string) => toml.replace(/^(?=.)/gm, '        ')
  const quoted = (toml: string) => `machine: {files: [{op: create, path: ${PART}, content: ${JSON.stringify(toml)}}]}\n`
  const cases: [string, string][] = [
    [`${BLOCK}${indented(`# layers\n${OLD_KEEP}`)}`, '0.yaml:8:18'],
    [`${BLOCK}${indented('a = 1\nb = \n')}`, '0.yaml:9:9'],
    [`${BLOCK}${indented('[a]\n  b = "${X}"\n')}`, '0.yaml:8:16'],
    [quoted(OLD_KEEP), '0.yaml:1:86'],
    [quoted('a = \n'), '0.yaml:1:86'],
  ]
  for (const [text, expected] of cases) {
    const [problem] = read([text], '1.13.9').problems
    t.equal(problem?.source ? formatPosition(problem.source) : '', expected, text)
  }
  const [part] = read([`${BLOCK}${indented(KEEP)}`], '1.13.9').intent.daemonParts
  t.equal(part?.source ? formatPosition(part.source) : '', '0.yaml:7:9', 'a part stands where its first line does')
})

t.test('both places of a part that two files declare are told', async (t) => {
  const [problem] = read([fileOf({ content: KEEP }), fileOf({ content: KEEP })], '1.13.9').problems
  t.match(problem?.message, /the one at 0\.yaml:1 only/)
  t.equal(problem?.source?.file, '1.yaml')
})

t.test('shapes that Talos cannot decode are refused with their place', async (t) => {
  const cases: [string, RegExp][] = [
    ['machine: {files: {}}\n', /^0\.yaml:1:18: for files Talos wants a list/],
    ['machine: {files: [/etc/x]}\n', /^0\.yaml:1:19: for an item of machine\.files Talos wants a map/],
    [`machine: {files: [{path: ${PART}, content: [a]}]}\n`, /for content Talos wants a string, and here stands a list/],
    ['apiVersion: v1alpha1\nkind: CRICustomizationConfig\nname: a\ncontent: {a: b}\n', /^0\.yaml:4:10: for content/],
  ]
  for (const [text, expected] of cases) {
    try {
      read([text], '1.14.1')
      t.fail(text)
    } catch (error) {
      if (!(error instanceof PullpathError)) throw error
      t.match(error.toLine(), expected)
    }
  }
})

t.test('an entry without value is a problem', async (t) => {
  const { problems } = read([`machine:\n  files:\n    -\n    - {op: create, path: ${PART}, content: ""}\n`], '1.14.1')
  t.match(problems, [{ code: 'TALOS_KEY_UNKNOWN', source: { line: 3, column: 6 } }])
})
