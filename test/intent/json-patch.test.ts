import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { readYamlDocuments, type YamlMap, type YamlNode } from '../../src/format/yaml-documents.ts'
import { applyJsonPatch, isJsonPatch, readJsonPatch } from '../../src/intent/json-patch.ts'

const MIRRORS = '/machine/registries/mirrors'
const ENDPOINTS = `${MIRRORS}/docker.io/endpoints`
const CONFIGURATION = {
  machine: {
    registries: {
      mirrors: {
        'docker.io': { endpoints: ['http://a.lan', 'http://b.lan'], skipFallback: true },
        'odd/na~me': {},
        'null.lan': null,
      },
    },
  },
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Operation = { readonly [key: string]: Json }

function nodeOf(path: string, value: Json): YamlNode {
  const [document] = readYamlDocuments({ path, text: JSON.stringify(value) })
  if (document === undefined) throw new TypeError('no document')
  return document.root
}

function mapOf(value: Json): YamlMap {
  const node = nodeOf('base.yaml', value)
  if (node.kind !== 'map') throw new TypeError('no map')
  return node
}

function plain(node: YamlNode): Json {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plain)
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]))
}

function apply(base: Json, operations: readonly Operation[]): { value: Json; missing: string[] } {
  const list = nodeOf('patch.json', operations)
  if (!isJsonPatch(list)) throw new TypeError('no JSON patch')
  const { root, assumed } = applyJsonPatch(mapOf(base), readJsonPatch(list))
  return { value: plain(root), missing: assumed.map((it) => `${it.operation.op} ${it.missing}`) }
}

/** What stands at a JSON pointer of the result. */
function at(value: Json, pointer: string): Json | undefined {
  let found: Json | undefined = value
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    found = found !== null && typeof found === 'object' ? (found as { [key: string]: Json })[key] : undefined
  }
  return found
}

