import fc from 'fast-check'
import t from 'tap'
import { expectedTree } from '../../src/hosts/expected-tree.ts'
import { treeFingerprint, writerOf } from '../../src/hosts/fingerprint.ts'
import { writeSpegelTree } from '../../src/hosts/spegel-writer.ts'
import { writeTalosTree } from '../../src/hosts/talos-writer.ts'
import { type DirectoryNode, directoryNode, fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import { spegelIntent, talosIntent } from './writer-intents.ts'

const WIPED_AT = 1_700_000_300_000
const BY_TALOS = "[host]\n  [host.'http://192.168.1.106']\n    capabilities = ['pull', 'resolve']\n"
const BY_SPEGEL =
  "server = 'http://192.168.1.106'\n\n[host.'http://10.0.0.11:30021']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'"

t.test('a file is told by its text', (t) => {
  const cases: [text: string, writer: string][] = [
    [BY_TALOS, 'talos'],
    ["server = 'http://10.0.0.5'\ncapabilities = ['pull', 'resolve']\noverride_path = true\n", 'talos'],
    ["server = 'https://harbor.lan'\nca = '/x.crt'\nskip_verify = true\n", 'talos'],
    [`server = 'http://10.0.0.5'\ncapabilities = ['pull', 'resolve']\n${BY_TALOS}`, 'talos'],
    ['\n[host]\n\n  [host."http://10.0.0.5"]\n    capabilities = ["pull", "resolve"]\n', 'talos'],
    [BY_SPEGEL, 'spegel'],
    ["[host.'http://10.0.0.11:30021']\ncapabilities = ['pull']\ndial_timeout = '200ms'", 'spegel'],
    ["[host.'http://10.0.0.11:30021']\ncapabilities = ['pull', 'resolve']", 'spegel'],
    ["server = 'https://ghcr.io'", 'spegel'],
    [`${BY_SPEGEL}\n`, 'unknown'],
    [`${BY_SPEGEL}\n\n  [host.'http://x']`, 'unknown'],
    ["[host]\n'http://x' = { capabilities = ['pull'] }\n", 'unknown'],
    [`# by hand\n${BY_TALOS}`, 'unknown'],
    ['server = "http://10.0.0.5\n', 'unknown'],
    [BY_TALOS.replaceAll('\n', '\r\n'), 'unknown'],
    ['', 'unknown'],
    ['server', 'unknown'],
  ]
  for (const [text, writer] of cases) t.equal(writerOf(fileNode(text)), writer, text)
  t.end()
})

t.test('where the text says nothing its mode does', (t) => {
  t.equal(writerOf(fileNode('', { mode: 0o600 })), 'talos', 'no endpoints')
  t.equal(writerOf(fileNode('', { mode: 0o644 })), 'unknown')
  t.equal(writerOf(fileNode('-----BEGIN CERTIFICATE-----\n', { mode: 0o600 })), 'talos')
  t.equal(writerOf(fileNode('-----BEGIN CERTIFICATE-----\n', { mode: 0o644 })), 'unknown')
  t.equal(writerOf({ ...fileNode('', { mode: 0o600 }), text: null, omitted: 'secret' }), 'talos')
  t.equal(writerOf({ ...fileNode('', { mode: 0o600 }), text: null, omitted: 'too-large' }), 'unknown')
  t.end()
})

const talos = talosIntent({
  version: '1.13.6',
  mirrors: [
    {
      registry: '192.168.1.106',
      skipFallback: false,
      endpoints: [{ url: 'http://192.168.1.106', overridePath: false }],
    },
  ],
  tls: [],
  auth: [],
})
const spegel = spegelIntent({
  version: '0.7.4',
  registries: ['https://ghcr.io', 'http://192.168.1.106'],
  targets: ['http://10.0.0.11:30021'],
  resolveTags: true,
  prependExisting: true,
  basicAuth: true,
})
const options = { hostsDir: '/etc/cri/conf.d/hosts', imageCache: false }

function entry(text: string, modes: { file: number; directory: number }, modifiedAt: number): DirectoryNode {
  return directoryNode([['hosts.toml', fileNode(text, { mode: modes.file, modifiedAt })]], { mode: modes.directory })
}

t.test('every file that a writer makes is known as its own', (t) => {
  const intent = { talos, spegel, problems: [], notes: [] }
  const { tree } = expectedTree(intent, { ...options, ip: '10.0.0.11' })
  const print = treeFingerprint(tree)
  t.equal(print.state, 'spegel')
  t.strictSame(print.spegel.files, ['ghcr.io/hosts.toml', '192.168.1.106/hosts.toml'])
  t.strictSame(print.backup?.entries, ['192.168.1.106'])
  t.equal(treeFingerprint(writeTalosTree(talos, options).tree).state, 'talos')
  t.end()
})

t.test('after boot only Talos has written, and nothing shows Spegel', (t) => {
  const tree = directoryNode([['192.168.1.106', entry(BY_TALOS, { file: 0o600, directory: 0o700 }, WIPED_AT)]])
  const print = treeFingerprint(tree)
  t.equal(print.state, 'talos')
  t.equal(print.backup, null)
  t.strictSame(print.talosOverSpegel, [])
  t.strictSame(print.talos, { files: ['192.168.1.106/hosts.toml'], newest: WIPED_AT, oldest: WIPED_AT })
  t.end()
})

t.test("a file that Talos rewrote keeps Spegel's mode: Spegel was there before", (t) => {
  const tree = directoryNode([['192.168.1.106', entry(BY_TALOS, { file: 0o644, directory: 0o755 }, WIPED_AT)]], {
    modifiedAt: WIPED_AT + 5,
  })
  const print = treeFingerprint(tree)
  t.equal(print.state, 'talos')
  t.strictSame(print.talosOverSpegel, ['192.168.1.106/hosts.toml'])
  t.equal(print.entriesChangedAt, WIPED_AT + 5)
  t.end()
})

t.test('times are those of each writer', (t) => {
  const spegelModes = { file: 0o644, directory: 0o755 }
  const tree = directoryNode([
    ['ghcr.io', entry(BY_SPEGEL, spegelModes, 1000)],
    ['quay.io', entry(BY_SPEGEL, spegelModes, 2000)],
    ['192.168.1.106', entry(BY_TALOS, { file: 0o600, directory: 0o700 }, 5000)],
    ['by.hand', entry('# mine\n', spegelModes, 7000)],
    ['_backup', directoryNode([['old.lan', directoryNode()]], { modifiedAt: 900 })],
  ])
  const print = treeFingerprint(tree)
  t.equal(print.state, 'mixed')
  t.match(print.spegel, { oldest: 1000, newest: 2000 })
  t.match(print.talos, { oldest: 5000, newest: 5000 })
  t.strictSame(print.unknown, { files: ['by.hand/hosts.toml'], newest: 7000, oldest: 7000 })
  t.strictSame(print.backup, { entries: ['old.lan'], modifiedAt: 900 })
  t.end()
})

t.test('no tree is too strange to be looked at', (t) => {
  const { node } = fc.letrec<{ node: TreeNode }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'binary' }).map((it) => fileNode(it)),
      fc.constantFrom(fileNode(BY_TALOS), fileNode(BY_SPEGEL, { mode: 0o644, modifiedAt: 1 })),
      fc.constant<TreeNode>({ kind: 'unreadable', code: 'ELOOP', message: 'loop' }),
      fc
        .array(fc.tuple(fc.constantFrom('_backup', 'hosts.toml', 'ghcr.io', ''), tie('node')))
        .map((it) => directoryNode(it)),
    ),
  }))
  fc.assert(
    fc.property(node, (tree) => {
      const print = treeFingerprint(tree)
      const files = print.talos.files.length + print.spegel.files.length + print.unknown.files.length
      t.equal(print.state === 'empty', files === 0)
    }),
  )
  const run = writeSpegelTree(directoryNode(), { ...spegel, mirroredRegistries: [] }, { ip: '10.0.0.11' })
  t.strictSame(treeFingerprint(run.tree).spegel.files, ['_default/hosts.toml'])
  t.end()
})
