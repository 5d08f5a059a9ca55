import t, { type Test } from 'tap'
import type { IntentProblem } from '../../src/intent/intent.ts'
import { readSpegelIntent } from '../../src/intent/spegel-intent.ts'
import { parseSpegelVersion } from '../../src/intent/spegel-version.ts'

const read = (text: string, version = '0.7.4') =>
  readSpegelIntent([{ path: 'values.yaml', text }], { version: parseSpegelVersion(version) })

const only = (t: Test, text: string, version?: string): IntentProblem | undefined => {
  const { problems } = read(text, version)
  t.equal(problems.length, 1, text)
  return problems[0]
}

t.test('a key that the chart does not read is told with the one that was meant', async (t) => {
  const table = [
    ['spegel:\n  registries: [https://docker.io]\n', 'spegel.registries', 'spegel.mirroredRegistries:', 2, 3],
    [
      'spegel:\n  additionalMirrorRegistries: []\n',
      'spegel.additionalMirrorRegistries',
      'spegel.additionalMirrorTargets:',
      2,
      3,
    ],
    ['spegel: {appendMirrors: true}\n', 'spegel.appendMirrors', 'spegel.prependExisting:', 1, 10],
    ['spegel: {prependMirrors: true}\n', 'spegel.prependMirrors', 'spegel.prependExisting:', 1, 10],
    ['spegel: {mirrorredRegistries: []}\n', 'spegel.mirrorredRegistries', 'spegel.mirroredRegistries:', 1, 10],
    ['spegel: {prependexisting: true}\n', 'spegel.prependexisting', 'spegel.prependExisting:', 1, 10],
    ['spegel: {hostPort: 29999}\n', 'spegel.hostPort', 'service.registry.hostPort:', 1, 10],
    ['spegel: {basicAuthSecretName: a}\n', 'spegel.basicAuthSecretName', 'basicAuthSecretName:', 1, 10],
    ['mirroredRegistries: [https://docker.io]\n', 'mirroredRegistries', 'spegel.mirroredRegistries:', 1, 1],
    ['service: {hostPort: 29999}\n', 'service.hostPort', 'service.registry.hostPort:', 1, 11],
    ['service: {registry: {hostport: 29999}}\n', 'service.registry.hostport', 'service.registry.hostPort:', 1, 22],
    ['spegel: {}\nserivce: {}\n', 'serivce', 'service:', 2, 1],
    ['spegel: {somethingElse: 1}\n', 'spegel.somethingElse', 'remove spegel.somethingElse', 1, 10],
    ['spegel: {resolveLatestTag: false}\n', 'spegel.resolveLatestTag', 'remove spegel.resolveLatestTag', 1, 10],
  ] as const
  for (const [text, key, command, line, column] of table) {
    const problem = only(t, text)
    t.match(
      problem,
      { code: 'SPEGEL_KEY_IGNORED', registry: null, source: { file: 'values.yaml', line, column } },
      text,
    )
    t.equal(problem?.message.split(' has no effect')[0], key)
    t.equal(problem?.remedy[0]?.command, command)
  }
  t.match(only(t, 'spegel: {resolveLatestTag: false}\n')?.message, /before 0\.6/)
  t.same(read('spegel: {}\nx-anchor: &a 1\nglobal: {}\nresources: {}\n').problems, [])
  t.same(read('spegel: {registries: [https://docker.io]}\n').intent.mirroredRegistries, [], 'Spegel never sees it')
})

t.test('a mirrored registry that Spegel refuses', async (t) => {
  const table = [
    ['192.168.1.106', 'SPEGEL_REGISTRY_NO_SCHEME', '192.168.1.106', '- http://192.168.1.106'],
    ['docker.io', 'SPEGEL_REGISTRY_NO_SCHEME', 'docker.io', '- https://docker.io'],
    ['harbor.lan:5000', 'SPEGEL_REGISTRY_NO_SCHEME', 'harbor.lan:5000', '- http://harbor.lan:5000'],
    ['docker.io/', 'SPEGEL_REGISTRY_NO_SCHEME', 'docker.io', '- https://docker.io'],
    ['http://192.168.1.106/', 'SPEGEL_REGISTRY_NOT_A_HOST', '192.168.1.106', '- http://192.168.1.106'],
    ['https://ghcr.io/v2', 'SPEGEL_REGISTRY_NOT_A_HOST', 'ghcr.io', '- https://ghcr.io'],
    ['https://ghcr.io?ns=x', 'SPEGEL_REGISTRY_NOT_A_HOST', 'ghcr.io', '- https://ghcr.io'],
    ['https://user:secret@ghcr.io', 'SPEGEL_REGISTRY_NOT_A_HOST', 'ghcr.io', '- https://ghcr.io'],
    ['ftp://ghcr.io', 'SPEGEL_REGISTRY_NOT_A_HOST', 'ghcr.io', '- https://ghcr.io'],
    ['https://gh cr.io', 'SPEGEL_REGISTRY_NOT_A_HOST', 'gh cr.io', null],
  ] as const
  for (const [url, code, registry, command] of table) {
    const text = `spegel:\n  mirroredRegistries:\n    - https://quay.io\n    - "${url}"\n`
    const problem = only(t, text)
    t.match(problem, { code, registry, source: { file: 'values.yaml', line: 4, column: 7 } }, url)
    t.match(problem?.message, /pod does not start/)
    if (command !== null) t.equal(problem?.remedy[0]?.command, command)
    t.notMatch(JSON.stringify(read(text)), /secret/, 'no credentials leave the parser')
    const kept = url.replace('user:secret', '***')
    t.equal(read(text).intent.mirroredRegistries[1]?.url, kept, 'the intent keeps what Spegel sees')
  }
})

