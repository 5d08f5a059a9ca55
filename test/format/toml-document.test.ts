import fc from 'fast-check'
import t from 'tap'
import { parseToml, plainToml, type TomlDocument, tomlAt } from '../../src/format/toml-document.ts'

function parsed(text: string): TomlDocument {
  const result = parseToml(text, 'hosts.toml')
  if (!result.ok) throw new Error(result.error.message)
  return result.document
}

t.test('table expressions keep their order, repeats and places', async (t) => {
  const { headers } = parsed(
    'server = "x"\n[host."http://a"]\n[host.b]\n  [host."http://a".header]\n[[other]]\n[[other]]\n',
  )
  t.strictSame(
    headers.map((it) => [it.parts.join('|'), it.array, it.position.line, it.position.column]),
    [
      ['host|http://a', false, 2, 1],
      ['host|b', false, 3, 1],
      ['host|http://a|header', false, 4, 3],
      ['other', true, 5, 1],
      ['other', true, 6, 1],
    ],
  )
})

t.test('the shape of every table is kept', async (t) => {
  const { root } = parsed('a.b = 1\nc = { d = { e = 1 } }\n[f.g]\nh.i = 1\n[[j]]\n')
  const shapes = [['a'], ['c'], ['c', 'd'], ['f'], ['f', 'g'], ['f', 'g', 'h'], ['j'], ['j', 0]].map((path) => {
    const value = tomlAt(root, path)
    return value?.kind === 'table' || value?.kind === 'array' ? value.form : value
  })
  t.strictSame(shapes, ['dotted', 'inline', 'inline', 'implicit', 'header', 'dotted', 'headers', 'header'])
})

t.test('a value is found with its place', async (t) => {
  const { root } = parsed('[host."http://a"]\ncapabilities = ["pull",\n  "resolve"]\n')
  t.match(tomlAt(root, ['host', 'http://a', 'capabilities', 1]), {
    kind: 'string',
    value: 'resolve',
    position: { file: 'hosts.toml', line: 3, column: 3 },
  })
  t.equal(tomlAt(root, ['host', 'http://b']), undefined)
  t.equal(tomlAt(root, ['host', 0]), undefined)
})

t.test('plain values carry no prototype and lose no digits', async (t) => {
  const plain = plainToml(
    parsed('n = 9007199254740993\nm = 3\nf = 1.5\nb = true\nd = 1979-05-27\n[__proto__]\nx = "y"\n').root,
  )
  t.strictSame(Object.entries(plain as object), [
    ['n', 9007199254740993n],
    ['m', 3],
    ['f', 1.5],
    ['b', true],
    ['d', '1979-05-27'],
    ['__proto__', Object.assign(Object.create(null), { x: 'y' })],
  ])
})

const REFUSED: [why: string, text: string, line: number, column: number][] = [
  ['a control character in a string', 'a = "\u0001"', 1, 6],
  ['a control character in a comment', '# \u0000', 1, 3],
  ['a key given twice', 'a = 1\na = 2', 2, 1],
  ['a table given twice', '[host.a]\n[host.a]', 2, 7],
  ['a dotted table that is opened again', 'a.b = 1\n[a]', 2, 2],
  ['a newline in an inline table', 'a = { b = 1\n}', 2, 1],
  ['a trailing comma in an inline table', 'a = { b = 1, }', 1, 14],
  ['a string without end', '[host.a]\nca = "x\n', 2, 8],
  ['a carriage return alone', 'a = 1\r\nb = 2\rc = 3', 2, 6],
  ['a lone surrogate', 'a = "\\ud800"', 1, 11],
  ['binary content', '\u0000\u0001\u0002', 1, 1],
]
for (const [why, text, line, column] of REFUSED) {
  t.test(`${why} is refused with its place`, async (t) => {
    t.match(parseToml(text, 'hosts.toml'), { ok: false, error: { position: { file: 'hosts.toml', line, column } } })
  })
}

t.test('nesting beyond any use is refused, not followed', async (t) => {
  for (const depth of [300, 5_000, 100_000]) {
    t.equal(parseToml(`a = ${'['.repeat(depth)}${']'.repeat(depth)}`, 'f').ok, false, `arrays, ${depth} deep`)
    t.equal(parseToml(`a = ${'{b='.repeat(depth)}1${'}'.repeat(depth)}`, 'f').ok, false, `inline tables, ${depth} deep`)
    t.equal(parseToml(`[${'a.'.repeat(depth)}a]`, 'f').ok, false, `a header of ${depth} parts`)
    t.equal(parseToml(`${'a.'.repeat(depth)}a = 1`, 'f').ok, false, `a key of ${depth} parts`)
  }
})

t.test('no text makes the reader throw', async () => {
  const pieces = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    '=',
    '.',
    ',',
    '"',
    "'",
    '"""',
    '\n',
    '#',
    'a',
    'host',
    '1',
    '-',
    ':',
    '\\',
    '\u0000',
    'é',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((it) => it.join('')),
  )
  fc.assert(
    fc.property(text, (it) => {
      const result = parseToml(it, 'f')
      if (!result.ok && (result.error.position.line < 1 || result.error.position.column < 1))
        throw new Error('no place')
    }),
    { numRuns: 2000 },
  )
})
