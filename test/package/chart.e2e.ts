/**
 * The chart by Helm: linted, rendered and compared with test/package/chart/golden, and looked at for what must hold
 * whatever the values are. Needs `helm` and `promtool` in the PATH, and neither a cluster nor a network.
 * `npx tap --snapshot test/package/chart.e2e.ts` writes the golden files anew.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { IntentFilesReader } from '../../src/watch/intent-files.ts'
import { helmTemplate, type KubernetesObject, objectsOf } from './chart/rendered.ts'

t.setTimeout(180_000)

const CHART = join(import.meta.dirname, '..', '..', 'chart')
const CASES = join(import.meta.dirname, 'chart')
const NODE = { NODE_NAME: 'w1', NODE_IP: '192.168.1.98', SHORT_NAME: 'w1' }
const ROOT_DIRECTORIES = ['/', '']

const namesIn = (directory: string) => readdirSync(join(CASES, directory)).map((it) => basename(it, '.yaml'))
const read = (...path: string[]) => readFileSync(join(...path), 'utf8')
const dashboards = readdirSync(join(CHART, 'dashboards'))

interface Combination {
  name: string
  values: Record<string, unknown>
  text: string
  objects: KubernetesObject[]
}

const combinations = namesIn('values').map((name): Combination => {
  const file = join(CASES, 'values', `${name}.yaml`)
  const { text, error } = helmTemplate(CHART, '--values', file)
  if (error !== '') throw new Error(`${name}: ${error}`)
  return { name, values: parse(readFileSync(file, 'utf8')), text, objects: objectsOf(text) }
})

function only(objects: readonly KubernetesObject[], kind: string, name?: string): KubernetesObject {
  const found = objects.filter((it) => it.kind === kind && (name === undefined || it.metadata.name === name))
  const [first] = found
  if (first === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`)
  return first
}

/** The agent's configuration as its own reader takes it, in the environment that the pod gives. */
function configIn(objects: readonly KubernetesObject[]): Config {
  const { name } = podIn(objects).volumes.find((it) => it.name === 'config')?.configMap ?? { name: '' }
  const text = only(objects, 'ConfigMap', name).data?.['config.yaml'] ?? ''
  return readConfig(text, 'config.yaml', { env: NODE, hostname: 'not-the-node' })
}

interface Pod {
  volumes: {
    name: string
    hostPath?: { path: string }
    configMap?: { name: string }
    projected?: { sources: { configMap?: { name: string; optional?: boolean }; serviceAccountToken?: object }[] }
  }[]
  mounts: { name: string; mountPath: string; readOnly?: boolean; recursiveReadOnly?: string }[]
  // biome-ignore lint/suspicious/noExplicitAny: Kubernetes' own.
  spec: any
  // biome-ignore lint/suspicious/noExplicitAny: Kubernetes' own.
  container: any
}

function podIn(objects: readonly KubernetesObject[]): Pod {
  const { spec } = only(objects, 'DaemonSet').spec.template
  const [container] = spec.containers
  return { spec, container, volumes: spec.volumes, mounts: container.volumeMounts }
}

/** Dashboards and their tests are elsewhere: a golden file says only where one of them stands. */
function shortened(text: string): string {
  return text.replace(/^( +(?:json|pullpath-[a-z]+\.json): )".*"$/gm, '$1(a dashboard)')
}

const KUBERNETES = { isEnabled: true, isGranted: true, hasAccount: true }
const KUBERNETES_OF: Record<string, Partial<typeof KUBERNETES>> = {
  'without-kubernetes': { isEnabled: false, isGranted: false },
  'rights-granted-elsewhere': { isGranted: false, hasAccount: false },
}

t.test('helm lint --strict', async (t) => {
  for (const name of namesIn('values')) {
    const file = join(CASES, 'values', `${name}.yaml`)
    t.match(
      execFileSync('helm', ['lint', '--strict', CHART, '--values', file], { encoding: 'utf8' }),
      '0 chart(s) failed',
    )
  }
})

