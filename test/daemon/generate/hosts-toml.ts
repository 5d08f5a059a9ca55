import fc from 'fast-check'
import { endpointUrl } from './urls.ts'

/** One line, or value, of a field: `['skip_verify', 'true']`. */
type Field = readonly [key: string, value: string]

interface HostBlock {
  url: string
  quote: '"' | "'"
  /** How the table is written. */
  form: 'header' | 'spaced header' | 'below host' | 'dotted' | 'array' | 'inline'
  fields: readonly Field[]
  header: readonly Field[]
  /** Where its `header` table stands: in it, behind it, behind all others. */
  headerAt: 'inside' | 'behind' | 'end'
}

interface HostsToml {
  server: Field | null
  serverAt: 'top' | 'end'
  /** Whether `server` is the URL of the first host as well. */
  serverIsHost: boolean
  root: readonly Field[]
  /** Whether `[host]` is written out. */
  hostHeader: boolean
  blocks: readonly HostBlock[]
  /** Whether the first block is written twice. */
  repeated: boolean
  further: readonly string[]
  /** What happened to the text afterwards. */
  damage: Damage | null
  ending: '\n' | '\r\n'
  mark: boolean
}

interface Damage {
  kind: 'drop line' | 'repeat line' | 'swap lines' | 'cut'
  at: number
}

const CAPABILITIES = [
  '["pull", "resolve"]',
  '["pull", "resolve", "push"]',
  '["pull"]',
  '["resolve"]',
  '["push"]',
  '["Pull", "RESOLVE"]',
  '[]',
  '["push", "pull"]',
  '["pull", "resolve", "pull"]',
] as const
const ODD_CAPABILITIES = [
  '["pull", "resolve", "referrers"]',
  '["pull", "delete"]',
  '"pull"',
  '["pull", 1]',
  '[1]',
  'true',
  '["pull", ""]',
  '{}',
] as const

const usual = <T>(often: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>, weight = 14) =>
  fc.oneof({ weight, arbitrary: often }, { weight: 1, arbitrary: seldom })
const valuesOf = (key: string, often: readonly string[], seldom: readonly string[], weight?: number) =>
  usual(fc.constantFrom(...often), fc.constantFrom(...seldom), weight).map((value): Field => [key, value])

const CA = ['"own.pem"', '["own.pem"]', '["own.pem", "known.pem"]', '[]', '"$DIRECTORY/own.pem"'] as const
const ODD_CA = [
  '"missing.pem"',
  '"junk.pem"',
  '""',
  '["own.pem", 1]',
  'true',
  '["own.pem", "missing.pem"]',
  '[[]]',
] as const
const CLIENT = ['[["client.pem", "client.key"]]', '"both.pem"', '["both.pem"]', '[]'] as const
const ODD_CLIENT = [
  '["client.pem", "client.key"]',
  '[["client.pem"]]',
  '[["client.pem", "missing.key"]]',
  '[["client.pem", ""]]',
  '"client.pem"',
  '[["client.pem", "client.key", "own.pem"]]',
  '1',
  '[["own.pem", "client.key"]]',
] as const

const field = fc.oneof(
  { weight: 6, arbitrary: valuesOf('capabilities', CAPABILITIES, ODD_CAPABILITIES, 6) },
  { weight: 4, arbitrary: valuesOf('skip_verify', ['true', 'false'], ['"true"', '1', '[]']) },
  { weight: 2, arbitrary: valuesOf('override_path', ['true', 'false'], ['"true"', '0'], 5) },
  { weight: 2, arbitrary: valuesOf('ca', CA, ODD_CA, 4) },
  { weight: 2, arbitrary: valuesOf('client', CLIENT, ODD_CLIENT, 4) },
  {
    weight: 2,
    arbitrary: valuesOf('dial_timeout', ['"200ms"', '"1s"', '"1m0.5s"'], ['1', '"200"', '""', '"-1s"', '"0"']),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Field[]>(
      ['capabilites', '["pull"]'],
      ['unknown', '{ a = [1, 2.5, 1979-05-27T07:32:00Z] }'],
      ['Capabilities', '["pull"]'],
      ['SKIP_VERIFY', 'true'],
      ['server', '"http://127.0.0.3:5000"'],
      ['"skip_verify"', 'true'],
    ),
  },
)
const header = fc.constantFrom<Field[]>(
  ['X-Test', '"a"'],
  ['X-Tests', '["a", "b"]'],
  ['Authorization', '"Basic dXNlcjpwYXNz"'],
  ['X-Test', '1'],
  ['X-Test', '["a", 1]'],
  ['"x test"', '"a"'],
)
const goodHeader = fc.constantFrom<Field[]>(['X-Test', '"a"'], ['X-Tests', '["a", "b"]'])

