import fc from 'fast-check'
import type { HostsEntry, HostsFiles } from '../hosts-files.ts'
import { hostsTomlText } from './hosts-toml.ts'

/** What stands in the place of one registry's directory: the entry itself, or the files in it. */
type Place = { entry: HostsEntry } | { files: Readonly<Record<string, HostsEntry>> }

const CERTIFICATES = [
  {},
  { 'ca.crt': { pem: 'own' } },
  { 'ca.crt': { pem: 'own' }, 'client.cert': { pem: 'client' }, 'client.key': { pem: 'clientKey' } },
  { 'client.cert': { pem: 'clientBoth' } },
  { 'client.cert': { pem: 'client' } },
  { 'ca.crt': 'junk\n' },
  { 'client.key': { pem: 'clientKey' }, 'notes.txt': 'x' },
] as const satisfies readonly Readonly<Record<string, HostsEntry>>[]

/** What the `ca` and `client` fields of the generated files name. */
const NAMED: Readonly<Record<string, HostsEntry>> = {
  'own.pem': { pem: 'own' },
  'known.pem': { pem: 'known' },
  'client.pem': { pem: 'client' },
  'client.key': { pem: 'clientKey' },
  'both.pem': { pem: 'clientBoth' },
  'junk.pem': 'junk\n',
}

const certificates = fc.constantFrom(...CERTIFICATES)

const place: fc.Arbitrary<Place> = fc.oneof(
  {
    weight: 20,
    arbitrary: hostsTomlText.map((text): Place => ({ files: { 'hosts.toml': text, ...namedIn(text) } })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(hostsTomlText, certificates)
      .map(([text, more]): Place => ({ files: { 'hosts.toml': text, ...namedIn(text), ...more } })),
  },
  { weight: 1, arbitrary: certificates.map((files): Place => ({ files })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom<HostsEntry[]>('', '\n', '# nothing\n', ' ', '[host]\n', { directory: true }), certificates)
      .map(([file, more]): Place => ({ files: { 'hosts.toml': file, ...more } })),
  },
  { weight: 1, arbitrary: fc.constant<Place>({ entry: 'a file\n' }) },
)

/** Only what a text names, so that a shrunk tree shows no more than it needs. */
function namedIn(text: string): Record<string, HostsEntry> {
  return Object.fromEntries(Object.entries(NAMED).filter(([name]) => text.includes(name)))
}

/** The trees of one or more roots, for a registry. */
export function hostsTrees(registry: string, roots: readonly string[]): fc.Arbitrary<HostsFiles> {
  const colon = registry.lastIndexOf(':')
  const underscored = colon > 0 ? `${registry.slice(0, colon)}_${registry.slice(colon + 1)}_` : null
  const seldom = fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: place })
  const atTimes = fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: place })
  const often = fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant<Place>({ files: {} }) },
    { weight: 14, arbitrary: place },
  )
  const tree = fc.record({
    [registry]: fc.oneof(
      { weight: 12, arbitrary: often },
      { weight: 1, arbitrary: fc.constant<Place>({ entry: { link: `${roots[0]}/_default` } }) },
    ),
    _default: atTimes,
    ...(underscored === null ? {} : { [underscored]: seldom }),
  })
  return fc.tuple(...roots.map(() => tree)).map((trees) => {
    const files: [string, HostsEntry][] = []
    for (const [index, it] of trees.entries()) {
      for (const [name, content] of Object.entries(it)) {
        if (content !== null) files.push(...filesOf(`${roots[index]}/${name}`, content))
      }
    }
    return Object.fromEntries(files)
  })
}

function filesOf(directory: string, content: Place): [string, HostsEntry][] {
  if ('entry' in content) return [[directory, content.entry]]
  const files = Object.entries(content.files)
  if (files.length === 0) return [[directory, { directory: true }]]
  return files.map(([name, entry]) => [
    `${directory}/${name}`,
    typeof entry === 'string' ? entry.replaceAll('$DIRECTORY', `$ROOTS/${directory}`) : entry,
  ])
}