for (const { name, text, objects } of combinations) {
  const pod = podIn(objects)

  t.test(`${name}: renders as the golden file says`, async (t) => {
    const file = join(CASES, 'golden', `${name}.yaml`)
    if (t.writeSnapshot) writeFileSync(file, shortened(text))
    t.equal(readFileSync(file, 'utf8'), shortened(text), 'if it is meant, run this test with --snapshot')
  })

  t.test(
    `${name}: every object but a role is in the release's namespace, has a name of its own and the chart's labels`,
    async (t) => {
      const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)
      t.equal(new Set(names).size, names.length, names.join(' '))
      for (const { kind, metadata } of objects) {
        if (!kind.includes('Role')) t.equal(metadata.namespace, 'kube-system', kind)
        t.match(metadata.name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, kind)
        t.match(metadata.labels, {
          'app.kubernetes.io/instance': 'pullpath',
          'app.kubernetes.io/component': 'agent',
          'app.kubernetes.io/managed-by': 'Helm',
        })
        for (const value of Object.values(metadata.labels)) t.match(value, /^([\w.-]{0,63})$/, kind)
      }
    },
  )

  t.test(`${name}: root without any capability, on a root that nobody can write`, async (t) => {
    t.same(pod.container.securityContext, {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    })
    t.equal(pod.spec.containers.length, 1)
    t.equal(pod.spec.initContainers, undefined)
    for (const shared of ['hostPID', 'hostIPC', 'shareProcessNamespace']) t.notOk(pod.spec[shared], shared)
    // Without it the kernel compares other owners than the node's: root would not be root.
    t.not(pod.spec.hostUsers, false)
  })

  t.test(`${name}: all mounts are read-only, and those of the node are directories without a type`, async (t) => {
    for (const { name: volume, hostPath } of pod.volumes) {
      const own = pod.mounts.filter((it) => it.name === volume)
      t.equal(own.length, 1, `${volume} is mounted once`)
      t.equal(own[0]?.readOnly, true, volume)
      if (hostPath === undefined) continue
      // Else what is mounted below it, such as the root of another container, could be written.
      t.match(own[0], { recursiveReadOnly: 'IfPossible' })
      t.notOk(own[0] && 'mountPropagation' in own[0], 'with which the API server refuses that')
      // Talos' kubelet checks a type in its own container, where /etc/cri is not.
      t.same(Object.keys(hostPath), ['path'])
      t.notOk(ROOT_DIRECTORIES.includes(hostPath.path))
      t.notMatch(hostPath.path, /\.(toml|sock)$/, 'a file that is replaced would stay the old one')
    }
    t.equal(pod.mounts.length, pod.volumes.length)
    t.equal(new Set(pod.mounts.map((it) => it.mountPath)).size, pod.mounts.length)
  })

  t.test(`${name}: a token where the Kubernetes API is asked, and rights for that account alone`, async (t) => {
    const { isEnabled, isGranted, hasAccount } = { ...KUBERNETES, ...KUBERNETES_OF[name] }
    t.equal(pod.spec.automountServiceAccountToken, false, 'never of its own accord')
    const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount')
    t.same(
      accounts.map((it) => [it.automountServiceAccountToken, it.metadata.name]),
      hasAccount ? [[false, pod.spec.serviceAccountName]] : [],
    )
    t.notOk(objects.some(({ kind }) => kind === 'Secret'))
    t.notOk(pod.volumes.some((it) => 'secret' in it))

    const tokens = pod.volumes.filter((it) => it.projected?.sources.some((source) => 'serviceAccountToken' in source))
    t.same(
      tokens.map((it) => pod.mounts.find((mount) => mount.name === it.name)?.mountPath),
      isEnabled ? ['/var/run/secrets/kubernetes.io/serviceaccount'] : [],
    )
    t.equal(configIn(objects).kubernetes.enabled, isEnabled ? 'auto' : 'off')

    const bindings = objects.filter(({ kind }) => kind.endsWith('Binding'))
    const roles = objects.filter(({ kind }) => kind.endsWith('Role'))
    t.equal(roles.length > 0, isGranted)
    t.equal(bindings.length, roles.length)
    for (const { kind, metadata, roleRef, subjects } of bindings) {
      t.same(subjects, [{ kind: 'ServiceAccount', name: pod.spec.serviceAccountName, namespace: 'kube-system' }])
      const role = roles.find((it) => `${it.kind}Binding` === kind && it.metadata.name === roleRef?.name)
      t.same(roleRef, { apiGroup: 'rbac.authorization.k8s.io', kind: role?.kind, name: role?.metadata.name })
      t.equal(metadata.namespace, role?.metadata.namespace)
    }
    const rights = roles.flatMap((it) => it.rules ?? [])
    for (const { apiGroups, resources, verbs } of rights) {
      t.notMatch([...apiGroups, ...resources, ...verbs].join(' '), /\*|secrets|delete|update|impersonate|escalate|bind/)
    }
  })

  t.test(`${name}: what the agent reads is there`, async (t) => {
    const config = configIn(objects)
    t.equal(config.node.name, 'w1')
    t.equal(config.node.ip, '192.168.1.98')
    t.same(
      pod.container.env.slice(0, 2).map((it: { name: string; valueFrom: unknown }) => [it.name, it.valueFrom]),
      [
        ['NODE_NAME', { fieldRef: { fieldPath: 'spec.nodeName' } }],
        ['NODE_IP', { fieldRef: { fieldPath: 'status.hostIP' } }],
      ],
    )
    t.same(pod.container.args, ['agent', '--config', '/etc/pullpath/config.yaml'])
    t.equal(pod.mounts.find((it) => it.name === 'config')?.mountPath, '/etc/pullpath')

    const { hostsDir, configFile, socket } = config.containerd
    const directories = [configFile, socket].flatMap((it) => (it === null ? [] : posix.dirname(it)))
    for (const path of [hostsDir, ...directories]) {
      const real = posix.resolve(path)
      const volume = pod.volumes.find((it) => it.hostPath?.path === real)
      t.ok(volume, `${path} is mounted`)
      t.equal(pod.mounts.find((it) => it.name === volume?.name)?.mountPath, posix.join(config.host.root, real))
    }
    for (const [writer, patterns] of [
      ['talos', config.intent.talos.patches],
      ['spegel', config.intent.spegel.from === 'none' ? [] : config.intent.spegel.values],
    ] as const) {
      const places = pod.mounts.filter((it) => it.mountPath.startsWith(`/intent/${writer}`)).map((it) => it.mountPath)
      t.same(
        new Set(patterns.map((it) => posix.dirname(it))),
        new Set(places),
        `${writer}: all that is mounted is read`,
      )
    }
  })

  t.test(
    `${name}: one port in the configuration, the container, the probes, the Service and the monitors`,
    async (t) => {
      const { port } = configIn(objects).http
      t.same(pod.container.ports, [{ name: 'metrics', containerPort: port, protocol: 'TCP' }])
      t.match(pod.container.livenessProbe.httpGet, { path: '/livez', port: 'metrics' })
      t.match(pod.container.readinessProbe.httpGet, { path: '/readyz', port: 'metrics' })
      for (const { spec } of objects.filter(({ kind }) => kind === 'Service')) {
        t.match(spec, { clusterIP: 'None', publishNotReadyAddresses: true })
        t.same(spec.ports, [{ name: 'metrics', port, targetPort: 'metrics', protocol: 'TCP' }])
      }
      for (const { kind, spec } of objects.filter(({ kind }) => /Monitor$/.test(kind))) {
        const endpoints = spec.endpoints ?? spec.podMetricsEndpoints
        t.equal(endpoints.length, 1)
        t.match(endpoints[0], { port: 'metrics', path: '/metrics' })
        t.same(endpoints[0].relabelings[0], { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' })
        t.same(spec.namespaceSelector, { matchNames: ['kube-system'] })
        t.equal(objects.some((it) => it.kind === 'Service') || kind === 'PodMonitor', true)
      }
    },
  )

  t.test(`${name}: the selectors select the agents, and nothing less`, async (t) => {
    const daemonSet = only(objects, 'DaemonSet')
    const labels = daemonSet.spec.template.metadata.labels
    const service = objects.find(({ kind }) => kind === 'Service')
    const monitors = objects.filter(({ kind }) => /Monitor$/.test(kind))
    for (const selector of [
      daemonSet.spec.selector.matchLabels,
      ...(service === undefined ? [] : [service.spec.selector]),
      ...monitors.map(({ spec }) => spec.selector.matchLabels),
    ]) {
      t.same(Object.keys(selector), ['app.kubernetes.io/name', 'app.kubernetes.io/instance'])
      t.match(labels, selector)
    }
    for (const { kind, spec } of monitors) {
      if (kind === 'ServiceMonitor') t.match(service?.metadata.labels, spec.selector.matchLabels)
    }
  })
}

const combination = (name: string): Combination => {
  const found = combinations.find((it) => it.name === name)
  if (found === undefined) throw new Error(`no values/${name}.yaml`)
  return found
}

t.test('by default: the host network, the resolver of the node, every node, and before other pods', async (t) => {
  const { objects } = combination('default')
  const { spec, container } = podIn(objects)
  t.match(spec, {
    hostNetwork: true,
    dnsPolicy: 'Default',
    tolerations: [{ operator: 'Exists' }],
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    priorityClassName: 'system-node-critical',
  })
  t.same(Object.keys(spec.nodeSelector), ['kubernetes.io/os'])
  t.same(only(objects, 'DaemonSet').spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: '100%' },
  })
  t.same(container.resources, { requests: { cpu: '5m', memory: '96Mi' }, limits: { memory: '192Mi' } })
  t.same(
    objects.map(({ kind }) => kind),
    [
      ...['ServiceAccount', 'ConfigMap', 'ClusterRole', 'ClusterRoleBinding'],
      ...['Role', 'Role', 'Role', 'Role', 'RoleBinding', 'RoleBinding', 'RoleBinding', 'RoleBinding'],
      ...['Service', 'DaemonSet'],
    ],
  )
})

