import t from 'tap'
import { readSpegelIntent } from '../../src/intent/spegel-intent.ts'
import { parseSpegelVersion } from '../../src/intent/spegel-version.ts'

const read = (version: string, text: string) =>
  readSpegelIntent([{ path: 'values.yaml', text }], { version: parseSpegelVersion(version) })
const codes = (version: string, text: string) => read(version, text).problems.map((it) => it.code)

const RELEASED = ['0.1.0', '0.1.1', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.5.1', '0.6.0', '0.7.0', '0.7.4']

t.test('the defaults of every chart', async (t) => {
  for (const version of [...RELEASED, 'main']) {
    const { intent, problems } = read(version, '{}')
    const targets = version === 'main' ? [30020] : [30020, 30021]
    t.match(intent, {
      addsMirrors: true,
      registryConfigPath: '/etc/containerd/certs.d',
      mirroredRegistries: [],
      mirrorTargets: targets.map((port) => `http://$(NODE_IP):${port}`),
      resolveTags: true,
      prependExisting: false,
      basicAuth: false,
      registryFilters: [],
      servedRegistries: null,
    })
    t.same(problems, [])
  }
})

t.test('keys count only in the charts that read them', async (t) => {
  const table = [
    ['spegel: {registryFilters: [x]}', ['0.1.0', '0.1.1', '0.2.0', '0.3.0']],
    ['spegel: {resolveLatestTag: false}', ['0.6.0', '0.7.0', '0.7.4', 'main']],
    [
      'spegel: {persistence: {enabled: false}}',
      ['0.1.0', '0.1.1', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.5.1', '0.6.0'],
    ],
    ['service: {registry: {hostPort: 29999}}', ['main']],
    ['service: {registry: {internalTrafficLocal: true}}', RELEASED],
    [
      'service: {registry: {usePreferSameNodeTrafficDistribution: true}}',
      ['0.1.0', '0.1.1', '0.2.0', '0.3.0', '0.4.0', 'main'],
    ],
  ] as const
  for (const [text, ignoredBy] of table) {
    const found = [...RELEASED, 'main'].filter((it) => codes(it, text).includes('SPEGEL_KEY_IGNORED'))
    t.same(
      found,
      [...RELEASED, 'main'].filter((it) => ignoredBy.some((name) => name === it)),
      text,
    )
  }
  t.same(read('0.3.0', 'spegel: {registryFilters: [x]}').intent.registryFilters, [])
})

t.test('the targets: host port, node port, then the additional ones', async (t) => {
  const text =
    'service: {registry: {hostPort: 29999, nodePort: 31000}}\nspegel: {additionalMirrorTargets: [http://cache.lan]}'
  const targets = (version: string, more = '') =>
    read(version, text.replace('{hostPort', `{${more}hostPort`)).intent.mirrorTargets
  t.same(targets('0.7.4'), ['http://$(NODE_IP):29999', 'http://$(NODE_IP):31000', 'http://cache.lan'])
  t.same(targets('main'), ['http://$(NODE_IP):31000', 'http://cache.lan'])
  const prefer = 'usePreferSameNodeTrafficDistribution: true, '
  t.same(targets('0.5.0', prefer), ['http://$(NODE_IP):31000', 'http://cache.lan'])
  t.equal(targets('0.4.0', prefer).length, 3)
  t.same(targets('0.7.4', 'nodeIp: 10.0.0.9, ')[0], 'http://10.0.0.9:29999')
})

t.test('which wildcard each version knows', async (t) => {
  const list = (entries: string) => `spegel: {mirroredRegistries: [${entries}]}`
  const refused = (entries: string) => [...RELEASED, 'main'].filter((it) => codes(it, list(entries)).length > 0)
  t.same(refused('_default'), ['0.1.0', '0.1.1', '0.2.0', '0.3.0'])
  t.same(refused('"*"'), ['0.1.0', '0.1.1', '0.2.0', '0.3.0', '0.4.0'])
  t.same(codes('0.7.4', list('"*", _default')), ['SPEGEL_REGISTRY_DUPLICATE'])
})

t.test('switches are what Helm makes of them', async (t) => {
  const table = [
    ['containerdMirrorAdd: false', 'addsMirrors', false],
    ['containerdMirrorAdd: "false"', 'addsMirrors', true],
    ['containerdMirrorAdd: off', 'addsMirrors', false],
    ['prependExisting: yes', 'prependExisting', true],
    ['prependExisting: 1', 'prependExisting', true],
    ['resolveTags: "F"', 'resolveTags', false],
  ] as const
  for (const [text, key, value] of table) t.equal(read('0.7.4', `spegel: {${text}}`).intent[key], value, text)
})

t.test('versions of the main branch', async (t) => {
  for (const text of ['main', 'latest', 'b8c715a', 'sha-b8c715accc92534ba28ba20730fd61116994f99b']) {
    t.match(parseSpegelVersion(text), { major: 0, minor: 8, text })
  }
  t.equal(parseSpegelVersion('newest'), null)
})
