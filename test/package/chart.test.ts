/** What of the chart is made from something else, and needs no Helm to be checked. `--snapshot` makes it anew. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { CONFIG_SCHEMA, type ConfigSchema } from '../../src/config/config-schema.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { PullpathError } from '../../src/errors.ts'
import { valuesSchema } from './chart/values-schema.ts'
import { valueRows, valuesTable } from './chart/values-table.ts'

const CHART = new URL('../../chart/', import.meta.url)
const README = new URL('README.md', CHART)
const SCHEMA = new URL('values.schema.json', CHART)
const TABLE = /(?<=<!-- values: [^\n]* -->\n\n)[\s\S]*?(?=\n\n<!-- end of values -->)/

const read = (file: URL) => readFileSync(file, 'utf8')
const valuesText = read(new URL('values.yaml', CHART))
const rows = valueRows(valuesText)

function alertNames(): string[] {
  const { groups }: { groups: { rules: { alert?: string }[] }[] } = parse(read(new URL('rules/pullpath.yaml', CHART)))
  return [...new Set(groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? [])))]
}

const schema = valuesSchema(alertNames(), rows)
const accepts = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema)

t.test('values.schema.json is what its source makes', async (t) => {
  const text = `${JSON.stringify(schema, null, 2)}\n`
  if (t.writeSnapshot) writeFileSync(SCHEMA, text)
  t.equal(read(SCHEMA), text, 'run this test with --snapshot to write it anew')
})

t.test("README.md lists the values by values.yaml's comments", async (t) => {
  const table = valuesTable(rows)
  if (t.writeSnapshot)
    writeFileSync(
      README,
      read(README).replace(TABLE, () => table),
    )
  t.equal(TABLE.exec(read(README))?.[0], table, 'run this test with --snapshot to write it anew')
})

t.test('a value without a comment is an error, unless its parent has one', async (t) => {
  t.throws(() => valueRows('# no description\na: 1\n'), TypeError)
  t.throws(() => valueRows('a:\n  # -- b\n  b: 1\n  c: 2\n'), /a\.c/)
  t.same(valueRows('# -- All of\n# it.\na:\n  b: 1\n'), [{ path: ['a'], default: { b: 1 }, description: 'All of it.' }])
})

t.test('its own values pass, and each of them is required', async (t) => {
  const values = parse(valuesText)
  t.ok(accepts(values), JSON.stringify(accepts.errors))
  for (const key of Object.keys(values)) t.notOk(accepts({ ...values, [key]: undefined }), key)
})

/** Every value of the agent's configuration, as `[path, schema]`. */
function leaves(schema: ConfigSchema, path: string[] = []): [string[], ConfigSchema][] {
  if (schema.properties === undefined) return [[path, schema]]
  return Object.entries(schema.properties).flatMap(([name, child]) => leaves(child, [...path, name]))
}

const surroundings = { env: { NODE_NAME: 'w1', NODE_IP: '192.168.1.98', SOME: '7' }, hostname: 'w1' }

function agentTakes(config: unknown): boolean {
  try {
    readConfig(stringify(config), 'config.yaml', surroundings)
    return true
  } catch (error) {
    if (error instanceof PullpathError) return false
    throw error
  }
}

/** The chart reads these itself, and so takes no placeholder and no port that is chosen later. */
const LITERAL = [
  'host.root',
  'containerd.hostsDir',
  'containerd.configFile',
  'http.port',
  'intent.spegel.from',
  'intent.spegel.namespace',
]
const candidates = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    '0',
    0,
    '5s',
    '1h30m',
    '250ms',
    'auto',
    'values',
    'local',
    '/etc/cri',
    '2.1',
  ),
  fc.constantFrom<unknown>([], ['probe'], ['http://192.168.1.106'], {}, { '192.168.1.106': 'a/b:c' }, 'info', 5),
  fc.constantFrom<unknown>('192.168.1.98', 'endpointslice', 'https://harbor.home.arpa', '0.0.0.0', 'x'),
  fc.integer({ min: -1, max: 70_000 }),
  fc.string({ maxLength: 4 }),
  fc.string({ maxLength: 6, unit: fc.constantFrom('/', '$', '{', 'a', '}', '.', '1', 's') }),
  fc.constantFrom(
    '192.168.1.106/library/canary:tag-0',
    'harbor/canary',
    `a.b/${'c'.repeat(251)}`,
    `a.b/${'c'.repeat(252)}`,
  ),
  fc
    .array(fc.constantFrom('a', 'A', '.', '-', '_', '/', ':', '@', 'a.b', ':80', '/x', '[::1]', '\n', '${SOME}'), {
      maxLength: 8,
    })
    .map((it) => it.join('')),
)

t.test('of the configuration, what the agent takes the chart takes, and the other way round', async (t) => {
  const values = parse(valuesText)
  const at = fc.constantFrom(...leaves(CONFIG_SCHEMA))
  fc.assert(
    fc.property(at, candidates, ([path, leaf], value) => {
      const config = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
      const isTaken = agentTakes(config)
      const isValid = accepts({ ...values, config })
      const where = path.join('.')
      if (where === 'http.port' && value === 0) return !isValid
      if (LITERAL.includes(where) && String(value).includes('${')) return !isValid
      // An address, how long is too long, and what the environment has only the agent knows.
      if (isValid && !isTaken) {
        return where === 'node.ip' || leaf.duration !== undefined || String(value).includes('${')
      }
      return isValid === isTaken
    }),
    { numRuns: 5000 },
  )
  for (const [path] of leaves(CONFIG_SCHEMA).filter(([, leaf]) => leaf.type === 'string' || leaf.type === 'integer')) {
    const config = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), '${SOME}')
    t.equal(accepts({ ...values, config }), !LITERAL.includes(path.join('.')), `a placeholder at ${path.join('.')}`)
  }
  t.notOk(accepts({ ...values, config: { containerd: { hostDir: '/etc' } } }), 'an unknown key')
  t.notOk(accepts({ ...values, config: { htpp: {} } }), 'an unknown section')
})

t.test("README.md's values pass, and its links and those of docs/alerts.md lead to files", async (t) => {
  const [, example = ''] = /```yaml\n# values\.yaml\n([\s\S]*?)```/.exec(read(README)) ?? []
  const given = parse(example)
  t.same(Object.keys(given), ['config', 'podMonitor', 'prometheusRule', 'grafanaDashboard'])
  const values = parse(valuesText)
  const merged = { ...values, config: given.config }
  for (const key of ['podMonitor', 'prometheusRule', 'grafanaDashboard'])
    merged[key] = { ...values[key], ...given[key] }
  t.ok(accepts(merged), JSON.stringify(accepts.errors))
  t.ok(agentTakes(given.config))
  for (const page of [README, new URL('../docs/alerts.md', CHART)]) {
    const links = [...read(page).matchAll(/\]\(([^)#]+)\)/g)].map(([, target = '']) => target)
    t.not(links.length, 0)
    for (const target of links) t.ok(existsSync(new URL(target, page)), target)
  }
})