t.test("containerd's socket is the agent's by its directory, unless it is not to be", async (t) => {
  const given = (name: string) => {
    const { objects } = combination(name)
    const paths = podIn(objects).volumes.flatMap((it) => it.hostPath?.path ?? [])
    return [configIn(objects).containerd.socket, paths]
  }
  t.same(given('default'), ['/run/containerd/containerd.sock', ['/etc/cri/conf.d/hosts', '/run/containerd']])
  t.same(given('everything')[0], '/run/k3s/containerd/containerd.sock')
  t.same(given('without-containerd-socket'), [null, ['/etc/cri/conf.d/hosts']])
  const [, values = ''] = /```yaml\n(containerd:\n[\s\S]*?)```/.exec(read(CHART, 'README.md')) ?? []
  const { text, error } = helmTemplate(CHART, '--values', join(t.testdir({ 'values.yaml': values }), 'values.yaml'))
  t.equal(error, '')
  t.match(configIn(objectsOf(text)).containerd, { socket: null, version: '2.2.7' }, 'as README.md says')
})

t.test('the rights to read Spegel and what Flux has of it follow their namespaces', async (t) => {
  const placesWith = (...set: string[]) => {
    const { text } = helmTemplate(CHART, ...set.map((it) => `--set=${it}`))
    const roles = objectsOf(text).filter(({ kind }) => kind === 'Role')
    return Object.fromEntries(roles.map(({ metadata }) => [metadata.name.replace('pullpath-', ''), metadata.namespace]))
  }
  const events = 'default'
  t.same(placesWith(), { events, spegel: 'kube-system', release: 'kube-system', source: 'kube-system' })
  t.same(placesWith('config.intent.spegel.namespace=a'), { events, spegel: 'a', release: 'a', source: 'a' })
  t.same(placesWith('rbac.releaseNamespace=b'), { events, spegel: 'kube-system', release: 'b', source: 'b' })
  const each = ['rbac.spegelNamespace=a', 'rbac.releaseNamespace=b', 'rbac.sourceNamespace=c']
  t.same(placesWith(...each), { events, spegel: 'a', release: 'b', source: 'c' })
})

