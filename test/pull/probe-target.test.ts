import t from 'tap'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { directoryNode, fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import { type ProbeTarget, probeTargets } from '../../src/pull/probe-target.ts'
import { spegelUrl } from '../../src/pull/spegel-probe.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, spegelIntent, talosIntent } from '../fixtures/intents.ts'
import { NODE_IP } from '../fixtures/node-states.ts'
import { LOOPBACK_TLS } from '../registry/transport-failures.ts'

const config = (text = ''): Config =>
  readConfig(`node: { name: k8s-1, ip: ${NODE_IP} }\n${text}`, 'config.yaml', { env: {}, hostname: 'k8s-1' })

/** Registries and the hosts that stand in their files. */
function inputsOf(files: Record<string, string>, authHosts: string[] = []): Inputs {
  const entries = Object.entries(files).map(([name, text]): [string, TreeNode] => {
    return [name, directoryNode([['hosts.toml', fileNode(text)]])]
  })
  const mirrors = Object.keys(files).map((name) => mirror(name, [`http://${name}`]))
  return {
    intent: intentOf(talosIntent(mirrors, { authHosts }), spegelIntent([])),
    observed: observing(directoryNode(entries)),
    daemon: daemonFacts(),
    node: nodeFacts(),
    failures: new Map(),
  }
}

const hosts = (...urls: string[]) => urls.map((url) => `[host.'${url}']\n`).join('')
const urls = (targets: readonly ProbeTarget[]) => targets.map((it) => it.url)

t.test('private and plain-http endpoints and peers are probed, public ones only if asked for', async (t) => {
  const inputs = inputsOf({
    '192.168.1.106': hosts(`http://${NODE_IP}:30020`, 'http://192.168.1.106'),
    'docker.io': hosts(
      `http://${NODE_IP}:30020`,
      'https://mirror.example',
      'https://10.1.2.3:8443',
      'http://plain.example',
    ),
    'harbor.lan': hosts('https://harbor.lan'),
    'named.example': hosts('https://named.example'),
  })
  const more = 'harbor: { extraUrls: [https://harbor.lan] }\nprobe: { images: { named.example: a/b:c } }'
  const peer = `http://${NODE_IP}:30020/v2`
  t.same(
    urls(probeTargets(config(), inputs)).sort(),
    ['http://192.168.1.106/v2', peer, 'http://plain.example/v2', 'https://10.1.2.3:8443/v2'].sort(),
  )
  const named = urls(probeTargets(config(more), inputs))
  t.ok(named.includes('https://harbor.lan/v2'))
  t.ok(named.includes('https://named.example/v2'))
  t.notOk(named.includes('https://mirror.example/v2'))
  const all = probeTargets(config('probe: { public: true }'), inputs)
  t.equal(all.find((it) => it.url === 'https://mirror.example/v2')?.isPublic, true)
  t.equal(all.find((it) => it.url === peer)?.isPublic, false)
})

t.test("containerd's default upstream is asked only where nobody declared another", async (t) => {
  const alone = inputsOf({ '192.168.1.106': hosts(`http://${NODE_IP}:30020`) })
  t.ok(urls(probeTargets(config(), alone)).includes('https://192.168.1.106/v2'))
})

t.test('a URL of several registries is one target, with an image of one of them', async (t) => {
  const inputs = inputsOf({
    'docker.io': hosts(`http://${NODE_IP}:30020`),
    '192.168.1.106': hosts(`http://${NODE_IP}:30020`, 'http://192.168.1.106'),
  })
  const targets = probeTargets(config(), inputs)
  t.match(
    targets.find((it) => it.role === 'peer'),
    {
      registries: ['docker.io', '192.168.1.106'],
      image: { repository: 'library/pullpath-canary', reference: 'tag-0' },
      endpoint: { namespace: '192.168.1.106' },
    },
  )
})

t.test('it is asked as containerd asks it', async (t) => {
  const text = `[host.'http://192.168.1.106']\nskip_verify = true\ndial_timeout = '200ms'\n`
  const [target] = probeTargets(config(), inputsOf({ '192.168.1.106': text }, ['192.168.1.106']))
  t.match(target, {
    url: 'https://192.168.1.106/v2',
    fallback: 'http://192.168.1.106/v2',
    connectLimit: 200,
    hasNodeCredentials: true,
  })
  t.match(target?.access(), { headers: {}, tls: { ca: [], client: null, verify: false }, unread: [] })
})

t.test('images are named by tag or by digest', async (t) => {
  const digest = `sha256:${'a'.repeat(64)}`
  for (const [text, image] of [
    ['library/app:v1', { repository: 'library/app', reference: 'v1' }],
    [`library/app@${digest}`, { repository: 'library/app', reference: digest }],
    ['library/app', { repository: 'library/app', reference: 'latest' }],
    ['::', null],
  ] as const) {
    const inputs = inputsOf({ 'a.lan': hosts('http://a.lan') })
    t.same(probeTargets(config(`probe: { images: { a.lan: '${text}' } }`), inputs)[0]?.image, image, text)
  }
})

t.test("the other faces of Harbor are asked where a path leads to it, for Harbor's registries", async (t) => {
  const more = 'harbor: { extraUrls: [https://harbor.lan/] }'
  const [, face] = probeTargets(config(more), inputsOf({ '192.168.1.106': hosts('http://192.168.1.106') }))
  t.match(face, {
    url: 'https://harbor.lan/v2',
    role: 'face',
    registries: ['192.168.1.106'],
    endpoint: { namespace: null },
  })
  t.same(urls(probeTargets(config(more), inputsOf({ 'a.lan': hosts('http://a.lan') }))), ['http://a.lan/v2'])
})

t.test('another face of Harbor has the certificates of the directory of its name', async (t) => {
  const inputs = inputsOf({ '192.168.1.106': hosts('http://192.168.1.106') }, ['harbor.lan'])
  const { hosts: tree } = inputs.observed
  const entries = tree.kind === 'directory' ? [...tree.entries] : []
  const directory = directoryNode([
    ...entries,
    ['harbor.lan', directoryNode([['own-ca.crt', fileNode(LOOPBACK_TLS.cert)]])],
  ])
  const observed = observing(directory)
  const more = 'harbor: { extraUrls: [https://harbor.lan] }'
  const [, face] = probeTargets(config(more), { ...inputs, observed })
  t.same(face?.access(), { headers: {}, tls: { ca: [LOOPBACK_TLS.cert], client: null, verify: true }, unread: [] })
  t.equal(face?.hasNodeCredentials, true)
})

t.test("this node's Spegel is where its port or its first target says", async (t) => {
  const inputs = inputsOf({})
  t.equal(spegelUrl(config(), inputs), `http://${NODE_IP}:30020`)
  t.equal(spegelUrl(config('spegel: { port: 29999 }'), inputs), `http://${NODE_IP}:29999`)
  t.equal(spegelUrl(config(), { ...inputs, intent: intentOf(null, null) }), null)
})
