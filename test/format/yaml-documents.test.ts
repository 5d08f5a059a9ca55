import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { readYamlDocuments, type YamlScalar } from '../../src/format/yaml-documents.ts'

function read(text: string) {
  return readYamlDocuments({ path: 'a.yaml', text })
}

function failure(text: string): string {
  try {
    read(text)
  } catch (error) {
    if (error instanceof PullpathError) return error.toLine()
    throw error
  }
  return 'no error'
}

const at = (line: number, column: number) => ({ file: 'a.yaml', line, column })

t.test('documents are told apart, and null documents are passed over', async (t) => {
  t.strictSame(
    read('# only a comment\n---\na: 1\n---\n---\n~\n---\nb: [2]\n---\n').map((it) => it.value),
    [{ a: 1 }, { b: [2] }],
  )
  t.strictSame(read(''), [])
})

t.test('every key and value has its place', async (t) => {
  const [document] = read(
    '# mirrors\nmachine:\n  registries: &r\n    "192.168.1.106":\n      - x\n      -   y\n  copy: *r\n',
  )
  const path = ['machine', 'registries', '192.168.1.106']
  t.strictSame(document?.keyPositionOf(path), at(4, 5))
  t.strictSame(document?.positionOf([...path, 1]), at(6, 11))
  t.strictSame(document?.positionOf(['machine', 'copy', '192.168.1.106', 0]), at(5, 9), 'where the anchor stands')
  t.strictSame(document?.positionOf([]), at(2, 1))
  t.equal(document?.positionOf([...path, 2]), null)
  t.equal(document?.keyPositionOf(['machine', 'none']), null)
})

t.test('keys and scalars stay as they were written', async (t) => {
  const [document] = read('1.10: 0x10\nyes: "no"\n')
  const root = document?.root
  t.strictSame(root?.kind === 'map' ? [...root.entries.keys()] : [], ['1.10', 'yes'])
  const value = root?.kind === 'map' ? root.entries.get('1.10')?.value : undefined
  t.match(value, { value: 16, text: '0x10', plain: true })
})

t.test('the text of a block scalar starts below its header, at its indentation', async (t) => {
  const cases: [string, number, number][] = [
    ['content: |\n  [a]\n  b = 1\n', 2, 3],
    ['deep:\n    - content: |-\n        [a]\n', 3, 9],
    ['content: |\n\n    [a]\n', 2, 5],
    ['content: |2\n\n    [a]\n', 2, 3],
    ['content: >\n  folded\n  text\n', 2, 3],
    ['content: "quoted"\n', 1, 11],
    ['content: plain\n', 1, 10],
  ]
  for (const [text, line, column] of cases) {
    const [document] = read(text)
    let node = document?.root
    while (node !== undefined && node.kind !== 'scalar') {
      node = node.kind === 'map' ? [...node.entries.values()][0]?.value : node.items[0]
    }
    t.strictSame((node as YamlScalar).textAt, at(line, column), JSON.stringify(text))
  }
})

t.test('merge keys are carried out, and their place is kept', async (t) => {
  const [document] = read('a: &a {x: 1, y: 1}\nb:\n  <<: *a\n  y: 2\n')
  t.strictSame(document?.value, { a: { x: 1, y: 1 }, b: { x: 1, y: 2 } })
  const b = document?.root.kind === 'map' ? document.root.entries.get('b')?.value : undefined
  t.strictSame(b?.kind === 'map' ? b.mergeKeyAt : null, at(3, 3))
  t.strictSame(document?.positionOf(['b', 'x']), at(1, 11))
  t.strictSame(document?.positionOf(['b', 'y']), at(4, 6))
})

