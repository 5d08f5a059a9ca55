import t from 'tap'
import { chooseDirectory } from '../../src/containerd/directory-choice.ts'
import type { PullMode } from '../../src/containerd/pull-path.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import { fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import { daemon, type Tree, treeOf } from './node.ts'

const unreadable = (code: string): TreeNode => ({ kind: 'unreadable', code, message: code })

/** The directory that is chosen, or the code of what stands in its way. */
function chosen(trees: Readonly<Record<string, Tree | TreeNode>>, configPath: string, mode: PullMode = 'local') {
  const roots = Object.entries(trees).map(([path, it]) => [path, isNode(it) ? it : treeOf(it)] as const)
  const choice = chooseDirectory('192.0.2.2:6005', daemon('2.2.7', { configPath, mode }), viewOf(new Map(roots)))
  if (choice.kind === 'none') return null
  return choice.kind === 'directory' ? choice.path : choice.error.code
}

function isNode(it: Tree | TreeNode): it is TreeNode {
  return typeof it.kind === 'string'
}

t.test('where the directories of config_path are', async (t) => {
  const entry = { '192.0.2.2:6005': {} }
  const cases: readonly (readonly [string, Readonly<Record<string, Tree | TreeNode>>, string, string | null])[] = [
    ['one', { '/a': entry }, '/a', '/a/192.0.2.2:6005'],
    ['one that is empty', { '/a': {} }, '/a', null],
    ['the first of two that has it', { '/a': {}, '/b': entry }, '/a:/b', '/b/192.0.2.2:6005'],
    [
      '_default of the first before the name in the second',
      { '/a': { _default: {} }, '/b': entry },
      '/a:/b',
      '/a/_default',
    ],
    ['an empty element is the working directory', { '/': entry }, ':/b', '/192.0.2.2:6005'],
    ['a relative one counts from it too', { '/certs.d': entry }, 'certs.d', '/certs.d/192.0.2.2:6005'],
    ['a trailing slash says nothing', { '/a': entry }, '/a/', '/a/192.0.2.2:6005'],
    ['a file in its place', { '/a': fileNode('') }, '/a', 'DIRECTORY_UNREADABLE'],
    ['a link that leads to itself', { '/a': unreadable('ELOOP') }, '/a', 'DIRECTORY_UNREADABLE'],
    ['one that we may not read', { '/a': unreadable('EACCES') }, '/a', 'NOT_SEEN'],
    ['one that was not read', {}, '/a', 'NOT_SEEN'],
    ['an entry that is a device', { '/a': { '192.0.2.2:6005': unreadable('ENOTREG') } }, '/a', '/a/192.0.2.2:6005'],
  ]
  for (const [what, trees, configPath, expected] of cases) t.equal(chosen(trees, configPath), expected, what)
})

t.test('a list is one path to the transfer service, and nothing is there', async (t) => {
  const entry = { '192.0.2.2:6005': {} }
  t.equal(chosen({ '/a': entry, '/b': entry }, '/a:/b', 'transfer'), null)
  t.equal(chosen({}, '/a:/b', 'transfer'), null)
  t.equal(chosen({ '/a:/b': entry }, '/a:/b', 'transfer'), '/a:/b/192.0.2.2:6005', 'unless somebody made it')
})
