import t from 'tap'
import { globFiles } from '../../src/watch/glob-files.ts'

const DIRECTORIES: Readonly<Record<string, readonly string[]>> = {
  '/': ['etc'],
  '/etc': ['b', 'a'],
  '/etc/a': ['two.yaml', 'one.yaml', '.hidden.yaml', '..data', 'one.yml', 'oneXyaml'],
  '/etc/b': ['three.yaml', '(odd) [name]+.yaml'],
}
const list = (directory: string) => DIRECTORIES[directory] ?? []

const MATCHES: readonly (readonly [string, readonly string[]])[] = [
  ['/etc/a/*.yaml', ['/etc/a/one.yaml', '/etc/a/two.yaml']],
  ['/etc/*/t*.yaml', ['/etc/a/two.yaml', '/etc/b/three.yaml']],
  ['/etc/*/two.yaml', ['/etc/a/two.yaml']],
  ['/etc/a/one.y?ml', ['/etc/a/one.yaml']],
  ['/etc/b/(odd) [name]+.*', ['/etc/b/(odd) [name]+.yaml']],
  ['/etc/a/.*.yaml', ['/etc/a/.hidden.yaml']],
  ['/etc/nothing/*.yaml', []],
  ['/etc/nothing/file.yaml', ['/etc/nothing/file.yaml']],
  ['/*', ['/etc']],
]

t.test('patterns match parts of one name, sorted', async (t) => {
  for (const [pattern, paths] of MATCHES) t.same(globFiles(pattern, list, { hidden: false }), paths, pattern)
})

t.test('as in Go, a star matches a leading dot where that is asked for', async (t) => {
  t.same(globFiles('/etc/a/*.yaml', list, { hidden: true }), [
    '/etc/a/.hidden.yaml',
    '/etc/a/one.yaml',
    '/etc/a/two.yaml',
  ])
})