t.test('without the host network, only that and the resolver differ', async (t) => {
  const { objects } = combination('no-host-network')
  t.match(podIn(objects).spec, { hostNetwork: false, dnsPolicy: 'ClusterFirst' })
})

t.test('each source of intent is a directory of its own, so that one that is missing is seen', async (t) => {
  const { volumes, mounts } = podIn(combination('intent-from-configmaps').objects)
  const sources = mounts
    .filter((it) => it.mountPath.startsWith('/intent'))
    .map(({ name, mountPath }) => [mountPath, volumes.find((it) => it.name === name)?.projected?.sources])
  t.same(sources, [
    ['/intent/talos', [{ configMap: { name: 'talos-patches', optional: true } }]],
    ['/intent/talos-1', [{ configMap: { name: 'talos-patches.workers', optional: true } }]],
    ['/intent/spegel', [{ configMap: { name: 'spegel-values', optional: true } }]],
  ])
  const { talos, spegel } = configIn(combination('intent-from-configmaps').objects).intent
  t.same(talos.patches, ['/intent/talos/*.yaml', '/intent/talos-1/*.yaml'])
  t.match(spegel, { from: 'values', values: ['/intent/spegel/*.yaml'] })
})

t.test('a ConfigMap that is missing beside one that is there is an input that cannot be read', async (t) => {
  const { patches } = configIn(combination('intent-from-configmaps').objects).intent.talos
  const root = t.testdir({ intent: { talos: { 'mirrors.yaml': 'machine: {}\n' }, 'talos-1': {} } })
  const reading = new IntentFilesReader(
    patches.map((it) => root + it),
    { relative: false },
  ).read()
  t.equal(reading.files.length, 1)
  t.same(reading.failures, [`no file matches ${root}/intent/talos-1/*.yaml`])
})

