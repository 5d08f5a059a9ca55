import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { readConfigurationArguments } from '../../src/intent/spegel-command-line.ts'

const words = (...texts: string[]) => texts.map((text) => ({ text, source: null }))
const environment = (variables: Record<string, string>) =>
  new Map(Object.entries(variables).map(([name, text]) => [name, { text, source: null }]))
const read = (texts: string[], variables: Record<string, string> = {}) => {
  const told = readConfigurationArguments(words(...texts), environment(variables))
  return {
    path: told.registryConfigPath.text,
    mirrored: told.mirroredRegistries.map((it) => it.text),
    targets: told.mirrorTargets.map((it) => it.text),
    resolveTags: told.resolveTags,
    prependExisting: told.prependExisting,
  }
}

t.test('arguments as go-arg reads them', async (t) => {
  const defaults = { path: '/etc/containerd/certs.d', mirrored: [], resolveTags: true, prependExisting: false }
  t.same(
    read(['--mirror-targets', 'a', 'b']),
    { ...defaults, targets: ['a', 'b'] },
    'a list takes all words up to a flag',
  )
  t.same(read(['--mirror-targets=a', '--mirror-targets=b']).targets, ['b'], 'the last list counts')
  t.same(read(['-mirror-targets', 'a', '-', '', '--']).targets, ['a', '-', ''], 'one dash does, and is a value alone')
  t.equal(read(['--mirror-targets=a', '--prepend-existing']).prependExisting, true)
  t.equal(read(['--mirror-targets=a', '--prepend-existing=']).prependExisting, true)
  t.equal(read(['--mirror-targets=a', '--resolve-tags=0']).resolveTags, false)
  t.equal(read(['--mirror-targets=a', '--containerd-registry-config-path=', '/x']).path, '/x')
})

t.test('variables count where no flag is given', async (t) => {
  const told = read(['--mirrored-registries=https://a'], {
    MIRROR_TARGETS: 'http://a,"http://b,c"',
    MIRRORED_REGISTRIES: 'https://ignored',
    RESOLVE_TAGS: 'false',
    CONTAINERD_REGISTRY_CONFIG_PATH: '/hosts',
  })
  t.same(told, {
    path: '/hosts',
    mirrored: ['https://a'],
    targets: ['http://a', 'http://b,c'],
    resolveTags: false,
    prependExisting: false,
  })
})

t.test('what go-arg refuses is refused', async (t) => {
  const refused = [
    [],
    ['--mirror-targets'],
    ['stray', '--mirror-targets=a'],
    ['--mirror-targets=a', '--prepend-existing', 'true'],
    ['--mirror-targets=a', '--prepend-existing=maybe', '--prepend-existing=true'],
    ['--mirror-targets=a', '--unknown=1'],
    ['--mirror-targets=a', '--containerd-registry-config-path'],
    ['--mirror-targets=a', '--containerd-registry-config-path', '--resolve-tags'],
    ['--mirror-targets', 'a', '--', 'b'],
  ]
  for (const texts of refused) t.throws(() => read(texts), { code: 'PP_INTENT_INVALID' }, texts.join(' '))
})

t.test('any words are read or refused by name', async (t) => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '--mirror-targets',
      '--mirrored-registries',
      '--resolve-tags=',
      '--prepend-existing=T',
      '--',
      '-',
      '',
    ),
  )
  fc.assert(
    fc.property(fc.array(word), (texts) => {
      try {
        const told = read(['--mirror-targets=http://first', ...texts])
        return told.targets.every((it) => it === 'http://first' || texts.some((text) => text.endsWith(it)))
      } catch (error) {
        return error instanceof PullpathError
      }
    }),
  )
  t.pass('held')
})