const APPLIED: {
  name: string
  operations: Operation[]
  look: string
  expected: Json | undefined
  missing?: string[]
}[] = [
  {
    name: 'add makes a key',
    operations: [{ op: 'add', path: `${MIRRORS}/quay.io`, value: { endpoints: ['http://c.lan'] } }],
    look: `${MIRRORS}/quay.io`,
    expected: { endpoints: ['http://c.lan'] },
  },
  {
    name: 'add replaces a key that is there',
    operations: [{ op: 'add', path: ENDPOINTS, value: ['http://c.lan'] }],
    look: `${MIRRORS}/docker.io`,
    expected: { endpoints: ['http://c.lan'], skipFallback: true },
  },
  {
    name: 'add puts behind the last item at -, and at its number',
    operations: [
      { op: 'add', path: `${ENDPOINTS}/-`, value: 'http://c.lan' },
      { op: 'add', path: `${ENDPOINTS}/3`, value: 'http://d.lan' },
    ],
    look: ENDPOINTS,
    expected: ['http://a.lan', 'http://b.lan', 'http://c.lan', 'http://d.lan'],
  },
  {
    name: 'add puts before the item of that number, and counts negative ones from behind the end',
    operations: [
      { op: 'add', path: `${ENDPOINTS}/1`, value: 'http://c.lan' },
      { op: 'add', path: `${ENDPOINTS}/-1`, value: 'http://d.lan' },
      { op: 'add', path: `${ENDPOINTS}/-2`, value: 'http://e.lan' },
    ],
    look: ENDPOINTS,
    expected: ['http://a.lan', 'http://c.lan', 'http://b.lan', 'http://e.lan', 'http://d.lan'],
  },
  {
    name: 'add without value puts null',
    operations: [{ op: 'add', path: `${MIRRORS}/quay.io` }],
    look: `${MIRRORS}/quay.io`,
    expected: null,
  },
  {
    name: 'replace takes the place of an item, counted from either end',
    operations: [
      { op: 'replace', path: `${ENDPOINTS}/0`, value: 'http://c.lan' },
      { op: 'replace', path: `${ENDPOINTS}/-1`, value: 'http://d.lan' },
    ],
    look: ENDPOINTS,
    expected: ['http://c.lan', 'http://d.lan'],
  },
  {
    name: 'replace makes a key that is not there, without a word',
    operations: [{ op: 'replace', path: `${MIRRORS}/quay.io`, value: {} }],
    look: `${MIRRORS}/quay.io`,
    expected: {},
  },
  {
    name: 'replace of the empty path takes the place of everything',
    operations: [{ op: 'replace', path: '', value: { machine: {} } }],
    look: '',
    expected: { machine: {} },
  },
  {
    name: 'remove takes a key, and an item counted from either end',
    operations: [
      { op: 'remove', path: `${MIRRORS}/docker.io/skipFallback` },
      { op: 'remove', path: `${ENDPOINTS}/-2` },
      { op: 'remove', path: `${ENDPOINTS}/+0` },
    ],
    look: `${MIRRORS}/docker.io`,
    expected: { endpoints: [] },
  },
  {
    name: 'slash and tilde of a name are written ~1 and ~0',
    operations: [{ op: 'add', path: `${MIRRORS}/odd~1na~0me/skipFallback`, value: false }],
    look: `${MIRRORS}/odd~1na~0me`,
    expected: { skipFallback: false },
  },
  {
    name: 'move takes away and puts elsewhere',
    operations: [{ op: 'move', from: `${MIRRORS}/docker.io`, path: `${MIRRORS}/quay.io` }],
    look: MIRRORS,
    expected: {
      'odd/na~me': {},
      'null.lan': null,
      'quay.io': { endpoints: ['http://a.lan', 'http://b.lan'], skipFallback: true },
    },
  },
  {
    name: 'move within a list counts after it has taken the item',
    operations: [{ op: 'move', from: `${ENDPOINTS}/0`, path: `${ENDPOINTS}/1` }],
    look: ENDPOINTS,
    expected: ['http://b.lan', 'http://a.lan'],
  },
  {
    name: 'copy leaves what it copies',
    operations: [{ op: 'copy', from: `${ENDPOINTS}/1`, path: `${ENDPOINTS}/0` }],
    look: ENDPOINTS,
    expected: ['http://b.lan', 'http://a.lan', 'http://b.lan'],
  },
  {
    name: 'a test that holds changes nothing, whatever the order of keys',
    operations: [
      {
        op: 'test',
        path: `${MIRRORS}/docker.io`,
        value: { skipFallback: true, endpoints: ['http://a.lan', 'http://b.lan'] },
      },
      { op: 'test', path: `${ENDPOINTS}/-1`, value: 'http://b.lan' },
    ],
    look: '',
    expected: CONFIGURATION,
  },
  {
    name: 'missing parents are made, and said',
    operations: [{ op: 'add', path: '/machine/files/-', value: { op: 'create' } }],
    look: '/machine/files',
    expected: [{ op: 'create' }],
    missing: ['add /machine/files'],
  },
  {
    name: 'a parent that is null is missing too',
    operations: [{ op: 'add', path: `${MIRRORS}/null.lan/endpoints`, value: [] }],
    look: `${MIRRORS}/null.lan`,
    expected: { endpoints: [] },
    missing: [`add ${MIRRORS}/null.lan`],
  },
  {
    name: 'an item beyond the known end is taken for the next one, and said',
    operations: [
      { op: 'add', path: `${ENDPOINTS}/7`, value: 'http://c.lan' },
      { op: 'replace', path: `${ENDPOINTS}/3`, value: 'http://d.lan' },
    ],
    look: ENDPOINTS,
    expected: ['http://a.lan', 'http://b.lan', 'http://c.lan', 'http://d.lan'],
    missing: [`add ${ENDPOINTS}/7`, `replace ${ENDPOINTS}/3`],
  },
  {
    name: 'remove, test and move pass over what is not there, and say so',
    operations: [
      { op: 'remove', path: `${MIRRORS}/quay.io` },
      { op: 'remove', path: `${ENDPOINTS}/2` },
      { op: 'test', path: '/cluster/clusterName', value: 'home' },
      { op: 'move', from: `${MIRRORS}/a~1b`, path: `${MIRRORS}/quay.io` },
    ],
    look: '',
    expected: CONFIGURATION,
    missing: [`remove ${MIRRORS}/quay.io`, `remove ${ENDPOINTS}/2`, 'test /cluster', `move ${MIRRORS}/a~1b`],
  },
  {
    name: 'copy of a key that is not there puts null, and says so',
    operations: [{ op: 'copy', from: `${MIRRORS}/quay.io`, path: ENDPOINTS }],
    look: ENDPOINTS,
    expected: null,
    missing: [`copy ${MIRRORS}/quay.io`],
  },
  {
    name: 'copy from a list passes over an item that is not there',
    operations: [{ op: 'copy', from: `${ENDPOINTS}/2`, path: `${ENDPOINTS}/-` }],
    look: ENDPOINTS,
    expected: ['http://a.lan', 'http://b.lan'],
    missing: [`copy ${ENDPOINTS}/2`],
  },
  {
    name: 'a place that is not there is made for what is moved',
    operations: [{ op: 'move', from: `${MIRRORS}/docker.io/skipFallback`, path: `${MIRRORS}/quay.io/skipFallback` }],
    look: `${MIRRORS}/quay.io`,
    expected: { skipFallback: true },
    missing: [`move ${MIRRORS}/quay.io`],
  },
  {
    name: 'a later operation sees what an earlier one made',
    operations: [
      { op: 'add', path: `${MIRRORS}/quay.io`, value: { endpoints: [] } },
      { op: 'add', path: `${MIRRORS}/quay.io/endpoints/0`, value: 'http://c.lan' },
      { op: 'test', path: `${MIRRORS}/quay.io/endpoints`, value: ['http://c.lan'] },
    ],
    look: `${MIRRORS}/quay.io/endpoints/0`,
    expected: 'http://c.lan',
  },
]

for (const { name, operations, look, expected, missing = [] } of APPLIED) {
  t.test(name, async (t) => {
    const result = apply(CONFIGURATION, operations)
    t.strictSame(look === '' ? result.value : at(result.value, look), expected)
    t.strictSame(result.missing, missing)
  })
}

