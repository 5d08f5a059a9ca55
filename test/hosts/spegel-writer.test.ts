import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { writeSpegelTree } from '../../src/hosts/spegel-writer.ts'
import { type DirectoryNode, directoryNode, fileNode, nodeAt, type TreeNode } from '../../src/hosts/tree.ts'
import { filesOf, type SpegelCase, spegelIntent, treeOf } from './writer-intents.ts'

const NODE = { ip: '10.0.0.11' }

interface Fixture extends SpegelCase {
  name: string
  before: Record<string, string>
  fails: boolean
  after: Record<string, string>
}

const fixtures: Fixture[] = JSON.parse(
  readFileSync(new URL('../fixtures/hosts/spegel-writer.json', import.meta.url), 'utf8'),
)

t.test('the tree is what the init container leaves on disk', (t) => {
  for (const fixture of fixtures) {
    const { tree, failure } = writeSpegelTree(treeOf(fixture.before), spegelIntent(fixture), NODE)
    t.equal(failure !== null, fixture.fails, `${fixture.version}: ${fixture.name}: ${failure ?? 'written'}`)
    t.strictSame(filesOf(tree), fixture.after, `${fixture.version}: ${fixture.name}`)
  }
  t.end()
})

const plain: SpegelCase = {
  version: '0.7.4',
  registries: ['https://ghcr.io'],
  targets: ['http://$(NODE_IP):30020'],
  resolveTags: true,
  prependExisting: false,
  basicAuth: false,
}

t.test("targets carry the node's address as the chart writes it, IPv6 without brackets", (t) => {
  for (const ip of ['10.0.0.11', 'fd00::11']) {
    const { tree } = writeSpegelTree(directoryNode(), spegelIntent(plain), { ip })
    t.match(filesOf(tree)['ghcr.io/hosts.toml'], `[host.'http://${ip}:30020']`)
  }
  const onMain = writeSpegelTree(directoryNode(), spegelIntent({ ...plain, version: '0.8.0' }), { ip: 'fd00::11' })
  t.match(onMain.failure, 'invalid port', 'Go 1.26, with which main is built, refuses it')
  t.end()
})

t.test('without containerdMirrorAdd the tree is untouched', (t) => {
  const tree = treeOf({ 'ghcr.io/hosts.toml': '# by hand\n' })
  const result = writeSpegelTree(tree, { ...spegelIntent(plain), addsMirrors: false }, NODE)
  t.equal(result.tree, tree)
  t.equal(result.failure, null)
  t.end()
})

t.test('dial_timeout is written from 0.3 on', (t) => {
  for (const [version, expected] of [
    ['0.1.1', false],
    ['0.2.0', false],
    ['0.3.0', true],
    ['0.7.4', true],
  ] as const) {
    const { tree } = writeSpegelTree(directoryNode(), spegelIntent({ ...plain, version }), NODE)
    t.equal(filesOf(tree)['ghcr.io/hosts.toml']?.includes("dial_timeout = '200ms'"), expected, version)
  }
  t.end()
})

t.test('what was there is moved, not rewritten; what is written anyone can read', (t) => {
  const old = fileNode('# by hand\n', { mode: 0o600, modifiedAt: 1_700_000_000_000 })
  const before = directoryNode([['ghcr.io', directoryNode([['hosts.toml', old]], { mode: 0o700 })]])
  const { tree } = writeSpegelTree(before, spegelIntent(plain), NODE)
  t.equal(nodeAt(tree, '_backup/ghcr.io/hosts.toml'), old)
  t.match(nodeAt(tree, 'ghcr.io/hosts.toml'), { mode: 0o644, modifiedAt: null })
  t.match(nodeAt(tree, 'ghcr.io'), { mode: 0o755 })
  t.end()
})

t.test('a backup that cannot be read makes it fail', (t) => {
  const unreadable: TreeNode = { kind: 'unreadable', code: 'EACCES', message: 'permission denied' }
  const intent = spegelIntent({ ...plain, prependExisting: true })
  t.match(writeSpegelTree(directoryNode([['ghcr.io', unreadable]]), intent, NODE).failure, 'permission denied')
  t.match(writeSpegelTree(directoryNode([['_backup', unreadable]]), intent, NODE).failure, 'permission denied')
  const directory = directoryNode([['hosts.toml', directoryNode()]])
  t.match(writeSpegelTree(directoryNode([['ghcr.io', directory]]), intent, NODE).failure, 'is a directory')
  t.end()
})

const name = fc.constantFrom(
  'ghcr.io',
  '192.168.1.106',
  '192.168.1.106:5000',
  '_default',
  '_backup',
  'hosts.toml',
  'x.crt',
)
const text = fc.oneof(
  fc.constantFrom(
    "[host]\n  [host.'http://192.168.1.106']\n    capabilities = ['pull', 'resolve']\n",
    "server = 'http://x'\n[host.a]\nk = [{ a = 1 }]\n[host.a.header]\nX = 'y'\n",
    "[host.'a']\n[host.'a']\n",
    '',
  ),
  fc.string({ unit: 'binary' }),
)
const { node: anyNode } = fc.letrec<{ node: TreeNode; directory: DirectoryNode; file: TreeNode }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, tie('file'), tie('directory')),
  directory: fc.array(fc.tuple(name, tie('node')), { maxLength: 5 }).map((it) => directoryNode(it)),
  file: text.map((it) => fileNode(it)),
}))
const anyTree = fc.array(fc.tuple(name, anyNode), { maxLength: 6 }).map((it) => directoryNode(it))
const anyCase = fc.record({
  version: fc.constantFrom('0.1.0', '0.3.0', '0.4.0', '0.5.1', '0.7.4', '0.8.0'),
  registries: fc.array(
    fc.oneof(
      fc.constantFrom('https://ghcr.io', 'http://192.168.1.106', 'http://192.168.1.106:5000', '*', '_default'),
      fc.constantFrom('http://..', 'http:x', 'http://_backup', 'http://hosts.toml', 'http://'),
      fc.string(),
    ),
    { maxLength: 4 },
  ),
  targets: fc.array(fc.constantFrom('http://$(NODE_IP):30020', 'http://[fd00::1]:30021'), { maxLength: 2 }),
  resolveTags: fc.boolean(),
  prependExisting: fc.boolean(),
  basicAuth: fc.boolean(),
})

t.test('a second run changes nothing, whatever stood there', (t) => {
  fc.assert(
    fc.property(anyTree, anyCase, (tree, it) => {
      // Registries that write into the backup itself change what the next run finds.
      fc.pre(!it.registries.some((url) => /^https?:(\/\/_backup|\/\/\.?\.?$|[^/]|$)/i.test(url)))
      const first = writeSpegelTree(tree, spegelIntent(it), NODE)
      const second = writeSpegelTree(first.tree, spegelIntent(it), NODE)
      t.strictSame(filesOf(second.tree), filesOf(first.tree))
      t.equal(second.failure, first.failure)
    }),
    { numRuns: 300 },
  )
  t.end()
})

t.test('nothing that lies on a node makes the writer throw', (t) => {
  fc.assert(
    fc.property(anyTree, anyCase, (tree, it) => {
      const result = writeSpegelTree(tree, spegelIntent(it), NODE)
      return result.tree.kind === 'directory'
    }),
    { numRuns: 500 },
  )
  t.end()
})
