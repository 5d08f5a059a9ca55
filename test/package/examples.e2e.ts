/**
 * Every example is held to what consumes it: Kustomize, Flux' definitions of its kinds, Helm with a real registry,
 * Talos' own patcher and schemas, promtool, a real Prometheus, amtool, a real Alertmanager, and the agent itself.
 * Needs `.ci/tools`, and Go with what it has downloaded.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { pino } from 'pino'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { startAgent } from '../../src/agent.ts'
import type { NodeReport } from '../../src/drift/report.ts'
import { writeNodeDirectory } from '../fixtures/node-directory.ts'
import { helmTemplate, type KubernetesObject, objectsOf } from './chart/rendered.ts'
import { startPrometheus } from './dashboards/prometheus.ts'
import { startAlertmanager } from './examples/alertmanager.ts'
import { goModuleDirectory } from './examples/go-modules.ts'
import { startLoopbackServer } from './examples/loopback-server.ts'
import { writeMountedConfigMap } from './examples/mounted-config-map.ts'
import { startPodsApi } from './examples/pods-api.ts'
import { resourceSchema } from './examples/resource-schema.ts'
import { until } from './examples/until.ts'
import { exampleNode } from './image/example-node.ts'
import { run, startDaemon } from './image/program.ts'

t.setTimeout(300_000)

const ROOT = join(import.meta.dirname, '..', '..')
const CHART = join(ROOT, 'chart')
const RULES = join(CHART, 'rules', 'pullpath.yaml')
const INSTALL = readFileSync(join(ROOT, 'docs', 'install.md'), 'utf8')
const example = (path: string) => join(ROOT, 'examples', path)
const textOf = (path: string) => readFileSync(example(path), 'utf8')
const documentOf = (path: string) => parse(textOf(path))
const named = (objects: readonly KubernetesObject[], kind: string, name: string) => {
  const found = objects.find((it) => it.kind === kind && it.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found
}

/** What `kustomize build` makes of an example, in kube-system as Flux' `targetNamespace` has it. */
async function built(directory: string, path: string): Promise<KubernetesObject[]> {
  mkdirSync(directory, { recursive: true })
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: 'kube-system',
    resources: [relative(directory, example(path))],
  }
  writeFileSync(join(directory, 'kustomization.yaml'), stringify(kustomization))
  return objectsOf(await run('kustomize', ['build', directory]))
}

// ---------------------------------------------------------------------------------------------------- Kustomize, Flux

for (const [path, kinds] of [
  ['talos', ['ConfigMap pullpath-talos']],
  ['spegel', ['ConfigMap pullpath-spegel', 'HelmRelease spegel', 'OCIRepository spegel']],
  ['flux/app', ['HelmRelease pullpath', 'OCIRepository pullpath']],
] as const) {
  t.test(`kustomize build of ${path}`, async (t) => {
    const objects = await built(t.testdir({}), path)
    t.same(objects.map((it) => `${it.kind} ${it.metadata.name}`).sort(), kinds)
    for (const { kind, metadata, data } of objects) {
      t.equal(metadata.namespace, 'kube-system', kind)
      if (kind !== 'ConfigMap') continue
      t.equal(metadata.annotations?.['kustomize.toolkit.fluxcd.io/substitute'], 'disabled')
      t.ok(Object.keys(data ?? {}).length > 0)
      for (const [name, text] of Object.entries(data ?? {}))
        t.equal(text, textOf(`${path}/${name}`), `${name}: as in Git`)
    }
  })
}

t.test("Flux' objects are valid by the definitions of its controllers", async (t) => {
  const objects = [...(await built(t.testdir({}), 'flux/app')), ...(await built(t.testdir({ spegel: {} }), 'spegel'))]
  objects.push(...objectsOf(textOf('flux/ks.yaml')), ...objectsOf(textOf('spegel/helmrelease-forgot-harbor.yaml')))
  const flux = objects.filter((it) => it.apiVersion.includes('fluxcd'))
  t.equal(flux.length, 8)
  for (const object of flux) {
    const validate = await resourceSchema(object.apiVersion, object.kind)
    t.ok(validate(object), `${object.kind} ${object.metadata.name}: ${JSON.stringify(validate.errors)}`)
    t.notOk(validate({ ...object, spec: { ...object.spec, unheardOf: true } }), 'and no other field')
  }
})

// ------------------------------------------------------------------------------------------------------------- Talos

