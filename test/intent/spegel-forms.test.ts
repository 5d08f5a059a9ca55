import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import type { IntentFile } from '../../src/format/yaml-documents.ts'
import { readSpegelIntent } from '../../src/intent/spegel-intent.ts'
import { parseSpegelVersion } from '../../src/intent/spegel-version.ts'

const fixture = (name: string): IntentFile => ({
  path: name,
  text: readFileSync(new URL(`../fixtures/intent/spegel/${name}`, import.meta.url), 'utf8'),
})
const file = (text: string, path = 'values.yaml'): IntentFile => ({ path, text })
const read = (...files: IntentFile[]) => readSpegelIntent(files, { version: null })
const urls = (list: readonly { url: string }[] | null) => list?.map((it) => it.url) ?? null

t.test('a HelmRelease takes its version from the OCIRepository in another file', async (t) => {
  const { intent, problems, notes } = read(fixture('helmrelease.yaml'), fixture('ocirepository.yaml'))
  t.same([intent.form, intent.name, intent.namespace], ['helmrelease', 'spegel', 'mirror-system'])
  t.same([intent.version.text, intent.versionAssumed], ['0.7.3', false])
  t.same(urls(intent.mirroredRegistries), ['https://docker.io', 'http://192.168.1.106'])
  t.same(intent.mirrorTargets, ['http://$(NODE_IP):29999', 'http://$(NODE_IP):30021'])
  t.same([intent.registryConfigPath, intent.prependExisting], ['/etc/cri/conf.d/hosts', true])
  t.same(intent.mirroredRegistries[1]?.source, { file: 'helmrelease.yaml', line: 24, column: 11 })
  t.same(intent.source, { file: 'helmrelease.yaml', line: 8, column: 1 })
  t.same([problems, notes], [[], []])
})

t.test('a HelmRelease whose source is not among the files is read with an assumed version', async (t) => {
  const { intent, notes } = read(fixture('helmrelease.yaml'))
  t.same([intent.version.text, intent.versionAssumed], ['0.7.4', true])
  t.match(notes, [{ code: 'VERSION_ASSUMED', message: /OCIRepository spegel/, source: { line: 16 } }])
})

t.test('the version that is asked for wins over the one in the files', async (t) => {
  const files = [fixture('helmrelease.yaml'), fixture('ocirepository.yaml')]
  const { intent } = readSpegelIntent(files, { version: parseSpegelVersion('main') })
  t.same([intent.version.text, intent.versionAssumed], ['main', false])
  t.same(intent.mirrorTargets, ['http://$(NODE_IP):30020'])
})

const release = (spec: string, apiVersion = 'v2') =>
  file(
    `apiVersion: helm.toolkit.fluxcd.io/${apiVersion}\nkind: HelmRelease\nmetadata: {name: mirror, namespace: apps}\nspec:\n${spec}`,
    'release.yaml',
  )

for (const apiVersion of ['v2beta1', 'v2beta2', 'v2']) {
  t.test(`a HelmRelease ${apiVersion} may name chart and version itself`, async (t) => {
    const { intent, notes } = read(release('  chart: {spec: {chart: spegel, version: v0.5.1}}\n', apiVersion))
    t.same(
      [intent.version.text, intent.versionAssumed, intent.name, intent.namespace],
      ['v0.5.1', false, 'mirror', 'apps'],
    )
    t.same(notes, [])
  })
}

t.test('a range of versions stands for the newest release in it', async (t) => {
  const table = [
    ['"0.x"', '0.7.4'],
    ['">=0.6"', '0.7.4'],
    ['~0.7.0', '0.7.4'],
    ['^0.5.0', '0.5.1'],
    ['">=0.4.0 <0.6.0"', '0.5.1'],
    ['"<= 0.6"', '0.6.0'],
    ['0.2 - 0.4', '0.4.0'],
    ['"0.3.x || 0.1.*"', '0.3.0'],
    ['"!=0.7.4"', '0.7.3'],
    ['"*"', '0.7.4'],
  ] as const
  for (const [range, newest] of table) {
    const { intent, notes } = read(release(`  chart: {spec: {chart: spegel, version: ${range}}}\n`))
    t.same([range, intent.version.text, intent.versionAssumed], [range, newest, true])
    t.match(notes, [{ code: 'VERSION_ASSUMED', source: { file: 'release.yaml', line: 5 } }])
  }
  const future = read(release('  chart: {spec: {chart: spegel, version: ">=0.8"}}\n')).intent
  t.same(future.mirrorTargets, ['http://$(NODE_IP):30020'], "what is newer than known has main's shape")
})

t.test('a version that Flux fills in is assumed, one that is none is refused', async (t) => {
  const { intent, notes } = read(release('  chart: {spec: {chart: spegel, version: "${SPEGEL_VERSION}"}}\n'))
  t.same([intent.version.text, intent.versionAssumed], ['0.7.4', true])
  t.match(notes, [{ code: 'VERSION_ASSUMED', message: /\$\{SPEGEL_VERSION\}/ }])
  const stable = release('  chart: {spec: {chart: spegel, version: stable}}\n')
  t.throws(() => read(stable), { code: 'PP_VERSION_INVALID', position: { line: 5, column: 42 } })
})