t.test('inline files of intent are those of a ConfigMap that has to be there', async (t) => {
  const { volumes } = podIn(combination('everything').objects)
  t.same(
    volumes.filter((it) => it.name.startsWith('talos')).map((it) => it.projected?.sources),
    [[{ configMap: { name: 'mirrors-talos-intent' } }], [{ configMap: { name: 'talos-more', optional: true } }]],
  )
  const files = { ...(combination('talos-inline-intent').values.intent as { talos: { files: object } }).talos.files }
  t.same(only(combination('talos-inline-intent').objects, 'ConfigMap', 'pullpath-talos-intent').data, files)
})

t.test('everything that can be given arrives', async (t) => {
  const { objects } = combination('everything')
  const config = configIn(objects)
  t.match(config, {
    host: { root: '/node/' },
    containerd: { pullMode: 'transfer' },
    watch: { rescan: 10_000, holdDown: 0 },
    harbor: { url: null },
    http: { port: 9500, host: '192.168.1.98' },
    log: { level: 'debug' },
  })
  const { spec, container, volumes } = podIn(objects)
  const paths = volumes.flatMap((it) => it.hostPath?.path ?? [])
  t.same(
    paths,
    ['/etc/containerd', '/etc/containerd/certs.d', '/run/containerd/conf', '/run/k3s/containerd'],
    'parents first, none twice',
  )
  t.equal(container.image, `harbor.home.arpa/ops/pullpath@sha256:${'0123456789abcdef'.repeat(4)}`)
  t.match(spec, { imagePullSecrets: [{ name: 'harbor' }], terminationGracePeriodSeconds: 10 })
  t.notOk('priorityClassName' in spec)
  const { metadata } = only(objects, 'DaemonSet').spec.template
  t.match(metadata.labels, { team: 'platform', zone: 'a', 'app.kubernetes.io/name': 'pull-path' })
  t.match(metadata.annotations, { 'example.com/owner': 'platform' })
  const [endpoint] = only(objects, 'ServiceMonitor').spec.endpoints
  t.match(endpoint, { interval: '2m', scrapeTimeout: '30s', metricRelabelings: [{ action: 'drop' }] })
  t.match(endpoint.relabelings[1], { targetLabel: 'cluster', replacement: 'home' })
})

