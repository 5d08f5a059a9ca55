import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type DirectoryNode, nodeAt, type TreeNode } from '../../src/hosts/tree.ts'
import { readTree, TreeReader } from '../../src/watch/read-tree.ts'

const HOSTS = '/etc/cri/conf.d/hosts'
const TALOS = `[host]\n  [host.'http://192.168.1.106']\n    capabilities = ['pull', 'resolve']\n`

type Files = Record<string, NonNullable<Parameters<Test['testdir']>[0]>>

/** A node's file system with a hosts tree in it. */
function testNode(t: Test, hosts: Files, others: Files = {}) {
  const root = t.testdir({ etc: { cri: { 'conf.d': { hosts } } }, ...others })
  return { root, hosts: join(root, HOSTS), read: () => readTree(HOSTS, { hostRoot: root }) }
}

function fileAt(tree: TreeNode, path: string) {
  const node = nodeAt(tree, path)
  if (node?.kind !== 'file') throw new Error(`${path} is ${node?.kind}`)
  return node
}

t.test('reads directories and files with modes and times', async (t) => {
  const node = testNode(t, { '192.168.1.106': { 'hosts.toml': TALOS }, _backup: { 'ghcr.io': {} } })
  utimesSync(join(node.hosts, '192.168.1.106/hosts.toml'), 1_790_000_000, 1_790_000_000)
  const tree = node.read()
  const file = fileAt(tree, '192.168.1.106/hosts.toml')
  t.match(file, { text: TALOS, omitted: null, size: TALOS.length, modifiedAt: 1_790_000_000_000 })
  t.equal((file.mode ?? 0) & 0o400, 0o400)
  t.match(nodeAt(tree, '_backup/ghcr.io'), { kind: 'directory' })
  t.equal(nodeAt(tree, 'docker.io'), undefined)
})

t.test('a directory that does not exist, or is a file, is told from an empty one', async (t) => {
  const root = t.testdir({ file: 'text', empty: {}, hosts: t.fixture('symlink', 'file') })
  t.match(readTree('/missing/hosts', { hostRoot: root }), { kind: 'unreadable', code: 'ENOENT' })
  t.match(readTree('/file/hosts', { hostRoot: root }), { kind: 'unreadable', code: 'ENOTDIR' })
  t.match(readTree('/file', { hostRoot: root }), { kind: 'file', text: 'text' })
  t.match(readTree('/hosts', { hostRoot: root }), { kind: 'file' })
  t.match(readTree('/empty', { hostRoot: root }), { kind: 'directory' })
  t.match(readTree('/x', { hostRoot: join(root, 'nothing') }), { kind: 'unreadable', code: 'ENOENT' })
})

t.test('links are followed as the node would follow them', async (t) => {
  const node = testNode(
    t,
    {
      absolute: t.fixture('symlink', '/var/mirrors/a'),
      relative: t.fixture('symlink', '../../../../var/mirrors/a'),
      above: t.fixture('symlink', '../../../../../../../../../../../../../../var/mirrors/a'),
      dangling: t.fixture('symlink', 'nowhere'),
      outside: t.fixture('symlink', '/not/mounted'),
      loop: t.fixture('symlink', 'loop'),
      'one-of-two': t.fixture('symlink', 'two-of-two'),
      'two-of-two': t.fixture('symlink', 'one-of-two'),
    },
    { var: { mirrors: { a: { 'hosts.toml': TALOS } } } },
  )
  const tree = node.read()
  for (const name of ['absolute', 'relative', 'above']) t.equal(fileAt(tree, `${name}/hosts.toml`).text, TALOS, name)
  t.equal(nodeAt(tree, 'dangling'), undefined)
  t.match(nodeAt(tree, 'outside'), { kind: 'unreadable', code: 'NOT_SEEN' })
  for (const name of ['loop', 'one-of-two']) t.match(nodeAt(tree, name), { kind: 'unreadable', code: 'ELOOP' }, name)
})

t.test('a chain of 40 links is followed and one of 41 is not, as in the kernel', async (t) => {
  const node = testNode(t, { target: { 'hosts.toml': TALOS } })
  symlinkSync('target', join(node.hosts, 'link-1'))
  for (let count = 2; count <= 41; count++) symlinkSync(`link-${count - 1}`, join(node.hosts, `link-${count}`))
  const tree = node.read()
  t.equal(fileAt(tree, 'link-40/hosts.toml').text, TALOS)
  t.match(nodeAt(tree, 'link-41'), { kind: 'unreadable', code: 'ELOOP' })
})