const REFUSED: { name: string; operation: Operation; expected: RegExp }[] = [
  { name: 'no op', operation: { path: '/machine' }, expected: /without a known op.*use one of add, replace, remove/ },
  { name: 'an unknown op', operation: { op: 'append', path: '/machine' }, expected: /without a known op/ },
  { name: 'no path', operation: { op: 'remove' }, expected: /has no path/ },
  { name: 'a null path', operation: { op: 'remove', path: null }, expected: /has no path/ },
  { name: 'a path without slash', operation: { op: 'remove', path: 'machine' }, expected: /starts with \/.*\/machine/ },
  { name: 'move without from', operation: { op: 'move', path: '/machine' }, expected: /move .* needs from/ },
  { name: 'copy without from', operation: { op: 'copy', path: '/machine' }, expected: /copy .* needs from/ },
  { name: 'remove everything', operation: { op: 'remove', path: '' }, expected: /refuses to remove the whole/ },
  { name: 'add everything', operation: { op: 'add', path: '', value: {} }, expected: /refuses to add the whole/ },
  {
    name: 'copy everything',
    operation: { op: 'copy', from: '', path: '/machine' },
    expected: /refuses to copy the whole/,
  },
  { name: 'no map', operation: { op: 'replace', path: '', value: [] }, expected: /leaves no machine configuration/ },
  {
    name: 'a test that fails',
    operation: { op: 'test', path: `${ENDPOINTS}/0`, value: 'http://b.lan' },
    expected: /the test of .*docker\.io\/endpoints\/0 fails/,
  },
  {
    name: 'a test of a list that is longer',
    operation: { op: 'test', path: ENDPOINTS, value: ['http://a.lan', 'http://b.lan', 'http://c.lan'] },
    expected: /the test of .* fails/,
  },
  {
    name: 'a test of a map that has another key',
    operation: { op: 'test', path: `${MIRRORS}/odd~1na~0me`, value: { endpoints: [] } },
    expected: /odd~1na~0me fails/,
  },
  {
    name: 'a name where an index belongs',
    operation: { op: 'add', path: `${ENDPOINTS}/first`, value: '' },
    expected: /first is no index of the list \/machine\/registries\/mirrors\/docker\.io\/endpoints/,
  },
  { name: 'remove at the end', operation: { op: 'remove', path: `${ENDPOINTS}/-` }, expected: /- is no index/ },
  { name: 'a step below the end', operation: { op: 'add', path: `${ENDPOINTS}/-/url`, value: 1 }, expected: /- is no/ },
  {
    name: 'a name in a list that no file before has',
    operation: { op: 'add', path: '/machine/files/first', value: {} },
    expected: /first is no index of the list \/machine\/files/,
  },
]

for (const { name, operation, expected } of REFUSED) {
  t.test(`refused with its place: ${name}`, async (t) => {
    try {
      apply(CONFIGURATION, [{ op: 'test', path: '', value: CONFIGURATION }, operation])
      t.fail('no error')
    } catch (error) {
      if (!(error instanceof PullpathError)) throw error
      t.match(error.toLine(), expected)
      t.equal(error.code, 'PP_INTENT_INVALID')
      t.equal(error.position?.file, 'patch.json')
    }
  })
}

t.test('only a list of operations is a JSON patch', async (t) => {
  const cases: [Json, boolean][] = [
    [[{ op: 'add', path: '/a', value: 1 }], true],
    [[{ path: '/a' }, { op: 'remove' }], true],
    [[], false],
    [[{ op: 'add' }, 'text'], false],
    [[{ endpoints: [] }], false],
    [{ op: 'add', path: '/a' }, false],
  ]
  for (const [value, expected] of cases) t.equal(isJsonPatch(nodeOf('0.yaml', value)), expected, JSON.stringify(value))
})

const key = fc.stringMatching(/^[a-z~/.:0-9-]{1,6}$/)
const tree = fc.dictionary(key, fc.oneof(fc.array(fc.string(), { maxLength: 4 }), fc.boolean()), {
  noNullPrototype: true,
})
const value = fc.oneof(fc.string(), fc.boolean(), fc.constant(null), tree)

t.test('whatever the keys are: what is added is removed again, and what is moved comes back', async (t) => {
  const property = fc.property(tree, key, value, (machine, name, added) => {
    const path = `/machine/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const base = { machine, other: {} }
    const add = { op: 'add', path, value: added }
    const { [name]: _, ...rest } = machine
    const removed = apply(base, [add, { op: 'remove', path }])
    const moved = apply(base, [
      add,
      { op: 'move', from: path, path: '/other/x' },
      { op: 'move', from: '/other/x', path },
    ])
    assert.deepStrictEqual(removed, { value: { machine: rest, other: {} }, missing: [] })
    assert.deepStrictEqual(moved, { value: { machine: { ...rest, [name]: added }, other: {} }, missing: [] })
  })
  t.doesNotThrow(() => fc.assert(property))
})
