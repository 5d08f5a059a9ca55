import t from 'tap'
import { peerSignature, roleOf } from '../../src/containerd/endpoint-role.ts'
import { explain } from '../../src/containerd/explain.ts'
import type { Endpoint } from '../../src/containerd/pull-path.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import type { SpegelIntent } from '../../src/intent/intent.ts'
import { readIntent } from '../../src/intent/read-intent.ts'
import { daemon, pathOfFile, ROOT, type Tree, treeOf } from './node.ts'

const SPEGEL_FILE = `server = 'http://192.168.1.106'

[host.'http://192.168.1.98:29999']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'
`
const NOBODY = peerSignature(null, '192.168.1.98')

function explained(image: string, tree: Tree, release = '2.1.9') {
  return explain(image, daemon(release, { mode: 'local' }), viewOf(new Map([[ROOT, treeOf(tree)]])), NOBODY)
}

t.test('the whole answer for a registry that Spegel mirrors', async (t) => {
  const common = {
    fetch: true,
    httpsFirst: false,
    overridePath: false,
    skipVerify: null,
    ca: [],
    client: false,
    headerNames: [],
  }
  t.same(explained('192.168.1.106/library/app:v1', { '192.168.1.106': { 'hosts.toml': SPEGEL_FILE } }), {
    image: '192.168.1.106/library/app:v1',
    registry: '192.168.1.106',
    containerd: { version: '2.1.9', pullMode: 'local' },
    directory: '/etc/cri/conf.d/hosts/192.168.1.106',
    endpoints: [
      {
        ...common,
        url: 'http://192.168.1.98:29999/v2',
        declaredIn: 'hosts.toml',
        role: 'peer',
        resolve: true,
        namespaceParam: true,
        capabilities: ['pull', 'resolve'],
        dialTimeout: '200ms',
      },
      {
        ...common,
        url: 'http://192.168.1.106/v2',
        declaredIn: 'server',
        role: 'origin',
        resolve: true,
        namespaceParam: false,
        capabilities: ['pull', 'resolve', 'push'],
        dialTimeout: null,
      },
    ],
    resolveRequests: [
      'HEAD http://192.168.1.98:29999/v2/library/app/manifests/v1?ns=192.168.1.106',
      'HEAD http://192.168.1.106/v2/library/app/manifests/v1',
    ],
    fetchRequests: [
      'GET http://192.168.1.98:29999/v2/library/app/manifests/<digest>?ns=192.168.1.106',
      'GET http://192.168.1.106/v2/library/app/manifests/<digest>',
    ],
    notes: [],
    error: null,
    witness: null,
  })
})

t.test('a digest: the manifests of all, then the blobs of all', async (t) => {
  const digest = `sha256:${'ab'.repeat(32)}`
  const { resolveRequests, fetchRequests } = explained(`192.168.1.106/app@${digest}`, {
    '192.168.1.106': { 'hosts.toml': SPEGEL_FILE },
  })
  const at = (kind: string) => [
    `http://192.168.1.98:29999/v2/app/${kind}/${digest}?ns=192.168.1.106`,
    `http://192.168.1.106/v2/app/${kind}/${digest}`,
  ]
  t.same(
    resolveRequests,
    [...at('manifests'), ...at('blobs')].map((it) => `HEAD ${it}`),
  )
  t.same(
    fetchRequests,
    at('manifests').map((it) => `GET ${it}`),
  )
})

t.test('ns is escaped, override_path is kept, a path is joined', async (t) => {
  const file =
    "server = 'http://192.0.2.2:6005'\n[host.'https://harbor.lan/v2/proxy']\noverride_path = true\n[host.'http://m/']\n"
  const { resolveRequests } = explained('192.0.2.2:6005/a:v1', { '192.0.2.2:6005': { 'hosts.toml': file } })
  t.same(resolveRequests, [
    'HEAD https://harbor.lan/v2/proxy/a/manifests/v1?ns=192.0.2.2%3A6005',
    'HEAD http://m/v2/a/manifests/v1?ns=192.0.2.2%3A6005',
    'HEAD http://192.0.2.2:6005/v2/a/manifests/v1',
  ])
})