t.test('a change of the configuration starts no agent anew, but for what it listens on', async (t) => {
  const annotations = (...set: string[]) => {
    const { text } = helmTemplate(CHART, ...set.flatMap((it) => ['--set', it]))
    return only(objectsOf(text), 'DaemonSet').spec.template.metadata.annotations
  }
  t.same(annotations('config.log.level=debug'), annotations())
  t.strictNotSame(annotations('config.http.port=9479'), annotations())
})

interface RuleGroup {
  rules: { alert?: string; for?: string; labels?: Record<string, string>; annotations?: Record<string, string> }[]
}

const groupsOf = (name: string): RuleGroup[] => only(combination(name).objects, 'PrometheusRule').spec.groups
const alertsOf = (name: string) => groupsOf(name).flatMap(({ rules }) => rules.filter((it) => it.alert !== undefined))

t.test('the PrometheusRule has the rules of the file, with the pages where they are read', async (t) => {
  const file = parse(read(CHART, 'rules', 'pullpath.yaml'), { merge: true })
  const base = 'https://git.home.arpa/ops/pullpath/src/main/'
  const text = JSON.stringify(groupsOf('pod-monitor-rules-dashboards')).replaceAll(base, '')
  t.same(JSON.parse(text), file.groups)
  for (const { annotations } of alertsOf('pod-monitor-rules-dashboards')) {
    t.ok(annotations?.runbook_url?.startsWith(`${base}docs/`), String(annotations?.runbook_url))
  }
  for (const name of ['pod-monitor-rules-dashboards', 'everything']) {
    const rules = join(t.testdir({ 'rules.yaml': stringify({ groups: groupsOf(name) }) }), 'rules.yaml')
    t.match(
      execFileSync('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', rules], { encoding: 'utf8' }),
      'SUCCESS',
    )
  }
})

t.test(
  'alerts: by name left out or waiting otherwise, with more labels, without a page where there is none',
  async (t) => {
    const own = alertsOf('everything')
    t.notOk(own.some(({ alert }) => alert === 'PullpathAgentAbsent'))
    t.ok(own.some(({ alert }) => alert === 'PullpathAbsent'))
    for (const { alert, labels, for: time } of own) {
      t.equal(labels?.team, 'platform', `${alert} has the label`)
      t.match(labels?.severity, /^(critical|warning|info)$/, `${alert} keeps its severity`)
      if (alert === 'PullpathMirrorDrift') t.equal(time, '30m')
      if (alert === 'PullpathEvaluationFailed') t.equal(time, '1m')
      if (alert === 'PullpathMirrorNotEffective') t.equal(time, '10m')
    }
    const { text } = helmTemplate(CHART, '--set=prometheusRule.enabled=true')
    t.notMatch(text, 'runbook_url')
    t.match(text, 'alert: PullpathMirrorNotEffective')
  },
)

t.test('the dashboards are the files, with the address of the runbooks filled in', async (t) => {
  const texts = {
    sidecar: (name: string) => {
      const { data, metadata } = only(
        combination('pod-monitor-rules-dashboards').objects,
        'ConfigMap',
        `pullpath-dashboard-${basename(name, '.json')}`,
      )
      t.match(metadata.labels, { grafana_dashboard: '1' })
      t.same(metadata.annotations, { grafana_folder: 'Registries' })
      return data?.[`pullpath-${name}`] ?? ''
    },
    operator: (name: string) => {
      const objects = combination('grafana-operator').objects
      const { spec } = only(objects, 'GrafanaDashboard', `pullpath-dashboard-${basename(name, '.json')}`)
      t.match(spec, { folder: 'Registries', instanceSelector: { matchLabels: { dashboards: 'grafana' } } })
      return spec.json as string
    },
  }
  for (const name of dashboards) {
    const file = read(CHART, 'dashboards', name)
    t.equal(texts.operator(name), file, 'as it is, where no address is given')
    const address = 'https://git.home.arpa/ops/pullpath/src/main'
    const shown = JSON.parse(texts.sidecar(name))
    const variable = shown.templating.list.find((it: { name: string }) => it.name === 'runbooks')
    const chosen = { selected: true, text: address, value: address }
    t.match(variable, { query: address, current: chosen, options: [chosen] })
    const expected = JSON.parse(file)
    for (const it of expected.templating.list) if (it.name === 'runbooks') Object.assign(it, variable)
    t.same(shown, expected, 'and nothing else')
  }
})

