import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { parseToml } from '../../src/format/toml-document.ts'
import { writeTalosTree } from '../../src/hosts/talos-writer.ts'
import { nodeAt } from '../../src/hosts/tree.ts'
import { filesOf, type TalosCase, talosIntent } from './writer-intents.ts'

const HOSTS_DIR = '/etc/cri/conf.d/hosts'

interface Fixture extends TalosCase {
  name: string
  cache: boolean
  fails: boolean
  files: Record<string, string>
}

const fixtures: Fixture[] = JSON.parse(
  readFileSync(new URL('../fixtures/hosts/talos-writer.json', import.meta.url), 'utf8'),
)

t.test('the tree is what Talos writes, byte for byte', (t) => {
  for (const fixture of fixtures) {
    const { tree, failure } = writeTalosTree(talosIntent(fixture), { hostsDir: HOSTS_DIR, imageCache: fixture.cache })
    t.equal(failure !== null, fixture.fails, `${fixture.version}: ${fixture.name}: ${failure ?? 'written'}`)
    t.strictSame(filesOf(tree), fixture.files, `${fixture.version}: ${fixture.name}`)
  }
  t.end()
})

t.test('only root can read what Talos writes', (t) => {
  const mirrors = [
    { registry: 'ghcr.io', skipFallback: false, endpoints: [{ url: 'http://10.0.0.5', overridePath: false }] },
  ]
  const { tree } = writeTalosTree(talosIntent({ version: '1.13.0', mirrors, tls: [], auth: [] }), {
    hostsDir: HOSTS_DIR,
    imageCache: false,
  })
  t.match(nodeAt(tree, 'ghcr.io'), { kind: 'directory', mode: 0o700 })
  t.match(nodeAt(tree, 'ghcr.io/hosts.toml'), { kind: 'file', mode: 0o600 })
  t.end()
})

t.test('a registry name with a slash leaves nothing behind', (t) => {
  const mirrors = [{ registry: 'ghcr.io/team', skipFallback: false, endpoints: [] }]
  const { tree } = writeTalosTree(talosIntent({ version: '1.13.0', mirrors, tls: [], auth: [] }), {
    hostsDir: HOSTS_DIR,
    imageCache: false,
  })
  t.equal(tree.entries.size, 0)
  t.end()
})

const url = fc.oneof(
  fc.constantFrom(
    'http://192.168.1.106',
    'https://harbor.lan:8443',
    "https://it's.lan",
    'http://fd00::1:5',
    '10.0.0.5:80',
  ),
  fc.webUrl(),
  fc.string({ unit: 'binary' }),
)
const anyIntent = fc.record({
  version: fc.constantFrom('1.7.6', '1.8.4', '1.9.6', '1.10.9', '1.13.9', '1.14.0-rc.1'),
  mirrors: fc.uniqueArray(
    fc.record({
      registry: fc.oneof(fc.constantFrom('*', 'docker.io', '192.168.1.106:5000'), fc.domain(), fc.string()),
      skipFallback: fc.boolean(),
      endpoints: fc.uniqueArray(fc.record({ url, overridePath: fc.boolean() }), {
        selector: (it) => it.url,
        maxLength: 4,
      }),
    }),
    { selector: (it) => it.registry, maxLength: 4 },
  ),
  tls: fc.uniqueArray(
    fc.record({
      host: fc.oneof(fc.constantFrom('*', 'harbor.lan:8443', '192.168.1.106'), fc.string()),
      ca: fc.option(fc.string()),
      cert: fc.option(fc.string()),
      skip: fc.boolean(),
    }),
    { selector: (it) => it.host, maxLength: 3 },
  ),
  auth: fc.array(fc.domain(), { maxLength: 2 }),
})

t.test('Talos always writes TOML, unless an endpoint stands twice', (t) => {
  fc.assert(
    fc.property(anyIntent, fc.boolean(), (intent, imageCache) => {
      const { tree } = writeTalosTree(talosIntent(intent), { hostsDir: HOSTS_DIR, imageCache })
      for (const [path, text] of Object.entries(filesOf(tree))) {
        if (!path.endsWith('/hosts.toml') || text === null) continue
        // An empty endpoint in 1.7, and its image cache among the declared endpoints, are no valid TOML there either.
        if (text.includes('[host.]') || text.split("[host.'http://127.0.0.1:3172']").length > 2) continue
        const result = parseToml(text, path)
        if (!result.ok) throw new Error(`${result.error.message}\n${text}`)
      }
    }),
    { numRuns: 300 },
  )
  t.end()
})