t.test("Talos' own patcher takes the patches, and a valid configuration comes of it", async (t) => {
  const patcher = join(t.testdir({}), 'talos-patch')
  await run('go', ['build', '-o', patcher, '.'], {
    cwd: join(import.meta.dirname, 'examples', 'talos-patch'),
    env: { CGO_ENABLED: '0' },
  })
  const patched = async (kind: string, ...files: string[]) => {
    return JSON.parse(await run(patcher, [kind, ...files.map((it) => example(`talos/${it}`))]))
  }
  const mirrors = { '192.168.1.106': ['http://192.168.1.106'] }
  const part = '[plugins."io.containerd.cri.v1.images"]\n  discard_unpacked_layers = false\n'
  const files = { '/etc/cri/conf.d/20-customization.part': part }
  for (const kind of ['controlplane', 'worker']) {
    const legacy = await patched(kind, 'registry-mirrors.yaml', 'keep-layers.yaml')
    t.same(legacy, { mirrors, files, warnings: null }, `${kind}: as fields of the machine`)
    const document = await patched(kind, 'registry-mirror-config.yaml', 'keep-layers.yaml')
    t.same(document, { mirrors, files, warnings: null }, `${kind}: as a document`)
  }
  const both = await patched('worker', 'registry-mirrors.yaml', 'registry-mirror-config.yaml')
  t.same(both.mirrors, mirrors, 'the document replaces the field')
  await t.rejects(patched('worker', 'cri-customization.yaml'), /"CRICustomizationConfig" "v1alpha1": not registered/)
})

t.test("documents are valid by Talos' schema of the releases that have them", async (t) => {
  const schemaOf = async (release: string) => {
    const module = await goModuleDirectory(`github.com/siderolabs/talos/pkg/machinery@${release}`)
    const schema = JSON.parse(readFileSync(join(module, 'config', 'schemas', 'config.schema.json'), 'utf8'))
    return new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
  }
  const schemas = [await schemaOf('v1.13.9'), await schemaOf('v1.14.1')]
  for (const [file, valid] of Object.entries({
    'registry-mirror-config.yaml': [true, true],
    'cri-customization.yaml': [false, true],
    // The schema of 1.14 leaves out what is deprecated, and Talos takes it all the same.
    'keep-layers.yaml': [true, false],
    'kustomization.yaml': [false, false],
  })) {
    const document = documentOf(`talos/${file}`)
    t.same(
      schemas.map((it) => it(document)),
      valid,
      file,
    )
  }
})

// -------------------------------------------------------------------------------------------------------------- Helm

/** What the chart makes of an example's values. */
function rendered(directory: string, values: object): KubernetesObject[] {
  const file = join(directory, 'values.yaml')
  writeFileSync(file, stringify(values))
  const { text, error } = helmTemplate(CHART, `--values=${file}`)
  if (error !== '') throw new Error(error)
  return objectsOf(text)
}

/** The files of a volume, of the ConfigMaps that it names and the cluster has. */
function volumeFiles(objects: readonly KubernetesObject[], volume: string): Record<string, string> {
  const { spec } = named(objects, 'DaemonSet', 'pullpath')
  const { projected } = spec.template.spec.volumes.find((it: { name: string }) => it.name === volume)
  const names: string[] = projected.sources.map((it: { configMap: { name: string } }) => it.configMap.name)
  return Object.assign({}, ...names.map((name) => named(objects, 'ConfigMap', name).data))
}