for (const name of namesIn('refused')) {
  t.test(`refused: ${name}`, async (t) => {
    const file = join(CASES, 'refused', `${name}.yaml`)
    const expected = read(file).slice(2, read(file).indexOf('\n'))
    const { text, error } = helmTemplate(CHART, '--values', file)
    t.equal(text, '')
    t.ok(error.includes(expected), `${expected}\n${error}`)
  })
}

t.test('as a part of another chart, which hands its own values on', async (t) => {
  const parent = t.testdir({
    'Chart.yaml': 'apiVersion: v2\nname: home\nversion: 1.0.0\n',
    'values.yaml': 'global: { domain: home.arpa }\npullpath: { config: { log: { level: warn } } }\n',
  })
  mkdirSync(join(parent, 'charts'))
  cpSync(CHART, join(parent, 'charts', 'pullpath'), { recursive: true })
  const { text, error } = helmTemplate(parent)
  t.equal(error, '')
  t.equal(configIn(objectsOf(text)).log.level, 'warn')
})

t.test('NOTES.txt says what to run, and what is open', async (t) => {
  const chart = t.testdir({})
  cpSync(CHART, chart, { recursive: true })
  // Helm prints the notes only when it installs.
  cpSync(join(chart, 'templates', 'NOTES.txt'), join(chart, 'NOTES.txt'))
  const made = 'kind: Notes\nmetadata: {}\nspec: {{ tpl (.Files.Get "NOTES.txt") . | toJson }}\n'
  writeFileSync(join(chart, 'templates', 'notes.yaml'), made)
  const notes = (...args: string[]): string => {
    const { text, error } = helmTemplate(chart, '--show-only=templates/notes.yaml', ...args)
    t.equal(error, '')
    return only(objectsOf(text), 'Notes').spec
  }
  const bare = notes()
  t.match(bare, 'rollout status daemonset pullpath')
  t.match(bare, 'curl http://NODE:9478/')
  t.match(bare, 'port 9478 is open on every address of the node')
  t.match(bare, 'NO INTENT OF TALOS')
  t.match(bare, 'INTENT OF SPEGEL: that of the daemonset of spegel in kube-system')
  t.notMatch(bare, 'NO INTENT OF SPEGEL')
  t.match(bare, /can-i --list .* --as system:serviceaccount:kube-system:pullpath/)
  const off = notes('--set=kubernetes.enabled=false')
  t.match(off, 'NO INTENT OF SPEGEL')
  t.notMatch(off, /KUBERNETES|can-i/)
  t.match(bare, 'NOT SCRAPED')
  t.match(bare, 'whoever holds it is root on the node')
  t.notMatch(bare, 'pod-security')
  const full = notes(`--values=${join(CASES, 'values', 'everything.yaml')}`, '--namespace=media')
  t.match(full, 'kubectl label namespace media pod-security.kubernetes.io/enforce=privileged')
  t.match(full, 'port 9500 is open at ${NODE_IP}')
  t.notMatch(full, /INTENT OF|NOT SCRAPED/)
  const inside = notes('--values', join(CASES, 'values', 'no-host-network.yaml'))
  t.notMatch(inside, /OPEN PORT|curl http:\/\/NODE/)
  const filesAlone = notes('--values', join(CASES, 'values', 'without-containerd-socket.yaml'))
  t.notMatch(filesAlone, 'SOCKET')
})