t.test('a registry that is listed twice', async (t) => {
  const list = (a: string, b: string) => `spegel: {mirroredRegistries: [${a}, ${b}]}`
  const other = only(t, list('http://192.168.1.106', 'https://192.168.1.106'))
  t.match(other, { code: 'SPEGEL_REGISTRY_DUPLICATE', registry: '192.168.1.106', source: { column: 53 } })
  t.match(other?.message, /http:\/\/192\.168\.1\.106 has no effect/)
  t.match(only(t, list('https://a.lan', 'https://a.lan'))?.message, /changes nothing/)
})

t.test('a mirror target that Spegel refuses, or does not check', async (t) => {
  const text = 'spegel: {additionalMirrorTargets: [cache.lan:5000]}'
  const problem = only(t, text)
  t.match(problem, { code: 'SPEGEL_TARGET_INVALID', registry: null, source: { line: 1, column: 36 } })
  t.match(problem?.message, /pod does not start/)
  t.match(only(t, text, '0.3.0')?.message, /unchecked/)
  t.match(only(t, 'spegel: {additionalMirrorTargets: ["http://cache.lan:"]}')?.message, /no port/)
})

t.test('a mirror target that stands twice makes every file of Spegel invalid', async (t) => {
  const samePort = only(t, 'service: {registry: {hostPort: 30021}}')
  t.match(samePort, { code: 'SPEGEL_TARGET_DUPLICATE', registry: null, source: { line: 1, column: 32 } })
  t.match(samePort?.message, /"http:\/\/\$\(NODE_IP\):30021" stands twice/)
  const additional = only(t, 'spegel: {additionalMirrorTargets: ["http://a.lan:1", "http://a.lan:1"]}')
  t.match(additional, { code: 'SPEGEL_TARGET_DUPLICATE', source: { line: 1, column: 54 } })
})

t.test('a registry filter that Go cannot read', async (t) => {
  const problem = only(t, "spegel: {registryFilters: ['^ok$', '^(?!docker)']}")
  t.match(problem, { code: 'SPEGEL_FILTER_INVALID', message: /no lookaround/, source: { column: 36 } })
})

t.test('a placeholder is told by who could fill it in', async (t) => {
  const values = 'spegel:\n  prependExisting: ${PREPEND}\n  mirroredRegistries: ["http://${HARBOR}"]\n'
  const plain = read(values.replace('${PREPEND}', 'true')).problems
  t.match(plain, [
    { code: 'VARIABLE_UNRENDERED', message: /still holds \$\{HARBOR\}/, source: { line: 3, column: 24 } },
  ])
  const release = `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  chart: {spec: {chart: spegel, version: 0.7.4}}\n  values:\n${values.replace(/^/gm, '    ')}`
  const { intent, problems } = read(release)
  t.match(problems, [
    { code: 'VARIABLE_UNRENDERED', message: /which Flux fills in/, source: { line: 8 } },
    { code: 'VARIABLE_UNRENDERED', message: /which Flux fills in/, source: { line: 7 } },
  ])
  t.equal(intent.prependExisting, false, "the chart's default, since the value cannot be seen")
  t.match(only(t, 'spegel: {mirroredRegistries: ["http://{{ .Values.harbor }}"]}'), { code: 'VARIABLE_UNRENDERED' })
  t.match(only(t, 'spegel: {additionalMirrorTargets: ["http://$(CACHE):1"]}'), { code: 'VARIABLE_UNRENDERED' })
  t.same(read('spegel: {additionalMirrorTargets: ["http://$(NODE_IP):1"]}').problems, [])
})