t.test('what is no YAML is refused with line and column', async (t) => {
  const cases: [string, RegExp][] = [
    ['a: 1\nb: 2\na: 3\n', /^a\.yaml:3:1: not valid YAML: this key stands twice in one map \[PP_YAML_INVALID\]$/],
    ['a:\n\t- b\n', /^a\.yaml:2:1: not valid YAML: Tabs are not allowed/],
    ['a: [1,\nb: 2\n', /^a\.yaml:\d+:\d+: not valid YAML/],
    ['a: *none\n', /^a\.yaml:1:4: .*nothing has the anchor that this alias names \(put text .* in quotes\)/],
    ['a: [x, *b]\nb: &b 1\n', /^a\.yaml:1:8: .*nothing has the anchor/],
    ['a: &a [*a]\n', /^a\.yaml:1:8: this alias stands inside what it repeats/],
    ['a: 1\n{% if x %}\n', /^a\.yaml:2:\d+: .*render it first/],
    ['ok: 1\nb\u0000c: 1\n', /^a\.yaml:2:2: this is a binary file/],
    ['\ufffd\ufffd', /^a\.yaml:1:1: this is a binary file, or not encoded as UTF-8/],
    [`a: ${'x'.repeat(5 * 1024 * 1024)}`, /^a\.yaml:1:1: this file of 5 MiB is too large/],
    ['['.repeat(100_000), /nested too deeply/],
  ]
  for (const [text, expected] of cases) t.match(failure(text), expected)
})

t.test('a wildcard without quotes is answered with how to write it', async (t) => {
  const cases: [string, RegExp][] = [
    ['*: 1\n', /^a\.yaml:1:1: .* a key that starts with \* needs quotes \(write "\*":\)/],
    ['mirrors:\n  *:\n    endpoints: [x]\n', /^a\.yaml:2:3: .* \(write "\*":\)/],
    ['mirrors:\n  a: 1\n  *: {endpoints: [x]}\n', /^a\.yaml:3:3: .* \(write "\*":\)/],
    ['mirrors:\n  *.lan:5000: {endpoints: [x]}\n', /^a\.yaml:2:3: .* \(write "\*\.lan:5000":\)/],
    ['mirrors:\n  *:\n', /^a\.yaml:2:3: .* \(write "\*":\)/],
  ]
  for (const [text, expected] of cases) t.match(failure(text), expected)
  const [document] = read('a: &a x\nb: {*a : 1}\n')
  t.strictSame(document?.value, { a: 'x', b: { x: 1 } }, 'an alias may be a key')
  t.strictSame(document?.keyPositionOf(['b', 'x']), at(2, 5))
})

t.test('an alias bomb is refused before it is unfolded', async (t) => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 12; level++) {
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`)
  }
  t.match(failure(lines.join('\n')), /aliases of this file repeat too much/)
  const wide = Array.from({ length: 200 }, (_, index) => `a${index}: &a${index} x\n`).join('')
  const many = Array.from({ length: 200_000 }, (_, index) => `*a${index % 200}`).join(',')
  t.match(failure(`${wide}all: [${many}]`), /^a\.yaml:1:1: the aliases of this file repeat too much/)
})

t.test('an error never quotes a value', async (t) => {
  for (const text of ['password: "hunter2\n', 'password: a: hunter2\n', 'password: @hunter2\n', 'hunter2\nb: 1\n']) {
    t.notMatch(failure(text), /hunter2/)
    t.match(failure(text), /PP_YAML_INVALID/)
  }
})

t.test('any text is either read or refused by name', async (t) => {
  const part = fc.constantFrom(
    'a',
    ': ',
    '\n',
    '- ',
    '  ',
    '&x ',
    '*x',
    '{',
    '}',
    '[',
    ']',
    '"',
    '|',
    '<<',
    '---',
    '#',
    '!t ',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      try {
        for (const document of read(parts.join(''))) document.positionOf(['a'])
      } catch (error) {
        return error instanceof PullpathError && error.code === 'PP_YAML_INVALID' && error.position !== null
      }
      return true
    }),
    { numRuns: 2000 },
  )
  t.pass('2000 texts')
})