t.test('an error where the pull fails before anybody is asked, and notes where a file does not count', async (t) => {
  const failed = explained('ghcr.io/a', { 'ghcr.io': 'a file' })
  t.equal(failed.error?.code, 'NOT_A_DIRECTORY')
  t.same([failed.resolveRequests, failed.fetchRequests], [[], []])
  const ignored = explained('ghcr.io/a', { 'ghcr.io': { 'hosts.toml': 'x = ' } })
  t.same(
    ignored.notes.map((it) => it.code),
    ['FILE_IGNORED'],
  )
  t.match(ignored.notes[0]?.message, /hosts\.toml is thrown away.* \(line 1, column \d+\)$/)
  t.equal(ignored.error, null)
})

t.test('nobody to resolve concerns tags alone', async (t) => {
  const tree = { 'ghcr.io': { 'hosts.toml': "server = 'http://a'\ncapabilities = ['pull']\n[host]\n" } }
  t.equal(explained('ghcr.io/a:v1', tree).error?.code, 'NO_RESOLVE_HOSTS')
  const byDigest = explained(`ghcr.io/a@sha256:${'ab'.repeat(32)}`, tree)
  t.equal(byDigest.error, null)
  t.equal(byDigest.resolveRequests.length, 2)
})

t.test('throws for what is no image', async (t) => {
  t.throws(() => explained('docker.io/UPPER', {}), { code: 'PP_REFERENCE_INVALID' })
})

function first(file: string): Endpoint {
  const [endpoint] = pathOfFile(file).endpoints
  if (endpoint === undefined) throw new Error(file)
  return endpoint
}

function spegelIntent(): SpegelIntent {
  const text = 'spegel: { mirroredRegistries: [http://192.168.1.106] }\n'
  const { spegel } = readIntent({
    talosFiles: [],
    spegelFiles: [{ path: 'spegel.yaml', text }],
    talosVersion: null,
    spegelVersion: null,
  })
  if (spegel === null) throw new Error('no intent')
  return { ...spegel, mirrorTargets: ['http://$(NODE_IP):31000'] }
}

t.test('roles: peer, origin, mirror', async (t) => {
  const declared = peerSignature(spegelIntent(), '192.168.1.98')
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["[host.'http://192.168.1.98:31000']", '192.168.1.106', 'peer', 'a declared target'],
    ["[host.'http://10.9.9.9:31000']", '192.168.1.106', 'peer', 'a declared target on a wrong address'],
    ["[host.'http://192.168.1.98:5000']\ndial_timeout = '200ms'", '192.168.1.106', 'peer', "Spegel's timeout"],
    ["[host.'http://192.168.1.98:30021']", '192.168.1.106', 'peer', "a port of Spegel's charts"],
    ["[host.'https://192.168.1.98:30021']", '192.168.1.106', 'mirror', 'Spegel speaks http'],
    ["[host.'http://192.168.1.7:5000']", '192.168.1.106', 'mirror', 'anything else'],
    ["[host.'http://192.168.1.106']", '192.168.1.106', 'origin', 'the registry itself'],
    ["[host.'http://192.168.1.106:80']", '192.168.1.106', 'origin', 'the same with its port'],
    ["[host.'https://192.168.1.106:80']", '192.168.1.106', 'mirror', 'another port'],
    ["[host.'https://registry-1.docker.io']", 'docker.io', 'origin', "Docker Hub's host"],
    ["[host.'https://index.docker.io']", 'docker.io', 'origin', "Docker Hub's other name"],
    ["[host.'https://registry-1.docker.io']", 'ghcr.io', 'mirror', "Docker Hub is nobody else's origin"],
  ]
  for (const [file, registry, role, why] of cases) t.equal(roleOf(first(`${file}\n`), registry, declared), role, why)
})

t.test("an IPv6 node's targets are written in brackets", async (t) => {
  t.same([...peerSignature(spegelIntent(), 'fd00::98').targets], ['[fd00::98]:31000'])
})