t.test('what is below 0.1 is refused by name, with what to do', async (t) => {
  const old = [
    release('  chart: {spec: {chart: spegel, version: v0.0.28}}\n'),
    release('  chart: {spec: {chart: spegel, version: 0.0.x}}\n'),
    fixture('before-0.1.yaml'),
    file('configuration --registries https://docker.io --mirror-registries http://10.0.0.1:30020', 'args.txt'),
  ]
  for (const it of old) {
    t.throws(() => read(it), { code: 'PP_VERSION_UNSUPPORTED', advice: /0\.7\.4/, position: { file: it.path } })
  }
})

t.test('values that a HelmRelease takes from elsewhere are said to be invisible', async (t) => {
  const spec =
    '  chart: {spec: {chart: spegel, version: 0.7.4}}\n  valuesFrom:\n    - {kind: Secret, name: spegel-values}\n  postRenderers:\n    - kustomize: {}\n'
  const { notes } = read(release(spec))
  t.match(notes, [
    { code: 'VALUES_FROM_INVISIBLE', message: /Secret spegel-values/, source: { line: 7 } },
    { code: 'VALUES_FROM_INVISIBLE', message: /postRenderers/, source: { line: 9 } },
  ])
})

t.test('a ConfigMap or a values file stands for what valuesFrom names, below the inline values', async (t) => {
  const spec =
    '  chart: {spec: {chart: spegel, version: 0.7.4}}\n  valuesFrom: [{kind: ConfigMap, name: base}]\n  values: {spegel: {resolveTags: false}}\n'
  const base = 'spegel:\n  resolveTags: true\n  mirroredRegistries:\n    - 192.168.1.106\n'
  const map = `kind: ConfigMap\nmetadata: {name: base}\ndata:\n  values.yaml: |\n${base.replace(/^/gm, '    ')}`
  for (const [given, line, column] of [
    [file(map, 'map.yaml'), 8, 11],
    [file(base, 'base.yaml'), 4, 7],
  ] as const) {
    const { intent, problems, notes } = read(release(spec), given)
    t.same([intent.resolveTags, urls(intent.mirroredRegistries)], [false, ['192.168.1.106']])
    t.match(problems, [{ code: 'SPEGEL_REGISTRY_NO_SCHEME', source: { file: given.path, line, column } }])
    t.same(notes, [])
  }
})

t.test("an Argo CD Application's inline values are read, with their places", async (t) => {
  const { intent, problems } = read(fixture('application.yaml'))
  t.same([intent.version.text, intent.name, intent.namespace], ['0.6.0', 'p2p-spegel', 'p2p-system'])
  t.match(problems, [{ code: 'SPEGEL_REGISTRY_NO_SCHEME', source: { file: 'application.yaml', line: 19, column: 17 } }])
})

t.test('several values files merge as Helm merges them', async (t) => {
  const { intent } = read(
    file(
      'spegel: {mirroredRegistries: [https://a.lan], prependExisting: true}\nservice: {registry: {hostPort: 1}}\n',
      'a.yaml',
    ),
    file('spegel: {mirroredRegistries: [https://b.lan]}\nservice: {registry: {nodePort: 2}}\n', 'b.yaml'),
    file('basicAuthSecretName: peers\nspegel: {prependExisting: null}\n', 'c.yaml'),
  )
  t.same(urls(intent.mirroredRegistries), ['https://b.lan'], 'lists are replaced')
  t.same(intent.mirrorTargets, ['http://$(NODE_IP):1', 'http://$(NODE_IP):2'], 'maps go deep')
  t.equal(intent.basicAuth, true)
  t.equal(intent.prependExisting, true, 'null leaves `--prepend-existing=`, which is on')
})

t.test('the values of a parent chart are found below the name of the dependency', async (t) => {
  const { intent, problems } = read(file('spegel:\n  spegel:\n    mirroredRegistries: [https://a.lan]\n'))
  t.same([urls(intent.mirroredRegistries), problems], [['https://a.lan'], []])
})

t.test('a DaemonSet says how both containers are called', async (t) => {
  const { intent, problems, notes } = read(fixture('daemonset-0.7.yaml'))
  t.same(
    [intent.form, intent.name, intent.version.text, intent.versionAssumed],
    ['daemonset', 'spegel', 'v0.7.4', false],
  )
  t.same(urls(intent.mirroredRegistries), ['https://ghcr.io', 'http://192.168.1.106'])
  t.same(intent.mirrorTargets, ['http://$(NODE_IP):30020', 'http://$(NODE_IP):30021'])
  t.same([intent.addsMirrors, intent.prependExisting, intent.resolveTags, intent.basicAuth], [true, true, true, true])
  t.match(intent.registryFilters, [{ pattern: ':latest$', source: { line: 67 } }])
  t.same([intent.servedRegistries, problems, notes], [null, [], []])
})