// The library of 1.x takes a key twice in an inline table, in two spellings too, which this reader refuses.
const uniqueFields = (maxLength: number) =>
  fc.uniqueArray(field, { maxLength, selector: ([key]) => key.replaceAll('"', '') })

const block: fc.Arbitrary<HostBlock> = fc.record({
  url: endpointUrl,
  quote: fc.constantFrom('"', "'"),
  form: fc.oneof(
    { weight: 12, arbitrary: fc.constant('header' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom<HostBlock['form'][]>('spaced header', 'below host', 'dotted', 'array', 'inline'),
    },
  ),
  fields: usual(uniqueFields(2), uniqueFields(4), 4),
  header: usual(
    fc.constant<Field[]>([]),
    usual(
      fc.array(goodHeader, { minLength: 1, maxLength: 1 }),
      fc.uniqueArray(header, { minLength: 1, maxLength: 2, selector: ([key]) => key }),
      3,
    ),
    4,
  ),
  headerAt: fc.constantFrom('inside', 'behind', 'end'),
})

const FURTHER = [
  '# a comment',
  '[other]\nkey = "value"',
  '[[list]]\nkey = 1',
  'unknown = true',
  '[host."http://127.0.0.3:5000/sub".other]\nkey = 1',
  '[Host."http://127.0.0.3:5000/case"]',
  '[header]\nX-Root = "a"',
  '["host"."http://127.0.0.3:5000/quoted"]',
  '[host.bare]',
  '[host.bare-key_1]\nskip_verify = true',
  'host = 1',
  'host = "http://127.0.0.3:5000"',
  'text = """\n[host."http://127.0.0.3:5000"]\n"""',
  '[host."http://127.0.0.2:5000/lines"]\nca = """own.pem"""',
  "[host.'http://127.0.0.2:5000/lines']\ncapabilities = [\n  'pull', # why\n  'resolve',\n]",
  'server',
  '= 1',
  '[host."http://127.0.0.2:5000"',
  '[host.[x]]',
  'a = 1 b = 2',
  'a = [1, "b"]',
  'a.b = 1\na = 2',
  '[server]',
  '[host."http://127.0.0.2:5000".skip_verify]',
  "[host.'http://127.0.0.2:5000/table'.ca]",
  '[host."http://127.0.0.2:5000".capabilities]',
  '[host."http://127.0.0.3:5000".dial_timeout]\n[host."http://127.0.0.2:5000"]',
] as const

const hostsToml: fc.Arbitrary<HostsToml> = fc.record({
  server: usual(
    fc.option(endpointUrl.map((url): Field => ['server', JSON.stringify(url)])),
    fc.constantFrom<Field[]>(
      ['server', '1'],
      ['server', '["http://127.0.0.3:5000"]'],
      ['Server', '"http://127.0.0.3:5000"'],
    ),
    20,
  ),
  serverIsHost: usual(fc.constant(false), fc.constant(true)),
  serverAt: usual(fc.constant('top' as const), fc.constant('end' as const), 7),
  root: usual(fc.constant<Field[]>([]), uniqueFields(3), 3),
  hostHeader: usual(fc.constant(false), fc.constant(true), 4),
  blocks: fc.array(block, { maxLength: 4, size: 'max' }),
  repeated: usual(fc.constant(false), fc.constant(true), 20),
  further: usual(fc.constant<string[]>([]), fc.array(fc.constantFrom(...FURTHER), { minLength: 1, maxLength: 2 }), 5),
  damage: usual(
    fc.constant(null),
    fc.record({
      kind: fc.constantFrom<Damage['kind'][]>('drop line', 'repeat line', 'swap lines', 'cut'),
      at: fc.nat({ max: 400 }),
    }),
    12,
  ),
  ending: usual(fc.constant('\n' as const), fc.constant('\r\n' as const), 15),
  mark: usual(fc.constant(false), fc.constant(true), 40),
})

/**
 * Leaves out what the library of 1.x takes against the standard, and this reader refuses: one table in two spellings,
 * `[host]` behind dotted keys of it, and `[[host.X]]` behind an inline `host`.
 */
function asTheStandardHasIt(file: HostsToml): HostsToml {
  const hasDotted = file.blocks.some((it) => it.form === 'dotted')
  const hasInline = file.blocks.some((it) => it.form === 'inline')
  const blocks = file.blocks.map((it) => {
    const { quote, form } = file.blocks.find(({ url }) => url === it.url) ?? it
    const isRefused = (hasDotted && form === 'below host') || (hasInline && form === 'array')
    return { ...it, quote, form: isRefused ? ('header' as const) : form }
  })
  return { ...file, blocks, hostHeader: file.hostHeader && !hasDotted }
}

function asItSays(file: HostsToml): HostsToml {
  const [first] = file.blocks
  if (first === undefined) return file
  const server: Field | null = file.serverIsHost ? ['server', JSON.stringify(first.url)] : file.server
  return { ...file, server, blocks: file.repeated ? [...file.blocks, first] : file.blocks }
}

/** The text of a hosts.toml in one of the many ways to write it, right or wrong. */
export const hostsTomlText: fc.Arbitrary<string> = hostsToml
  .map(asItSays)
  .map(asTheStandardHasIt)
  .map((file) => {
    const text = damaged(render(file), file.damage)
    return (file.mark ? '\uFEFF' : '') + text.replaceAll('\n', file.ending)
  })

function render({ server, serverAt, root, hostHeader, blocks, further }: HostsToml): string {
  const lines: string[] = []
  if (server !== null && serverAt === 'top') lines.push(assignment(server))
  lines.push(...root.map(assignment))
  for (const it of blocks) {
    if (it.form === 'dotted') lines.push(...fieldsOf(it).map(([key, value]) => `host.${keyOf(it)}.${key} = ${value}`))
    if (it.form === 'inline') lines.push(`host = { ${keyOf(it)} = ${inline(fieldsOf(it))} }`)
  }
  const below = blocks.filter((it) => it.form === 'below host')
  if (below.length > 0 || hostHeader) lines.push('[host]')
  for (const it of below) lines.push(`${keyOf(it)} = ${inline(fieldsOf(it))}`)
  for (const it of blocks) if (opening(it) !== null) lines.push(...tableOf(it))
  for (const it of blocks) if (it.headerAt === 'end') lines.push(...headerTable(it))
  lines.push(...further)
  if (server !== null && serverAt === 'end') lines.push(assignment(server))
  return lines.map((line) => `${line}\n`).join('')
}

function tableOf(block: HostBlock): string[] {
  const inside = block.headerAt === 'inside' && block.header.length > 0
  return [
    opening(block) ?? '',
    ...block.fields.map(assignment),
    ...(inside ? [`header = ${inline(block.header)}`] : []),
    ...(block.headerAt === 'behind' ? headerTable(block) : []),
  ]
}

function headerTable(block: HostBlock): string[] {
  if (block.header.length === 0 || opening(block) === null) return []
  return [`[host.${keyOf(block)}.header]`, ...block.header.map(assignment)]
}

function opening(block: HostBlock): string | null {
  if (block.form === 'header') return `[host.${keyOf(block)}]`
  if (block.form === 'spaced header') return `  [ host . ${keyOf(block)} ] # here`
  return block.form === 'array' ? `[[host.${keyOf(block)}]]` : null
}

function fieldsOf({ fields, header }: HostBlock): Field[] {
  return [...fields, ...(header.length === 0 ? [] : [['header', inline(header)] as const])]
}

function inline(fields: readonly Field[]): string {
  return `{ ${fields.map(assignment).join(', ')} }`
}

function assignment([key, value]: Field): string {
  return `${key} = ${value}`
}

function keyOf({ url, quote }: HostBlock): string {
  return `${quote}${url}${quote}`
}

function damaged(text: string, damage: Damage | null): string {
  if (damage === null || text === '') return text
  if (damage.kind === 'cut') return text.slice(0, damage.at % text.length)
  const lines = text.split('\n')
  const at = damage.at % lines.length
  const here = lines.slice(at, at + 1)
  const before = lines.slice(0, at)
  const after = lines.slice(at + 1)
  if (damage.kind === 'drop line') return [...before, ...after].join('\n')
  if (damage.kind === 'repeat line') return [...before, ...here, ...here, ...after].join('\n')
  return [...before, ...after.slice(0, 1), ...here, ...after.slice(1)].join('\n')
}
