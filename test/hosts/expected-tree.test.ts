import t from 'tap'
import { expectedTree } from '../../src/hosts/expected-tree.ts'
import type { Intent } from '../../src/intent/intent.ts'
import { filesOf, spegelIntent, talosIntent } from './writer-intents.ts'

const HARBOR = '192.168.1.106'
const NODE = { ip: '192.168.1.98', hostsDir: '/etc/cri/conf.d/hosts', imageCache: false }

function mirror(registry: string, url: string) {
  return { registry, skipFallback: false, endpoints: [{ url, overridePath: false }] }
}

const talos = talosIntent({ version: '1.13.6', mirrors: [mirror(HARBOR, `http://${HARBOR}`)], tls: [], auth: [] })
const spegel = spegelIntent({
  version: '0.7.4',
  registries: ['https://docker.io', 'https://quay.io', `http://${HARBOR}`],
  targets: ['http://$(NODE_IP):29999', 'http://$(NODE_IP):30021'],
  resolveTags: true,
  prependExisting: true,
  basicAuth: false,
})

function intentOf(parts: Partial<Intent>): Intent {
  return { talos: null, spegel: null, problems: [], notes: [], ...parts }
}

const BY_TALOS = `[host]
  [host.'http://192.168.1.106']
    capabilities = ['pull', 'resolve']
`
const PEERS = `[host.'http://192.168.1.98:29999']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.98:30021']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'`

t.test('a cluster with Talos, Harbor and Spegel has exactly these files', (t) => {
  const { tree, talosTree, writers, failures } = expectedTree(intentOf({ talos, spegel }), NODE)
  t.strictSame(filesOf(tree), {
    '_backup/192.168.1.106/hosts.toml': BY_TALOS,
    'docker.io/hosts.toml': `server = 'https://registry-1.docker.io'\n\n${PEERS}`,
    'quay.io/hosts.toml': `server = 'https://quay.io'\n\n${PEERS}`,
    '192.168.1.106/hosts.toml': `server = 'http://192.168.1.106'

${PEERS}

[host.'http://192.168.1.106']
capabilities = ['pull', 'resolve']`,
  })
  t.strictSame(filesOf(talosTree), { '192.168.1.106/hosts.toml': BY_TALOS })
  t.strictSame(
    [...writers],
    [
      ['_backup/192.168.1.106/hosts.toml', 'talos'],
      ['docker.io/hosts.toml', 'spegel'],
      ['quay.io/hosts.toml', 'spegel'],
      ['192.168.1.106/hosts.toml', 'spegel'],
    ],
  )
  t.strictSame(failures, [])
  t.end()
})

t.test('either half of the intent may be missing', (t) => {
  t.strictSame(filesOf(expectedTree(intentOf({ talos }), NODE).tree), { '192.168.1.106/hosts.toml': BY_TALOS })
  const onlySpegel = expectedTree(intentOf({ spegel }), NODE)
  t.equal(filesOf(onlySpegel.tree)['quay.io/hosts.toml'], `server = 'https://quay.io'\n\n${PEERS}`)
  t.notOk(onlySpegel.tree.entries.get('_backup') === undefined, 'Spegel makes its backup of nothing too')
  t.equal(expectedTree(intentOf({}), NODE).tree.entries.size, 0)
  t.end()
})

t.test('a Spegel that writes elsewhere leaves the tree alone, and that is said', (t) => {
  const elsewhere = { ...spegel, registryConfigPath: '/etc/containerd/certs.d' }
  const { tree, talosTree, failures } = expectedTree(intentOf({ talos, spegel: elsewhere }), NODE)
  t.equal(tree, talosTree)
  t.strictSame(failures, ['Spegel writes to /etc/containerd/certs.d, while containerd reads /etc/cri/conf.d/hosts'])
  const withSlash = { ...spegel, registryConfigPath: '/etc/cri/conf.d/hosts/' }
  t.strictSame(expectedTree(intentOf({ talos, spegel: withSlash }), NODE).failures, [])
  const idle = { ...elsewhere, addsMirrors: false }
  t.strictSame(expectedTree(intentOf({ talos, spegel: idle }), NODE).failures, [])
  t.end()
})

t.test('a writer that fails is named, with its error', (t) => {
  const wrongTalos = talosIntent({ version: '1.13.6', mirrors: [mirror('ghcr.io', '10.0.0.5:80')], tls: [], auth: [] })
  const wrongSpegel = { ...spegel, mirroredRegistries: [{ url: `http://${HARBOR}/`, source: null }] }
  const { tree, failures } = expectedTree(intentOf({ talos: wrongTalos, spegel: wrongSpegel }), NODE)
  t.strictSame(filesOf(tree), {})
  t.match(failures, [
    /^Talos writes no mirror at all: .*cannot contain colon/,
    /^Spegel's init container fails: .*path/,
  ])
  t.end()
})