const VALUES: [what: string, values: () => object][] = [
  ['helm/values-inline.yaml', () => documentOf('helm/values-inline.yaml')],
  ['helm/values-configmaps.yaml', () => documentOf('helm/values-configmaps.yaml')],
  ['the HelmRelease', () => documentOf('flux/app/helmrelease.yaml').spec.values],
]
for (const [what, values] of VALUES) {
  t.test(`an agent with the values of ${what} finds a node in sync, and a change while it runs`, async (t) => {
    const directory = t.testdir({})
    const objects = rendered(directory, values())
    for (const path of ['talos', 'spegel']) objects.push(...(await built(join(directory, path), path)))
    const node = exampleNode(join(directory, 'node'))
    const cri = join(node.root, 'etc', 'cri')
    const parts = documentOf('talos/keep-layers.yaml').machine.files[0].content
    writeFileSync(join(cri, 'containerd.toml'), 'version = 3\nimports = ["/etc/cri/conf.d/cri.toml"]\n')
    const registry = `[plugins."io.containerd.cri.v1.images".registry]\n  config_path = "/etc/cri/conf.d/hosts"\n`
    writeFileSync(join(cri, 'conf.d', 'cri.toml'), `${parts}  use_local_image_pull = true\n${registry}`)
    const talos = volumeFiles(objects, 'talos-intent')
    const mount = { talos: join(directory, 'intent', 'talos'), spegel: join(directory, 'intent', 'spegel') }
    writeMountedConfigMap(mount.talos, talos)
    writeMountedConfigMap(mount.spegel, volumeFiles(objects, 'spegel-intent'))
    // Only what is of this machine is changed: where things are mounted, and what is listened on.
    const config = parse(named(objects, 'ConfigMap', 'pullpath').data?.['config.yaml'] ?? '')
    t.equal(config.intent.talos.patches[0], '/intent/talos/*.yaml')
    config.intent.talos.patches = [`${mount.talos}/*.yaml`]
    config.intent.spegel.values = [`${mount.spegel}/*.yaml`]
    config.host = { root: node.root }
    config.http = { host: '127.0.0.1', port: 0 }
    config.containerd.socket = null // no daemon runs there
    config.watch = { settle: '20ms', rescan: '100ms' }
    config.probe = { interval: 0 } // nobody is asked at the addresses of the examples
    config.canary = { interval: 0 } // nor the registry
    const configFile = join(directory, 'config.yaml')
    writeFileSync(configFile, stringify(config))
    const env = { NODE_NAME: node.name, NODE_IP: node.ip }
    const agent = await startAgent({ configFile, env, logger: pino({ level: 'silent' }) })
    t.teardown(() => agent.stop())
    const report = async () => (await (await fetch(`${agent.url}/api/v1/report`)).json()) as NodeReport
    const { findings, registries } = await report()
    t.same(findings, [])
    t.same(
      registries.map((it) => [it.registry, it.effective, it.inSync]),
      [
        ['192.168.1.106', true, true],
        ['docker.io', true, true],
        ['ghcr.io', true, true],
        ['registry.k8s.io', true, true],
      ],
    )
    for (const url of INSTALL.matchAll(/http:\/\/NODE:9478([^\s']*)/g)) {
      const { status } = await fetch(`${agent.url}${url[1]}`)
      t.equal(status, 200, `docs/install.md: ${url[1]}`)
    }

    const patch = talos['registry-mirrors.yaml']?.replace('http://192.168.1.106', 'http://192.168.1.106:8080') ?? ''
    writeMountedConfigMap(mount.talos, { ...talos, 'registry-mirrors.yaml': patch })
    const reasons = await until('what Git now asks is not on the node', async () => {
      const found = (await report()).findings.filter((it) => it.kind === 'drift')
      return found.length > 0 ? found.map((it) => it.registry) : null
    })
    t.ok(reasons.includes('192.168.1.106'))
  })
}

t.test(
  'what docs/install.md types: chart to a registry of plain HTTP, installed from it with the files of Git',
  async (t) => {
    const directory = t.testdir({})
    const config = join(directory, 'registry.yaml')
    const storage = `storage: { filesystem: { rootdirectory: ${join(directory, 'registry')} } }`
    writeFileSync(config, `version: 0.1\nlog: { level: info }\n${storage}\nhttp: { addr: '127.0.0.1:0' }\n`)
    const registry = startDaemon('docker-registry', ['serve', config])
    t.teardown(() => registry.stop())
    await registry.said('listening on')
    const [, address = ''] = /listening on (127\.0\.0\.1:\d+)/.exec(registry.output()) ?? []

    const page = INSTALL.replaceAll('\\\n', ' ')
    const typed = (program: string) => {
      const line = page.split('\n').find((it) => it.trimStart().startsWith(program))
      if (line === undefined) throw new Error(`docs/install.md does not type ${program}`)
      const words = line.trim().split(/\s+/).slice(1)
      return words.map((it) => it.replaceAll("'", '').replace('192.168.1.106/', `${address}/`))
    }
    await run('helm', ['package', CHART, '--destination', directory])
    t.same(typed('helm package'), ['package', 'chart'])
    await run('helm', typed('helm push'), { cwd: directory })

    const { url, ref, insecure, layerSelector } = documentOf('flux/app/ocirepository.yaml').spec
    t.equal(insecure, true)
    const [, repository] = /^oci:\/\/192\.168\.1\.106\/(.+)$/.exec(url) ?? []
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' }
    const manifest = await fetch(`http://${address}/v2/${repository}/manifests/${ref.tag}`, { headers })
    t.equal(manifest.status, 200, 'where the OCIRepository looks')
    const { layers } = (await manifest.json()) as { layers: { mediaType: string }[] }
    t.same(
      layers.map((it) => it.mediaType),
      [layerSelector.mediaType],
    )

    const [command, install, ...args] = typed('helm upgrade --install')
    t.same([command, install], ['upgrade', '--install'])
    const objects = objectsOf(await run('helm', ['template', ...args], { cwd: ROOT }))
    const declared = { ...volumeFiles(objects, 'talos-intent'), ...volumeFiles(objects, 'spegel-intent') }
    t.same(declared, {
      'registry-mirrors.yaml': textOf('talos/registry-mirrors.yaml'),
      'keep-layers.yaml': textOf('talos/keep-layers.yaml'),
      'helmrelease.yaml': textOf('spegel/helmrelease.yaml'),
      'ocirepository.yaml': textOf('spegel/ocirepository.yaml'),
    })
  },
)

// ------------------------------------------------------------------------------------------- Prometheus, Alertmanager

for (const file of ['prometheus.yaml', 'outside.yaml']) {
  t.test(`promtool accepts ${file}, with the rules where it looks for them`, async (t) => {
    const config = documentOf(`prometheus/${file}`)
    // Debian's is built without the discovery of pods; the real Prometheus below is not.
    for (const it of config.scrape_configs) delete it.kubernetes_sd_configs
    const directory = t.testdir({ rules: {}, 'config.yaml': stringify(config) })
    const check = () => run('promtool', ['check', 'config', join(directory, 'config.yaml')])
    await t.rejects(check(), /does not point to an existing file/)
    writeFileSync(join(directory, 'rules', 'pullpath.yaml'), readFileSync(RULES))
    t.match(await check(), /SUCCESS: \d+ rules found/)
  })
}

t.test('the address of the runbooks is put into the rules as the page says', async (t) => {
  const [, script = 'no script'] = / sed '(.+)' chart\/rules\/pullpath\.yaml\n/.exec(textOf('README.md')) ?? []
  const rules = parse(await run('sed', [script, RULES]), { merge: true })
  const urls = rules.groups.flatMap((group: { rules: { annotations?: { runbook_url: string } }[] }) => {
    return group.rules.flatMap((it) => (it.annotations === undefined ? [] : [it.annotations.runbook_url]))
  })
  t.ok(urls.length > 5)
  for (const url of urls) t.match(url, /^https:\/\/git\.example\/\S+\/docs\//)
  writeFileSync(join(t.testdir({}), 'rules.yaml'), stringify(rules))
  t.match(await run('promtool', ['check', 'rules', join(t.testdirName, 'rules.yaml')]), 'SUCCESS')
})

t.test('Prometheus finds the pods of the chart, and names the node of each', async (t) => {
  const node = writeNodeDirectory(t.testdir({ rules: {} }), ['192.168.1.106', 'docker.io'])
  const agent = await startAgent({ configFile: node.configFile, env: {}, logger: pino({ level: 'silent' }) })
  t.teardown(() => agent.stop())
  const template = named(rendered(t.testdirName, {}), 'DaemonSet', 'pullpath').spec.template
  const [{ name: container, ports }] = template.spec.containers
  const podOf = (name: string, labels: object, port: object) => ({
    metadata: { name, namespace: 'kube-system', uid: name, labels },
    spec: { nodeName: 'k8s-1', containers: [{ name: container, image: 'x', ports: [port] }] },
    status: { podIP: '127.0.0.1', hostIP: '127.0.0.1', phase: 'Running' },
  })
  const port = { ...ports[0], containerPort: Number(new URL(agent.url).port) }
  const { labels } = template.metadata
  const api = await startPodsApi([
    podOf('pullpath-x7k2p', labels, port),
    podOf('pullpath-debug', labels, { ...port, name: 'debug' }),
    podOf('coredns-1', { ...labels, 'app.kubernetes.io/name': 'coredns' }, port),
  ])
  t.teardown(() => api.stop())

  // Only the addresses are of this machine, and the interval is shorter. What has no agent is left out.
  const config = documentOf('prometheus/prometheus.yaml')
  config.global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' }
  delete config.alerting
  config.scrape_configs = config.scrape_configs.slice(0, 1)
  config.scrape_configs[0].kubernetes_sd_configs[0].api_server = api.url
  writeFileSync(join(t.testdirName, 'rules', 'pullpath.yaml'), readFileSync(RULES))
  const prometheus = await startPrometheus(t.testdirName, stringify(config), 'prometheus-kubernetes')
  t.teardown(() => prometheus.stop())
  const answered = (expr: string) => {
    return until(expr, async () => {
      const series = await prometheus.query(expr)
      return series.length > 0 ? series : null
    })
  }
  const up = await answered('up == 1')
  t.same(
    up.map(({ metric: { __name__, instance, ...labels } }) => labels),
    [{ job: 'pullpath', node: 'k8s-1', pod: 'pullpath-x7k2p', namespace: 'kube-system' }],
  )
  t.equal(up[0]?.metric.instance, new URL(agent.url).host)
  const rule = await answered('cluster_node_registry:pullpath_mirror_effective:min{registry="192.168.1.106"}')
  t.same(
    rule.map(({ metric, values }) => [metric.node, values]),
    [['k8s-1', [1]]],
  )
  t.same(await prometheus.query('up == 0'), [])
})

interface Rule {
  alert?: string
  labels: Record<string, string>
}
const ALERTS: Rule[] = parse(readFileSync(RULES, 'utf8'), { merge: true })
  .groups.flatMap((it: { rules: Rule[] }) => it.rules)
  .filter((it: Rule) => it.alert !== undefined)

t.test('amtool leads every alert of the rules to the receiver of its severity', async (t) => {
  const file = example('prometheus/alertmanager.yaml')
  t.match(await run('amtool', ['check-config', file]), 'SUCCESS')
  const receivers: Record<string, string> = { critical: 'pager', warning: 'chat', info: 'nobody' }
  const routed = async (...labels: string[]) => {
    return (await run('amtool', ['config', 'routes', 'test', `--config.file=${file}`, ...labels])).trim()
  }
  t.ok(ALERTS.length > 10)
  for (const { alert, labels } of ALERTS) {
    const { severity = '' } = labels
    t.equal(await routed(`alertname=${alert}`, `severity=${severity}`), receivers[severity], `${alert}, ${severity}`)
  }
  t.equal(await routed('alertname=Watchdog', 'severity=critical'), 'default', 'what is of others is left to them')
})

t.test('a real Alertmanager sends one message for all nodes, and holds back what another says', async (t) => {
  const messages: { receiver: string; alerts: { labels: Record<string, string> }[] }[] = []
  const sink = await startLoopbackServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      messages.push(JSON.parse(body))
      response.end()
    })
  })
  t.teardown(() => sink.stop())
  const config = textOf('prometheus/alertmanager.yaml')
    .replaceAll(/http:\/\/(chat|pager)\.example/g, sink.url)
    .replaceAll(/group_wait: \w+/g, 'group_wait: 1s')
  t.notMatch(config, '.example/')
  const alertmanager = await startAlertmanager(t.testdir({}), config)
  t.teardown(() => alertmanager.stop())
  const alert = (alertname: string, severity: string, node: string) => {
    return { alertname: `Pullpath${alertname}`, severity, registry: '192.168.1.106', ...(node === '' ? {} : { node }) }
  }
  await alertmanager.send([
    alert('AllNodesDrifted', 'warning', ''),
    alert('MirrorDrift', 'warning', 'k8s-1'),
    alert('MirrorDrift', 'critical', 'k8s-2'),
    { alertname: 'PullpathMirrorNotEffective', severity: 'warning', registry: '192.168.1.106', node: 'k8s-1' },
    { alertname: 'PullpathMirrorNotEffective', severity: 'warning', registry: '192.168.1.106', node: 'k8s-2' },
    { alertname: 'PullpathConflictInGit', severity: 'info', registry: 'ghcr.io' },
    { alertname: 'PullpathAbsent', severity: 'critical' },
    { alertname: 'PullpathAgentAbsent', severity: 'warning', node: 'k8s-3' },
    { alertname: 'PullpathFallbackPulls', severity: 'warning', node: 'k8s-1' },
    alert('EndpointFailing', 'warning', 'k8s-4'),
    { alertname: 'PullpathPullsFailing', severity: 'warning', node: 'k8s-4', method: 'containerd', reason: 'refused' },
  ])
  const sent = await until('a message to the chat and two to the pager', async () => {
    return messages.length >= 3 ? messages : null
  })
  const shown = sent.map(({ receiver, alerts }) => {
    return [receiver, ...alerts.map(({ labels }) => `${labels.alertname} ${labels.node ?? ''}`.trim()).sort()]
  })
  t.same(shown.sort(), [
    [
      'chat',
      'PullpathAllNodesDrifted',
      'PullpathEndpointFailing k8s-4',
      'PullpathMirrorNotEffective k8s-1',
      'PullpathMirrorNotEffective k8s-2',
    ],
    ['pager', 'PullpathAbsent'],
    ['pager', 'PullpathMirrorDrift k8s-2'],
  ])
  const suppressed = (await alertmanager.alerts()).filter((it) => it.status.state === 'suppressed')
  t.same(suppressed.map(({ labels }) => `${labels.alertname} ${labels.node}`).sort(), [
    'PullpathAgentAbsent k8s-3',
    'PullpathFallbackPulls k8s-1',
    'PullpathMirrorDrift k8s-1',
    'PullpathPullsFailing k8s-4',
  ])
})
