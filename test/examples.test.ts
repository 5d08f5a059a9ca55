import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { readConfig } from '../src/config/read-config.ts'
import { run } from './commands/run.ts'

const ROOT = join(import.meta.dirname, '..')
const EXAMPLES = join(ROOT, 'examples')
const talos = (name: string) => ['--talos', join(EXAMPLES, 'talos', name)]
const spegel = (name: string) => ['--spegel', join(EXAMPLES, 'spegel', name)]
const RELEASE = [...spegel('helmrelease.yaml'), ...spegel('ocirepository.yaml')]
const NODE = ['--node-ip', '192.168.1.98']

const HARBOR = `server = 'http://192.168.1.106'

[host.'http://192.168.1.98:29999']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.98:30021']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.106']
capabilities = ['pull', 'resolve']`

for (const form of ['registry-mirrors.yaml', 'registry-mirror-config.yaml']) {
  t.test(`${form}: Talos' entry is kept behind Spegel's targets`, async (t) => {
    const { code, out, error } = await run(['expect', ...talos(form), ...RELEASE, ...NODE, '--json'])
    t.equal(code, 0, error)
    const { files, conflicts } = JSON.parse(out)
    t.same(conflicts, [])
    t.same(files.map((it: { path: string }) => it.path).sort(), [
      '192.168.1.106/hosts.toml',
      '_backup/192.168.1.106/hosts.toml',
      'docker.io/hosts.toml',
      'ghcr.io/hosts.toml',
      'registry.k8s.io/hosts.toml',
    ])
    t.equal(files.find((it: { path: string }) => it.path === '192.168.1.106/hosts.toml')?.content, HARBOR)
  })
}

t.test('the good example has no conflict, with layers that are kept', async (t) => {
  const intent = [...talos('registry-mirrors.yaml'), ...talos('keep-layers.yaml'), ...RELEASE]
  const { code, out, error } = await run(['check', '--intent-only', ...intent, ...NODE, '--json'])
  t.equal(code, 0, error)
  t.same(JSON.parse(out).findings, [])
})

t.test("Talos' 1.14 has layers kept by a document, which older releases refuse", async (t) => {
  const intent = [...talos('registry-mirror-config.yaml'), ...talos('cri-customization.yaml'), ...RELEASE, ...NODE]
  const newer = await run(['check', '--intent-only', ...intent, '--talos-version', 'v1.14.1', '--json'])
  t.same(JSON.parse(newer.out).findings, [])
  t.equal(newer.code, 0, newer.error)
  const older = await run(['check', '--intent-only', ...intent, '--talos-version', 'v1.13.9'])
  t.equal(older.code, 1)
  t.match(older.out, 'CRICustomizationConfig came with Talos 1.14')
})

t.test('the mistake is found before any node is touched', async (t) => {
  const intent = [...talos('registry-mirrors.yaml'), ...spegel('helmrelease-forgot-harbor.yaml')]
  const { code, out } = await run(['check', '--intent-only', ...intent, ...NODE])
  t.equal(code, 1)
  t.match(out, '192.168.1.106  registry-not-mirrored (conflict)')
  t.match(out, 'mirroredRegistries) += ["http://192.168.1.106"]')
})

/** A command in the README's console, and the lines that it shows as printed; `…` stands for what is left out. */
function shownInReadme(command: string): { args: string[]; lines: string[] } {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8').replaceAll('\\\n', ' ')
  const [, given = '', printed = ''] =
    new RegExp(`\\$ pullpath (${command} .+)\\n((?:(?!\\$|\`).*\\n)*)`).exec(text) ?? []
  const lines = printed.split('\n').map((line) => line.replace('…', '').trimEnd())
  return { args: given.split(/\s+/), lines: lines.filter((line) => line.trim() !== '') }
}

t.test('what the README shows is what is printed, line by line', async (t) => {
  const hostsDir = t.testdir({})
  const intent = [...talos('registry-mirrors.yaml'), ...RELEASE, ...NODE]
  t.equal((await run(['expect', ...intent, '--out', hostsDir])).code, 0)
  for (const command of ['check', 'explain']) {
    const { args, lines } = shownInReadme(command)
    t.ok(lines.length > 4, `${command}: ${lines.length} lines`)
    const here = args.map((it) => it.replace(/^examples(?=\/)/, EXAMPLES).replace('/etc/cri/conf.d/hosts', hostsDir))
    const { out } = await run(here, { width: 80 })
    let from = 0
    for (const line of lines) {
      const at = out.indexOf(line, from)
      t.not(at, -1, `${command}: ${line}`)
      from = at + line.length
    }
  }
})

