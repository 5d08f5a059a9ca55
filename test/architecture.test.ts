import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const SRC = join(import.meta.dirname, '..', 'src')

/** What each folder may import, besides itself and the files directly in `src/`. Lower ones first. */
const MAY_IMPORT: Record<string, string[]> = {
  format: [],
  intent: ['format'],
  hosts: ['intent', 'format'],
  containerd: ['hosts', 'intent', 'format'],
  'containerd/client': ['containerd', 'hosts', 'format'],
  drift: ['containerd', 'hosts', 'intent', 'format'],
  render: ['drift', 'containerd', 'hosts', 'intent', 'format'],
  files: ['hosts'],
  pull: ['registry', 'watch', 'config', 'drift', 'containerd', 'containerd/client', 'intent', 'format'],
  registry: ['drift', 'containerd', 'hosts', 'intent', 'format'],
  config: ['containerd', 'files', 'format'],
  watch: ['config', 'drift', 'containerd', 'containerd/client', 'hosts', 'intent', 'files', 'format'],
  kube: ['config', 'drift', 'containerd', 'hosts', 'intent', 'format'],
  metrics: ['drift', 'containerd'],
  server: ['render', 'drift', 'containerd'],
  commands: [
    'pull',
    'config',
    'pull',
    'registry',
    'watch',
    'server',
    'metrics',
    'render',
    'drift',
    'containerd',
    'containerd/client',
    'hosts',
    'intent',
    'files',
    'format',
  ],
}

/** No I/O, no clock, no process. Paths, the inspection of values and the reading of certificates are none of them. */
const PURE = ['format', 'intent', 'hosts', 'containerd', 'drift', 'render']
const PURE_BUILTINS = new Set(['node:path', 'node:path/posix', 'node:util', 'node:net', 'node:crypto'])
/** `node:net` only for this: whether a text is an IP address. */
const PURE_FROM_NET = /import \{ isIP(?:v4|v6)?(?:, isIP(?:v4|v6)?)* \} from 'node:net'/

/** Packages that only one folder may import. */
const SINGLE_IMPORTER: Record<string, string> = {
  'prom-client': 'metrics',
  fastify: 'server',
  '@fastify/swagger': 'server',
  '@grpc/grpc-js': 'containerd/client',
  'protobufjs/minimal.js': 'containerd/client',
  '@kubernetes/client-node': 'kube',
  '@kubernetes/client-node/dist/config.js': 'kube',
}

/** A folder that is an edge of its own within a pure one. */
const EDGES_WITHIN = ['containerd/client']

interface Import {
  file: string
  folder: string
  target: string
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((it) => it.endsWith('.ts'))

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(SRC, file), 'utf8')
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return [...found].map((it) => ({ file, folder: folderOf(file), target: it[1] ?? it[2] ?? it[3] ?? '' }))
})

function folderOf(file: string): string {
  const edge = EDGES_WITHIN.find((it) => file.startsWith(`${it}/`))
  if (edge !== undefined) return edge
  return file.includes('/') ? (file.split('/')[0] ?? '') : ''
}

t.test('the check sees the imports', async (t) => {
  t.ok(files.length > 30, `${files.length} files`)
  t.ok(imports.length > 100, `${imports.length} imports`)
})

t.test('dependencies point one way', async (t) => {
  const known = new Set(Object.keys(MAY_IMPORT))
  for (const { file, folder, target } of imports) {
    if (!target.startsWith('.')) continue
    const path = relative(SRC, join(SRC, dirname(file), target))
    if (folder === '' || path === '../package.json') continue
    const to = folderOf(path)
    t.ok(known.has(folder), `${folder} is a folder that the design knows`)
    const mayImport = to === folder || MAY_IMPORT[folder]?.includes(to) || (to === '' && isFoundation(target))
    const mayCompose = folder === 'commands' && path === 'agent.ts'
    t.ok(mayImport || mayCompose, `${file} may import ${target}`)
  }
})

t.test('no file imports itself by way of others', async (t) => {
  const importsOf = new Map<string, string[]>()
  for (const { file, target } of imports) {
    if (target.startsWith('.')) importsOf.set(file, [...(importsOf.get(file) ?? []), join(dirname(file), target)])
  }
  const done = new Set<string>()
  const walk = (file: string, trail: readonly string[]): string | null => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file].join(' -> ')
    if (done.has(file)) return null
    for (const next of importsOf.get(file) ?? []) {
      const circle = walk(next, [...trail, file])
      if (circle !== null) return circle
    }
    done.add(file)
    return null
  }
  for (const file of files) t.equal(walk(file, []), null, file)
})

/** Directly in `src/`: the command, the agent, and what is a part of it for one purpose. */
const COMPOSING = ['main.ts', 'agent.ts', 'node-watch.ts', 'canary-nodes.ts', 'cluster-reporting.ts']

/** The files directly in `src/`, but for those that compose. */
function isFoundation(target: string): boolean {
  return !COMPOSING.some((it) => target.endsWith(`/${it}`))
}

t.test('the files directly in src import no folder, but for those that compose', async (t) => {
  for (const { file, folder, target } of imports) {
    if (folder !== '' || COMPOSING.includes(file)) continue
    t.match(target, /^(\.\/[a-z-]+\.ts|[a-z@][a-z0-9:/-]*)$/, `${file} imports ${target}`)
  }
})

t.test('the pure folders do no I/O', async (t) => {
  const builtins = new Set(builtinModules.flatMap((it) => [it, `node:${it}`]))
  for (const { file, folder, target } of imports) {
    if (!PURE.includes(folder) || !builtins.has(target)) continue
    t.ok(PURE_BUILTINS.has(target), `${file} imports ${target}`)
    if (target === 'node:net')
      t.match(readFileSync(join(SRC, file), 'utf8'), PURE_FROM_NET, `${file} imports only isIP`)
  }
})

t.test('the pure folders read no clock, no environment and no random number', async (t) => {
  for (const file of files.filter((it) => PURE.includes(folderOf(it)))) {
    const code = readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    t.notMatch(
      code,
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.|\bperformance\.|\bfetch\(|\bsetTimeout\(/,
      file,
    )
  }
})

t.test('a package has one importer where the design says so', async (t) => {
  for (const { file, folder, target } of imports) {
    const importer = SINGLE_IMPORTER[target]
    if (importer !== undefined) t.equal(folder, importer, `${file} imports ${target}`)
  }
})

t.test('the client of the daemon is loaded only by an agent that is told of a socket', async (t) => {
  for (const file of files.filter((it) => folderOf(it) !== 'containerd/client')) {
    const text = readFileSync(join(SRC, file), 'utf8')
    t.notMatch(
      text,
      /^import (?!type )[^'"]*'[^']*containerd\/client\//m,
      `${file} imports it as types, or by import()`,
    )
  }
})

t.test('client-node is loaded only where Kubernetes is asked', async (t) => {
  const importers = imports.filter((it) => it.target.startsWith('@kubernetes/')).map((it) => it.file)
  t.strictSame(importers, ['kube/server-access.ts'])
  // Each of these imports it, directly or by way of another.
  const loaders = /(^|\n)import (?!type )[^'"]*'[^']*\/(client-node-api|server-access|api-exchange)\.ts'/
  for (const file of files.filter((it) => !/^kube\/(client-node-api|api-exchange|collection)\.ts$/.test(it))) {
    t.notMatch(readFileSync(join(SRC, file), 'utf8'), loaders, `${file} imports it as types, or by import()`)
  }
})

t.test('main is small', async (t) => {
  t.ok(readFileSync(join(SRC, 'main.ts'), 'utf8').split('\n').length < 60)
})
