import type { IntentFile } from '../format/yaml-documents.ts'
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
  const documents = mergeTalosFiles(files)
  const declared = readMirrors(documents, options.version)
  const security = readTls(documents)
  const parts = readDaemonParts(documents, options.version)
  const registries = mapField(mapField(documents.legacy, 'machine'), 'registries')
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
      ...documentProblems(documents.documents, options.versionAssumed === true ? null : options.version),
      ...(registries === null ? [] : unknownKeys(registries, ['mirrors', 'config'], 'machine.registries', null)),
      ...declared.problems,
      ...[...declared.mirrors.values()].flatMap(mirrorProblems),
      ...security.problems,
      ...tlsProblems(security.tls, declared.mirrors),
      ...parts.problems,
    ],
    notes: [...documents.notes, ...declared.notes, ...parts.notes],
  }
}

/** The newer document wins over the legacy key (container.go, ImageCacheConfig). */
function imageCacheOf({ legacy, documents }: TalosDocuments): boolean | null {
  const document = documents.find((it) => it.kind === 'ImageCacheConfig')
  if (document !== undefined) return booleanField(mapField(document.root, 'local'), 'enabled')
  const features = mapField(mapField(legacy, 'machine'), 'features')
  return booleanField(mapField(features, 'imageCache'), 'localEnabled')
}