t.test("the agent's configuration is accepted", async (t) => {
  const file = join(EXAMPLES, 'agent', 'config.yaml')
  const env = { NODE_NAME: 'k8s-1', NODE_IP: '192.168.1.98' }
  const config = readConfig(readFileSync(file, 'utf8'), file, { env, hostname: 'k8s-1' })
  t.match(config, {
    node: { name: 'k8s-1', ip: '192.168.1.98' },
    containerd: { configFile: '/etc/cri/containerd.toml' },
  })
})

/** An example's text, below examples/. */
const textOf = (name: string) => readFileSync(join(EXAMPLES, name), 'utf8')
/** The only document of an example. */
const documentOf = (name: string) => parse(textOf(name))
const documentsOf = (name: string) => parseAllDocuments(textOf(name)).map((it) => it.toJS())
/** Every file below examples/. */
const FILES = readdirSync(EXAMPLES, { recursive: true, withFileTypes: true, encoding: 'utf8' })
  .filter((it) => it.isFile())
  .map((it) => join(it.parentPath, it.name).slice(EXAMPLES.length + 1))
const PAGES = ['examples/README.md', 'docs/install.md'].map((name) => ({
  name,
  text: readFileSync(join(ROOT, name), 'utf8'),
}))

interface Generator {
  name: string
  files: string[]
}
const generatorOf = (part: 'talos' | 'spegel'): Generator => {
  return documentOf(`${part}/kustomization.yaml`).configMapGenerator[0]
}