t.test('a link to a directory above ends there instead of going round', async (t) => {
  const node = testNode(t, { a: { up: t.fixture('symlink', '..') } })
  t.match(nodeAt(node.read(), 'a/up'), { kind: 'unreadable', code: 'NOT_SEEN' })
})

t.test('what is no regular file is never opened', async (t) => {
  const node = testNode(t, { a: {}, b: { 'hosts.toml': t.fixture('symlink', '/dev/zero') } })
  execFileSync('mkfifo', [join(node.hosts, 'a/hosts.toml')])
  const tree = node.read()
  t.match(nodeAt(tree, 'a/hosts.toml'), {
    kind: 'unreadable',
    code: 'ENOTREG',
    message: 'is a FIFO, not a regular file',
  })
  t.match(readTree('/dev/zero', { hostRoot: '/' }), { kind: 'unreadable', code: 'ENOTREG' })
})

t.test('files that are empty, too large, binary or secret', async (t) => {
  const node = testNode(t, {
    a: {
      empty: '',
      large: '',
      binary: '',
      'client.key': 'SECRET',
      'linked.key': t.fixture('symlink', 'plain'),
      plain: 'SECRET',
    },
  })
  truncateSync(join(node.hosts, 'a/large'), 20 * 1024 * 1024)
  writeFileSync(join(node.hosts, 'a/binary'), Buffer.from([0x80, 0x81, 0xff]))
  const tree = node.read()
  t.match(fileAt(tree, 'a/empty'), { text: '', omitted: null, size: 0 })
  t.match(fileAt(tree, 'a/large'), { text: null, omitted: 'too-large', size: 20 * 1024 * 1024 })
  t.match(fileAt(tree, 'a/binary'), { text: null, omitted: 'not-utf8', size: 3 })
  t.match(fileAt(tree, 'a/client.key'), { text: null, omitted: 'secret' })
  t.match(fileAt(tree, 'a/linked.key'), { text: null, omitted: 'secret' })
})

t.test('an endless tree is read to a bound, and says so', async (t) => {
  const node = testNode(t, {})
  mkdirSync(join(node.hosts, 'a/b/c/d/e/f/g/h'), { recursive: true })
  t.match(nodeAt(node.read(), 'a/b/c/d/e/f/g'), { kind: 'unreadable', code: 'NOT_SEEN' })
  for (let count = 0; count <= 20_000; count++) writeFileSync(join(node.hosts, `a/${count}`), '')
  t.match(nodeAt(node.read(), 'a'), { kind: 'unreadable', code: 'NOT_SEEN', message: /more than 20000 entries/ })
})

t.test('what did not change keeps its node, up to the root', async (t) => {
  const node = testNode(t, { a: { 'hosts.toml': 'server = "http://a"' }, b: { 'hosts.toml': 'server = "http://b"' } })
  const reader = new TreeReader(node.root, HOSTS)
  const first = reader.read().tree
  t.equal(reader.read().tree, first)
  writeFileSync(join(node.hosts, 'a/hosts.toml'), 'server = "http://c"')
  const second = reader.read().tree
  t.not(second, first)
  t.equal(fileAt(second, 'a/hosts.toml').text, 'server = "http://c"')
  t.equal(nodeAt(second, 'b'), nodeAt(first, 'b'))
})

t.test('a file that is written twice within one tick of the clock is read twice', async (t) => {
  const node = testNode(t, { a: { 'hosts.toml': '' } })
  const reader = new TreeReader(node.root, HOSTS)
  for (let count = 100; count < 400; count++) {
    writeFileSync(join(node.hosts, 'a/hosts.toml'), `# ${count}`)
    if (fileAt(reader.read().tree, 'a/hosts.toml').text !== `# ${count}`) t.fail(`missed change ${count}`)
  }
  t.pass()
})

t.test('a directory that is removed and made again is read anew', async (t) => {
  const node = testNode(t, { a: { 'hosts.toml': 'server = "http://a"' } })
  const reader = new TreeReader(node.root, HOSTS)
  reader.read()
  rmSync(node.hosts, { recursive: true })
  t.match(reader.read().tree, { kind: 'unreadable', code: 'ENOENT' })
  mkdirSync(join(node.hosts, 'a'), { recursive: true })
  const again = reader.read().tree as DirectoryNode
  t.match(again.entries.get('a'), { kind: 'directory' })
  t.equal(nodeAt(again, 'a/hosts.toml'), undefined)
})
