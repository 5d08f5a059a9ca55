import t from 'tap'
import { type Behaviour, behaviourOf } from '../../src/containerd/behaviour.ts'
import { version } from './node.ts'

const patches = (minor: string, last: number) => Array.from({ length: last + 1 }, (_, patch) => `${minor}.${patch}`)
/** Every release from 1.7 to the newest, in the order of their numbers. */
const RELEASES = [
  ...patches('1.7', 34),
  ...patches('2.0', 11),
  ...patches('2.1', 9),
  ...patches('2.2', 7),
  ...patches('2.3', 5),
  '2.4.0',
]

/** What changes with a release, against the one before it in that list. A fix that a branch never got goes away again. */
const CHANGES: Readonly<Record<string, Partial<Behaviour>>> = {
  '1.7.7': { httpsFirst: 'any-port' },
  '1.7.8': { httpsFirst: 'explicit-port-but-80', localhostScheme: 'by-port' },
  '1.7.16': { fallbackSticks: true },
  '1.7.24': { httpsFirst: 'any-port-but-80', fallbackOnPortError: true },
  '1.7.32': { refusesFileWithoutHosts: false },
  '2.0.0': { dialect: 'go-toml-2', configVersion: 3, importsReplacePlugins: false, reportsMostRelevantError: true },
  '2.0.7': { dialTimeout: 'explicit-tls' },
  '2.0.11': { blobsOnlyAfterNotFound: true },
  '2.1.0': {
    dialTimeout: 'connect-only',
    transferService: true,
    blobsOnlyAfterNotFound: false,
    retriesServerErrors: true,
    headerSeparatesAuthorizer: true,
  },
  '2.2.0': {
    knowsReferrers: true,
    keepsQueryOfPath: true,
    defaultConfigPath: '/etc/containerd/certs.d:/etc/docker/certs.d',
    defaultConfigPathCollides: true,
  },
  '2.2.2': { defaultConfigPathCollides: false },
  '2.2.6': { blobsOnlyAfterNotFound: true },
  '2.3.0': { configVersion: 4, checksReplacementGet: true, strictColons: true },
  '2.3.2': { attempts: 5, retriesTransportErrors: true },
  '2.3.3': { asksForbiddenAgain: true },
  '2.4.0': { hasGoToml24: true },
}

t.test('each release changes what is known to change with it, and nothing else', async (t) => {
  let before = behaviourOf(version('1.7.0'))
  for (const release of RELEASES.slice(1)) {
    const now = behaviourOf(version(release))
    const changed = Object.entries(now).filter(([rule, value]) => before[rule as keyof Behaviour] !== value)
    t.same(Object.fromEntries(changed), CHANGES[release] ?? {}, release)
    before = now
  }
})

t.test('the rules of the oldest release that is supported', async (t) => {
  t.same(behaviourOf(version('1.7.0')), {
    dialect: 'go-toml-1',
    hasGoToml24: false,
    refusesFileWithoutHosts: true,
    knowsReferrers: false,
    dialTimeout: 'unknown',
    httpsFirst: 'never',
    localhostScheme: 'http',
    fallbackSticks: false,
    fallbackOnPortError: false,
    strictColons: false,
    keepsQueryOfPath: false,
    transferService: false,
    defaultConfigPath: '',
    defaultConfigPathCollides: false,
    configVersion: 2,
    importsReplacePlugins: true,
    blobsOnlyAfterNotFound: false,
    reportsMostRelevantError: false,
    retriesServerErrors: false,
    attempts: 6,
    retriesTransportErrors: false,
    asksForbiddenAgain: false,
    checksReplacementGet: false,
    headerSeparatesAuthorizer: false,
  })
})

t.test('a pre-release has the rules of its release, a package those of its source', async (t) => {
  for (const [text, release] of [
    ['2.0.0-rc.4', '2.0.0'],
    ['2.2.0-beta.1', '2.2.0'],
    ['1.7.24~ds1', '1.7.24'],
    ['1.7.24-0ubuntu1', '1.7.24'],
  ] as const) {
    t.same(behaviourOf(version(text)), behaviourOf(version(release)), text)
  }
})

t.test('a build without the stamp of a release has the TOML library of its distribution', async (t) => {
  const stamped = behaviourOf(version('v2.1.9'))
  t.same(behaviourOf(version('2.1.9+unknown')), { ...stamped, hasGoToml24: true })
  t.same(behaviourOf(version('1.7.34+unknown')), behaviourOf(version('1.7.34')), '1.x has one alone')
})

t.test('what is past its end of life is refused by name', async (t) => {
  for (const text of ['1.6.39', '1.5.18', '0.2.9']) {
    t.throws(() => behaviourOf(version(text)), { code: 'PP_VERSION_UNSUPPORTED', message: `containerd ${text}` })
  }
  t.doesNotThrow(() => behaviourOf(version('1.7.0-beta.0')))
})