t.test('a DaemonSet shows a fixed address, another served list, and where the host is mounted', async (t) => {
  const { intent } = read(fixture('daemonset-0.3.yaml'))
  t.same(intent.version.text, '0.3.0', 'the image has a digest alone: the label says the version')
  t.same(intent.mirrorTargets, ['http://10.0.0.11:30020', 'http://10.0.0.11:30021', 'http://cache.lan:5000'])
  t.same(urls(intent.mirroredRegistries), [])
  t.same(urls(intent.servedRegistries), ['https://docker.io'])
  t.same([intent.registryConfigPath, intent.resolveTags], ['/etc/containerd/certs.d', false])
})

t.test('without an init container the ports of the node are the targets', async (t) => {
  const { intent, notes } = read(fixture('daemonset-main.yaml'))
  t.same([intent.addsMirrors, intent.mirrorTargets, intent.version.text], [false, ['http://$(NODE_IP):30020'], 'main'])
  t.same(urls(intent.mirroredRegistries), ['http://192.168.1.106'])
  t.same(notes, [])
  const alone = fixture('daemonset-main.yaml').text.split('\n---\n').at(-1) ?? ''
  t.match(read(file(alone)).notes, [{ code: 'TARGETS_UNKNOWN' }])
})

t.test('bare arguments are read from text and from lists', async (t) => {
  const text = `# what the init container is told
spegel configuration --containerd-registry-config-path /etc/cri/conf.d/hosts \\
  --mirrored-registries 'https://docker.io' "http://192.168.1.106" --prepend-existing \\
  --mirror-targets http://$(NODE_IP):30020
registry --mirrored-registries=https://docker.io --registry-filters a b
`
  const { intent, notes } = read(file(text, 'args.txt'))
  t.same([intent.form, intent.registryConfigPath, intent.prependExisting], ['args', '/etc/cri/conf.d/hosts', true])
  t.same(intent.mirroredRegistries[1], {
    url: 'http://192.168.1.106',
    source: { file: 'args.txt', line: 3, column: 45 },
  })
  t.same(urls(intent.servedRegistries), ['https://docker.io'])
  t.same(
    intent.registryFilters.map((it) => it.pattern),
    ['a', 'b'],
  )
  t.match(notes, [{ code: 'VERSION_ASSUMED' }])
  const list = read(file('["configuration", "--mirror-targets=http://10.0.0.1:1", "--resolve-tags=f"]', 'args.json'))
  t.same([list.intent.mirrorTargets, list.intent.resolveTags], [['http://10.0.0.1:1'], false])
})

t.test('files without anything of Spegel are refused, saying what they hold and what is accepted', async (t) => {
  const others = [
    file('kind: Deployment\nmetadata: {name: web}\n---\nkind: Service\n'),
    release('  chart: {spec: {chart: podinfo, version: 6.0.0}}\n  values: {spegel: {}}\n'),
    fixture('ocirepository.yaml'),
    file('- some\n- words\n'),
    file(''),
  ]
  for (const it of others) t.throws(() => read(it), { code: 'PP_INTENT_UNKNOWN', advice: /HelmRelease/ })
  t.throws(() => read(others[0] ?? file('')), { message: /Deployment, Service/ })
})

t.test('where Helm or Spegel would fail, nothing is predicted', async (t) => {
  const table = [
    ['spegel:\n', /spegel is empty/, 1, 8],
    ['service: {registry: null}\nspegel: {}\n', /service.registry is empty/, 1, 21],
    ['spegel: {mirroredRegistries: https://docker.io}\n', /must be a list/, 1, 30],
    ['spegel:\n  mirroredRegistries:\n    - url: http://192.168.1.106\n', /is a map/, 3, 7],
    ['spegel: {resolveTags: maybe}\n', /neither true nor false/, 1, 23],
    ['spegel: {containerdRegistryConfigPath: ""}\n', /has no value/, 1, 40],
    ['service: {registry: {nodePort: ""}}\n', /Kubernetes refuses/, 1, 32],
    ['spegel: {mirroredRegistries: "${REGISTRIES}"}\n', /is a variable/, 1, 30],
  ] as const
  for (const [text, message, line, column] of table) {
    const position = { file: 'values.yaml', line, column }
    t.throws(() => read(file(text)), { code: 'PP_INTENT_INVALID', message, position }, text)
  }
})

t.test('whatever stands in place of a value, the files are read or refused by name', async (t) => {
  const names = [
    'helmrelease.yaml',
    'daemonset-0.7.yaml',
    'daemonset-0.3.yaml',
    'daemonset-main.yaml',
    'application.yaml',
  ]
  const lines = names.map((name) => fixture(name).text.split('\n'))
  const value = fc.oneof(
    fc.jsonValue().map((it) => JSON.stringify(it)),
    fc.string(),
    fc.constantFrom('', '[]', '{}', '~', '|'),
  )
  fc.assert(
    fc.property(fc.nat(), fc.nat(), value, (which, line, put) => {
      const changed = [...(lines[which % lines.length] ?? [])]
      const at = line % changed.length
      changed[at] = (changed[at] ?? '').replace(/(:|-)( .*)?$/, (_, mark: string) => `${mark} ${put}`)
      try {
        read(file(changed.join('\n')))
        return true
      } catch (error) {
        return error instanceof PullpathError
      }
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})