t.test('the table of the examples names every file, and no other', async (t) => {
  const cells = [...textOf('README.md').matchAll(/^\| ((?:`[^`]+`(?:, )?)+) \|/gm)].map(([, cell = '']) => cell)
  const named = cells.flatMap((cell) => cell.split(', ').map((it) => it.slice(1, -1)))
  t.same(named.sort(), FILES.filter((it) => it !== 'README.md').sort())
})

t.test('what the pages link to, and the files that their commands name, are there', async (t) => {
  for (const { name, text } of PAGES) {
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, target = '']) => join(dirname(name), target))
    const named = [...text.matchAll(/(?:examples|chart)\/[\w./-]+[\w/]/g)].map(([path]) => path)
    t.ok(links.length > 0 && named.length > 5, `${name} names files`)
    for (const path of [...links, ...named]) t.ok(existsSync(join(ROOT, path)), `${name}: ${path}`)
  }
})

t.test('the commands that need no node end as their section says', async (t) => {
  const blocks = [...textOf('README.md').matchAll(/^(.*)\n\n```sh\n(node dist\/pullpath\.cjs[\s\S]*?)\n```/gm)]
  const outcomes: [about: string, code: number][] = []
  for (const [, about = '', block = ''] of blocks) {
    for (const line of block.replaceAll('\\\n', ' ').split('\n')) {
      const words = line.split(/\s+/).slice(2)
      const inRoot = words.map((word) => (word.startsWith('examples/') ? join(ROOT, word) : word))
      outcomes.push([about, (await run(inRoot)).code])
    }
  }
  t.same(outcomes, [
    ['## Try what Git declares, without a node', 0],
    ['## Try what Git declares, without a node', 0],
    ['The mistake, seen before the merge:', 1],
  ])
})

t.test('the intent that stands in Helm values declares what the files do', async (t) => {
  const { intent, config } = documentOf('helm/values-inline.yaml')
  const directory = t.testdir({ talos: intent.talos.files, spegel: intent.spegel.files })
  const given = (part: 'talos' | 'spegel') => {
    return Object.keys(intent[part].files).flatMap((name) => [`--${part}`, join(directory, part, name)])
  }
  const declared = async (args: string[]) => {
    const { code, out, error } = await run(['expect', ...args, ...NODE, '--json'])
    t.equal(code, 0, error)
    return JSON.parse(out)
  }
  const version = ['--spegel-version', config.intent.spegel.version]
  const inline = await declared([...given('talos'), ...given('spegel'), ...version])
  const files = [...talos('registry-mirrors.yaml'), ...talos('keep-layers.yaml'), ...RELEASE]
  t.same(inline, await declared(files))
  t.equal(config.intent.spegel.version, documentOf('spegel/ocirepository.yaml').spec.ref.tag)
})

for (const part of ['talos', 'spegel'] as const) {
  t.test(`the ConfigMap of ${part} carries files that work, under a name that stays`, async (t) => {
    const { name, files } = generatorOf(part)
    t.ok(files.length >= 2)
    for (const file of files) {
      t.match(file, /^[\w-]+\.yaml$/, 'beside it, and the agent looks for *.yaml')
      t.ok(FILES.includes(`${part}/${file}`), file)
    }
    const { generatorOptions } = documentOf(`${part}/kustomization.yaml`)
    t.equal(generatorOptions.disableNameSuffixHash, true)
    t.equal(generatorOptions.annotations['kustomize.toolkit.fluxcd.io/substitute'], 'disabled')
    for (const values of [
      documentOf('helm/values-configmaps.yaml'),
      documentOf('flux/app/helmrelease.yaml').spec.values,
    ]) {
      t.same(values.intent[part].configMaps, [name], 'the chart is told this name')
    }
  })
}

t.test('what the ConfigMaps carry has no conflict', async (t) => {
  const given = generatorOf('talos').files.flatMap(talos).concat(generatorOf('spegel').files.flatMap(spegel))
  const { code, out, error } = await run(['check', '--intent-only', ...given, ...NODE, '--json'])
  t.equal(code, 0, error)
  t.same(JSON.parse(out).findings, [])
})

t.test('no example carries a credential', async (t) => {
  const secret = /kind: RegistryAuthConfig|\b(?:password|auth|identityToken|clientIdentity|token):|PRIVATE KEY/i
  t.match('  password: x', secret)
  for (const file of FILES.filter((it) => it !== 'README.md')) t.notMatch(textOf(file), secret, file)
})

t.test('what the agent must replace is kept from Flux', async (t) => {
  const applied = FILES.filter((it) => /^(flux|spegel)\//.test(it)).flatMap(documentsOf)
  const withPlaceholder = applied.filter((it) => JSON.stringify(it).includes('${'))
  t.same(
    withPlaceholder.map((it) => `${it.kind} ${it.metadata.name}`),
    ['HelmRelease pullpath'],
  )
  for (const { metadata } of withPlaceholder) {
    t.equal(metadata.annotations?.['kustomize.toolkit.fluxcd.io/substitute'], 'disabled')
  }
})

t.test("Flux' Kustomizations apply the directories of the layout, into one namespace", async (t) => {
  const readme = textOf('README.md')
  const kustomizations = documentsOf('flux/ks.yaml')
  t.same(
    kustomizations.map((it) => it.metadata.name),
    ['pullpath', 'pullpath-talos', 'spegel'],
  )
  for (const { metadata, spec } of kustomizations) {
    t.equal(spec.targetNamespace, 'kube-system', metadata.name)
    t.notHas(spec, { postBuild: {} }, metadata.name)
    t.match(readme, `\`${spec.path.replace('./', '')}/\``, `${metadata.name}: where the table puts its files`)
  }
})

t.test('Grafana is told a Prometheus, and where the dashboards are put', async (t) => {
  const { apiVersion, datasources } = documentOf('grafana/provisioning/datasources/prometheus.yaml')
  t.equal(apiVersion, 1)
  t.same(
    datasources.map(({ type, access, isDefault }: Record<string, unknown>) => ({ type, access, isDefault })),
    [{ type: 'prometheus', access: 'proxy', isDefault: true }],
  )
  const { providers, ...more } = documentOf('grafana/provisioning/dashboards/pullpath.yaml')
  t.same(more, { apiVersion: 1 })
  t.equal(providers.length, 1)
  const [{ type, options }] = providers
  t.equal(type, 'file')
  t.match(textOf('README.md'), `\`${options.path}/\``)
  const { scrape_interval: interval } = documentOf('prometheus/prometheus.yaml').global
  t.equal(datasources[0].jsonData.timeInterval, interval, 'the rate interval follows from how often is scraped')
  const dashboards = readdirSync(join(ROOT, 'chart', 'dashboards'))
  t.ok(dashboards.length >= 2)
  for (const file of dashboards) {
    const dashboard = JSON.parse(readFileSync(join(ROOT, 'chart', 'dashboards', file), 'utf8'))
    t.ok(dashboard.uid, `${file}: an address of its own`)
    const asked = dashboard.templating.list.filter((it: { type: string }) => it.type === 'datasource')
    t.same(
      asked.map((it: { query: string }) => it.query),
      ['prometheus'],
      `${file}: any Prometheus will do`,
    )
  }
})

/** The repository of a home cluster, as the table of the examples lays it out. */
function writeRepository(directory: string, release: string): void {
  const app = 'kubernetes/apps/kube-system/spegel/app'
  const places: Record<string, string> = {
    'talos/registry-mirrors.yaml': 'talos/patches/global/registry-mirrors.yaml',
    'talos/keep-layers.yaml': 'talos/patches/global/keep-layers.yaml',
    'talos/kustomization.yaml': 'talos/patches/global/kustomization.yaml',
    [release]: `${app}/helmrelease.yaml`,
    'spegel/ocirepository.yaml': `${app}/ocirepository.yaml`,
    'ci/check-mirrors.sh': 'tools/check-mirrors.sh',
  }
  for (const [from, to] of Object.entries(places)) {
    mkdirSync(dirname(join(directory, to)), { recursive: true })
    copyFileSync(join(EXAMPLES, from), join(directory, to))
  }
}

/** How the agent's own sources are started, instead of the bundle. */
const PULLPATH = `${process.execPath} ${join(ROOT, 'src', 'main.ts')}`
const ENVIRONMENT = { PATH: process.env.PATH ?? '', PULLPATH }
const SPEGEL_FILES = 'spegel/helmrelease.yaml spegel/ocirepository.yaml'
const TALOS_PATCHES = 'talos/registry-mirrors.yaml talos/keep-layers.yaml'

const JOBS: [what: string, environment: Record<string, string>, code: number, says: RegExp][] = [
  ['what can work', { TALOS_PATCHES, SPEGEL_FILES }, 0, /can work together/],
  ['a wildcard', { TALOS_PATCHES: 'talos/registry-mirrors.y*', SPEGEL_FILES: SPEGEL_FILES }, 0, /can work together/],
  ['a conflict', { TALOS_PATCHES, SPEGEL_FILES: 'spegel/helmrelease-forgot-harbor.yaml' }, 1, /NOT MERGED/],
  [
    'a document that came after the release of the nodes',
    {
      TALOS_PATCHES: 'talos/registry-mirrors.yaml talos/cri-customization.yaml',
      SPEGEL_FILES,
      TALOS_VERSION: 'v1.13.9',
    },
    1,
    /NOT MERGED/,
  ],
  [
    'a file that is not there',
    { TALOS_PATCHES: 'talos/gone.yaml', SPEGEL_FILES },
    2,
    /NOT CHECKED: Pullpath ended with 2/,
  ],
  ['no patches named', { SPEGEL_FILES }, 2, /TALOS_PATCHES: the Talos patches/],
  [
    'no Pullpath',
    { TALOS_PATCHES, SPEGEL_FILES, PULLPATH: '/nonexistent' },
    127,
    /NOT CHECKED: Pullpath ended with 127/,
  ],
]
for (const [what, environment, code, says] of JOBS) {
  t.test(`the job of a CI, on ${what}`, async (t) => {
    const job = spawnSync('sh', ['ci/check-mirrors.sh'], {
      cwd: EXAMPLES,
      env: { ...ENVIRONMENT, ...environment },
      encoding: 'utf8',
    })
    t.equal(job.status, code, job.stderr)
    t.match(job.stdout + job.stderr, says)
  })
}

interface Step {
  name?: string
  uses?: string
  run?: string
  if?: string
}

/** Runs the steps of the workflow as a runner does: bash -e, variables from one to the next, the first failure last. */
function runWorkflow(directory: string) {
  const { jobs } = documentOf('ci/github-workflow.yaml')
  const files = { GITHUB_ENV: join(directory, 'env'), GITHUB_STEP_SUMMARY: join(directory, 'summary') }
  for (const file of Object.values(files)) writeFileSync(file, '')
  const environment: Record<string, string> = { ...jobs.conflicts.env, ...ENVIRONMENT, ...files }
  let failed = ''
  const ran: string[] = []
  for (const { name = '', run, if: condition } of jobs.conflicts.steps as Step[]) {
    if (run === undefined || (failed !== '' && condition !== 'always()')) continue
    ran.push(name)
    const step = spawnSync('bash', ['-e', '-c', run], { cwd: directory, env: environment, encoding: 'utf8' })
    if (step.status !== 0) failed = name
    for (const line of readFileSync(files.GITHUB_ENV, 'utf8').split('\n').filter(Boolean)) {
      environment[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1)
    }
  }
  return { failed, ran, version: environment.TALOS_VERSION, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8') }
}

for (const [release, failure] of [
  ['spegel/helmrelease.yaml', ''],
  ['spegel/helmrelease-forgot-harbor.yaml', 'Can what Git declares work?'],
] as const) {
  t.test(`the workflow ${failure === '' ? 'passes' : 'fails'} on ${release}`, async (t) => {
    const directory = t.testdir({ talos: { 'talenv.yaml': 'talosVersion: v1.13.6\nkubernetesVersion: v1.36.0\n' } })
    writeRepository(directory, release)
    const { failed, ran, version, summary } = runWorkflow(directory)
    t.equal(failed, failure)
    t.equal(ran.length, 3)
    t.equal(version, 'v1.13.6')
    t.match(summary, '# docker.io/hosts.toml (written by spegel)')
  })
}

t.test('the workflow starts on every file that it reads', async (t) => {
  const { on, jobs } = documentOf('ci/github-workflow.yaml')
  const { TALOS_PATCHES: patches, SPEGEL_FILES: spegelFiles, PULLPATH: command } = jobs.conflicts.env
  const read = [...patches.split(' '), ...spegelFiles.split(' '), command.split(' ')[1], 'talos/talenv.yaml']
  for (const file of read) {
    const isWatched = on.pull_request.paths.some((it: string) => it.endsWith('/**') && file.startsWith(it.slice(0, -2)))
    t.ok(isWatched, file)
  }
})
