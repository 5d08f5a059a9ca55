import fc from 'fast-check'
import type { RegistrySettings } from '../daemon-configuration.ts'
import type { PullCase } from '../pull-case.ts'
import { keyOf, listenerOf } from '../site.ts'
import { hostsTrees } from './hosts-trees.ts'
import { planFor } from './plans.ts'
import { authority, origin } from './urls.ts'

const REGISTRIES = [
  '127.0.0.1:5000',
  '127.0.0.1:5001',
  '127.0.0.1:5002',
  '127.0.0.1:80',
  '127.0.0.1:443',
  '127.0.0.1',
  '127.0.0.1:5009',
  'localhost',
  'localhost:5000',
  '192.168.1.106',
  '192.168.1.106:5000',
  'registry.test',
  'registry.test:5000',
  'registry.test:5001',
  'Registry.test:5000',
  'docker.io',
  'registry-1.docker.io',
  '[::1]:5000',
  '[::1]',
  'unknown.test',
] as const

const image = (registry: string) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(`${registry}/REPOSITORY:v1`) },
    { weight: 3, arbitrary: fc.constant(`${registry}/REPOSITORY@DIGEST`) },
    { weight: 1, arbitrary: fc.constantFrom(`${registry}/REPOSITORY`, `${registry}/REPOSITORY:v1@DIGEST`) },
    ...(registry === 'docker.io'
      ? [{ weight: 4, arbitrary: fc.constantFrom('REPOSITORY:v1', 'index.docker.io/REPOSITORY:v1') }]
      : []),
  )

/** Each root is a directory below `$ROOTS`. */
const HOSTS_DIRECTORY: readonly { configPath: string; roots: readonly string[] }[] = [
  { configPath: '$ROOTS/hosts', roots: ['hosts'] },
  { configPath: '$ROOTS/hosts:$ROOTS/more', roots: ['hosts', 'more'] },
  { configPath: '$ROOTS/missing:$ROOTS/more', roots: ['more'] },
  { configPath: '$ROOTS/missing', roots: ['hosts'] },
]
const [ONE_ROOT, ...OTHER_ROOTS] = HOSTS_DIRECTORY

const legacyEndpoint = fc.oneof(
  { weight: 4, arbitrary: origin },
  { weight: 1, arbitrary: fc.tuple(origin, fc.constantFrom('/', '/v2', '/x', '/x/', '/v2/')).map((it) => it.join('')) },
  { weight: 1, arbitrary: authority },
)

/** The deprecated mirrors of the daemon's own configuration. */
function legacySettings(registry: string): fc.Arbitrary<RegistrySettings> {
  const mirrors = fc.array(
    fc.tuple(fc.constantFrom(registry, registry, '*', 'other.test'), fc.array(legacyEndpoint, { maxLength: 3 })),
    { minLength: 1, maxLength: 3 },
  )
  return mirrors.map((it) => ({ configPath: '', mirrors: Object.fromEntries(it) }))
}

/** Settings with the trees that they lead to. */
function settingsAndFiles(registry: string): fc.Arbitrary<Pick<PullCase, 'settings' | 'files'>> {
  const withRoots = ({ configPath, roots }: { configPath: string; roots: readonly string[] }) =>
    hostsTrees(registry, roots).map((files) => ({ settings: { configPath }, files }))
  return fc.oneof(
    { weight: 24, arbitrary: fc.constant(ONE_ROOT ?? { configPath: '', roots: [] }).chain(withRoots) },
    { weight: 2, arbitrary: fc.constantFrom(...OTHER_ROOTS).chain(withRoots) },
    { weight: 2, arbitrary: legacySettings(registry).map((settings) => ({ settings, files: {} })) },
  )
}

/** The listeners that the URLs of a case, and its registry, can lead to. */
function askedListeners(registry: string, { settings, files }: Pick<PullCase, 'settings' | 'files'>): string[] {
  const texts = [...Object.values(files), ...Object.values(settings.mirrors ?? {}).flat()]
  const urls = texts.flatMap((it) => (typeof it === 'string' ? (it.match(/[a-z0-9.:[\]]+/gi) ?? []) : []))
  const authorities = [registry === 'docker.io' ? 'registry-1.docker.io' : registry, ...urls]
  const listeners = authorities.flatMap((it) => [listenerOf('http', it), listenerOf('https', it)])
  return [...new Set(listeners.flatMap((it) => (it === null ? [] : [keyOf(it)])))]
}

/** One pull on a node: its hosts trees, the daemon's configuration, the image, and how every registry answers. */
export const pullCase: fc.Arbitrary<PullCase> = fc
  .constantFrom(...REGISTRIES)
  .chain((registry) => fc.tuple(fc.constant(registry), settingsAndFiles(registry)))
  .chain(([registry, place]) =>
    fc
      .record({
        image: image(registry),
        credentials: fc.oneof(
          { weight: 3, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constant(true) },
        ),
        layers: fc.constantFrom(1, 0),
        index: fc.boolean(),
        plan: planFor(askedListeners(registry, place)),
      })
      .map((rest) => ({ ...place, ...rest })),
  )
