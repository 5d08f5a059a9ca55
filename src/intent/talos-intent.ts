import type { IntentFile, YamlMap } from '../format/yaml-documents.ts'
import { formatPosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import { readDaemonParts } from './daemon-parts.ts'
import type { IntentNote, IntentProblem, TalosIntent } from './intent.ts'
import { mergeTalosFiles, type TalosDocuments } from './talos-documents.ts'
import { booleanField, mapField, unknownKeys } from './talos-fields.ts'
import { documentProblems } from './talos-kinds.ts'
import { mirrorProblems } from './talos-mirror-problems.ts'
import { readMirrors } from './talos-mirrors.ts'
import { readTls } from './talos-tls.ts'
import { tlsProblems } from './talos-tls-problems.ts'

/**
 * Reads Talos machine configuration and patches of it, merged in the order given as Talos merges them.
 * Throws PP_YAML_INVALID, PP_INTENT_UNKNOWN for a file in which nothing is Talos', and PP_INTENT_INVALID for what
 * Talos refuses and nothing can be read from. Everything else that is wrong is among the problems, with its place.
 * `versionAssumed`: a document of a newer release is then no mistake, but shows that the release is newer.
 */
export function readTalosIntent(
  files: readonly IntentFile[],
  options: { version: Version; versionAssumed?: boolean },
): { intent: TalosIntent; problems: IntentProblem[]; notes: IntentNote[] } {
  const documents = mergeTalosFiles(files, options.version)
  const refused = documents.pieces.flatMap((piece) => refusedKeys(piece, options))
  const declared = readMirrors(documents, options.version)
  const security = readTls(documents, options.version)
  const parts = readDaemonParts(documents, options.version)
  const problems = [
    ...declared.problems,
    ...[...declared.mirrors.values()].flatMap((it) => mirrorProblems(it, options.version)),
    ...security.problems,
    ...tlsProblems(security.tls, declared.mirrors),
    ...parts.problems,
  ]
  return {
    intent: {
      version: options.version,
      mirrors: declared.mirrors,
      tls: security.tls,
      authHosts: security.authHosts,
      imageCache: imageCacheOf(documents),
      daemonParts: parts.parts,
    },
    problems: [
      ...withoutRepeats(refused),
      ...imageCacheProblems(documents),
      ...problems.filter((it) => it.code !== 'TALOS_KEY_UNKNOWN'),
    ],
    notes: [...documents.notes, ...declared.notes, ...parts.notes],
  }
}

/**
 * What Talos refuses while it decodes one piece of the configuration, before anything is merged: a later patch that
 * deletes it does not help. Throws PP_INTENT_INVALID for a wrong shape.
 */
function refusedKeys(piece: TalosDocuments, options: { version: Version; versionAssumed?: boolean }): IntentProblem[] {
  const machine = mapField(piece.legacy, 'machine')
  const registries = mapField(machine, 'registries')
  imageCacheOf(piece)
  return [
    ...documentProblems(piece.documents, options.versionAssumed === true ? null : options.version),
    ...misplacedKeys(machine),
    ...(registries === null ? [] : unknownKeys(registries, ['mirrors', 'config'], 'machine.registries', null)),
    ...readMirrors(piece, options.version).problems,
    ...readTls(piece, options.version).problems,
    ...readDaemonParts(piece, options.version).problems,
  ].filter((it) => it.code === 'TALOS_KEY_UNKNOWN')
}

/** What stands below `machine` that Talos knows only below `machine.registries`, or by another name. */
function misplacedKeys(machine: YamlMap | null): IntentProblem[] {
  return Object.entries(RIGHT_PLACE).flatMap(([key, right]) => {
    const source = machine?.entries.get(key)?.keyAt
    if (source === undefined) return []
    const message = `Talos knows no key "${key}" in machine and refuses the whole configuration that has it`
    const remedy = [{ command: `machine: { registries: ${right} }`, why: 'mirrors, TLS and credentials stand there' }]
    return [{ code: 'TALOS_KEY_UNKNOWN', registry: null, message, remedy, source }]
  })
}

const RIGHT_PLACE: { readonly [key: string]: string } = {
  mirrors: '{ mirrors: … }',
  config: '{ config: … }',
  registry: '{ mirrors: …, config: … }',
}

/** The piece that a JSON patch makes holds all that stood before it. */
function withoutRepeats(problems: readonly IntentProblem[]): IntentProblem[] {
  const seen = new Set<string>()
  return problems.filter(({ message, source }) => {
    const key = JSON.stringify([message, source])
    return !seen.has(key) && seen.add(key)
  })
}

/** The newer document wins over the legacy key (container.go, ImageCacheConfig). */
function imageCacheOf({ legacy, documents }: TalosDocuments): boolean | null {
  const document = documents.find((it) => it.kind === 'ImageCacheConfig')
  if (document !== undefined) return booleanField(mapField(document.root, 'local'), 'enabled')
  const features = mapField(mapField(legacy, 'machine'), 'features')
  return booleanField(mapField(features, 'imageCache'), 'localEnabled')
}

/** The two forms exclude each other (ImageCacheConfig, V1Alpha1ConflictValidate). */
function imageCacheProblems({ legacy, documents }: TalosDocuments): IntentProblem[] {
  const document = documents.find((it) => it.kind === 'ImageCacheConfig')
  const older = mapField(mapField(mapField(legacy, 'machine'), 'features'), 'imageCache')
  if (document === undefined || older === null) return []
  return [
    {
      code: 'TALOS_KEY_UNKNOWN',
      registry: null,
      message:
        'machine.features.imageCache and an ImageCacheConfig stand in one configuration: Talos refuses it. The other ' +
        `is at ${formatPosition(older.at)}`,
      remedy: [{ command: '# remove machine.features.imageCache', why: 'the document says the same' }],
      source: document.at,
    },
  ]
}
