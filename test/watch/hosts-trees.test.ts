import { join } from 'node:path'
import t from 'tap'
import { directoryNode, type TreeNode } from '../../src/hosts/tree.ts'
import { areSameTrees, HostsTreesReader } from '../../src/watch/hosts-trees.ts'

/** The kind of a node, and the code of one that cannot be read. */
const kindOf = (tree: TreeNode | undefined) => (tree?.kind === 'unreadable' ? tree.code : tree?.kind)

t.test('a directory that containerd was told to read and that is not there', async (t) => {
  const root = t.testdir({ hosts: {}, other: {} })
  const cases = [
    { hostRoot: '/', path: join(root, 'hosts'), kind: 'directory', why: 'the one that Talos and Spegel write' },
    { hostRoot: '/', path: join(root, 'other'), kind: 'directory', why: 'another one that is there' },
    { hostRoot: '/', path: join(root, 'missing'), kind: 'directory', why: 'missing: it counts as empty' },
    { hostRoot: root, path: '/missing', kind: 'NOT_SEEN', why: 'missing, or only not mounted here' },
    { hostRoot: root, path: '/other', kind: 'directory', why: 'mounted beside it' },
  ]
  for (const { hostRoot, path, kind, why } of cases) {
    const hostsDir = hostRoot === '/' ? join(root, 'hosts') : '/hosts'
    const { value } = new HostsTreesReader(hostRoot, hostsDir).read(`${hostsDir}:${path}`)
    t.equal(kindOf(value.get(path)), kind, why)
  }
})

t.test('the directory that Talos and Spegel write is never taken for empty where it is missing', async (t) => {
  const missing = join(t.testdir({}), 'hosts')
  t.equal(kindOf(new HostsTreesReader('/', missing).read('').value.get(missing)), 'ENOENT')
})

t.test('an element of config_path that is empty or relative is not read', async (t) => {
  const hosts = join(t.testdir({ hosts: {} }), 'hosts')
  t.same([...new HostsTreesReader('/', hosts).read(':certs.d').value.keys()], [hosts])
})

t.test('an unchanged reading is the same, a missing directory included', async (t) => {
  const root = t.testdir({ hosts: {} })
  const reader = new HostsTreesReader('/', join(root, 'hosts'))
  const read = () => reader.read(join(root, 'missing')).value
  t.ok(areSameTrees(read(), read()))
})

t.test('readings are not the same where a directory is more, another, or replaced', async (t) => {
  const [one, two] = [directoryNode(), directoryNode()]
  const cases: readonly (readonly [[string, TreeNode][], [string, TreeNode][], boolean])[] = [
    [[['/a', one]], [['/a', one]], true],
    [[['/a', one]], [], false],
    [[['/a', one]], [['/b', one]], false],
    [[['/a', one]], [['/a', two]], false],
  ]
  for (const [a, b, same] of cases) t.equal(areSameTrees(new Map(a), new Map(b)), same)
})
