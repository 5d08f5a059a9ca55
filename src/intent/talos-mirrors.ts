import type { YamlMap } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { IntentNote, IntentProblem, TalosEndpoint, TalosMirror } from './intent.ts'
import type { TalosDocument, TalosDocuments } from './talos-documents.ts'
import { goUrlAsWritten, hideUser } from './talos-endpoint-url.ts'
import {
  booleanField,
  codeOfNull,
  listField,
  mapField,
  mapItem,
  textField,
  textItem,
  unknownKeys,
} from './talos-fields.ts'

/** The mirrors that were declared, before anything is said about whether they can work. */
export interface DeclaredMirrors {
  mirrors: Map<string, TalosMirror>
  problems: IntentProblem[]
  notes: IntentNote[]
}

/**
 * Reads `machine.registries.mirrors` and the RegistryMirrorConfig documents, which replace a registry of the legacy map
 * whole (container.go, RegistryMirrorConfigs). Throws PP_INTENT_INVALID for shapes that Talos refuses.
 */
export function readMirrors(documents: TalosDocuments, version: Version): DeclaredMirrors {
  const found: DeclaredMirrors = { mirrors: new Map(), problems: [], notes: [] }
  const legacy = mapField(mapField(mapField(documents.legacy, 'machine'), 'registries'), 'mirrors')
  for (const [registry, { keyAt, value }] of legacy?.entries ?? []) {
    const mirror = mapField(legacy, registry)
    if (mirror === null) found.problems.push(nullMirror(registry, value.at, version))
    else readLegacyMirror(found, registry, mirror, keyAt, version)
  }
  for (const document of documents.documents) {
    if (document.kind === 'RegistryMirrorConfig') readMirrorDocument(found, document)
  }
  return found
}

function readLegacyMirror(
  found: DeclaredMirrors,
  registry: string,
  map: YamlMap,
  source: SourcePosition,
  version: Version,
): void {
  const name = shownRegistry(registry)
  found.problems.push(
    ...unknownKeys(map, ['endpoints', 'overridePath', 'skipFallback'], `machine.registries.mirrors[${registry}]`, name),
  )
  const skipAt = map.entries.get('skipFallback')?.keyAt
  if (skipAt !== undefined && !isAtLeast(version, '1.9.0-alpha.0')) {
    found.problems.push({
      code: 'TALOS_KEY_UNKNOWN',
      registry: name,
      message: `skipFallback came with Talos 1.9: ${version.text} refuses the whole configuration that has it`,
      remedy: [{ command: '# remove skipFallback', why: 'or upgrade Talos to 1.9 or later' }],
      source: skipAt,
    })
  }
  // The legacy form has one overridePath for all endpoints of a registry.
  const overridePath = booleanField(map, 'overridePath') ?? false
  const endpoints = (listField(map, 'endpoints') ?? []).map((item): TalosEndpoint => {
    const text = textItem(item, 'endpoints', 'below machine.registries an endpoint is written `- http://host`')
    return { url: hideUser(text.text), overridePath, source: text.at }
  })
  found.mirrors.set(registry, {
    registry,
    endpoints,
    skipFallback: booleanField(map, 'skipFallback') ?? false,
    source,
  })
}

function readMirrorDocument(found: DeclaredMirrors, document: TalosDocument): void {
  const { name, root, at } = document
  const registry = shownRegistry(name)
  found.problems.push(
    ...unknownKeys(root, ['apiVersion', 'kind', 'name', 'endpoints', 'skipFallback'], document.kind, registry),
  )
  const endpoints = (listField(root, 'endpoints') ?? []).map((item): TalosEndpoint => {
    const map = mapItem(item, 'endpoints', 'a RegistryMirrorConfig writes an endpoint `- url: http://host`')
    found.problems.push(...unknownKeys(map, ['url', 'overridePath'], 'an endpoint of RegistryMirrorConfig', registry))
    const url = textField(map, 'url')
    return {
      url: hideUser(goUrlAsWritten(url?.text ?? '')),
      overridePath: booleanField(map, 'overridePath') ?? false,
      source: url?.at ?? map.at,
    }
  })
  const replaced = found.mirrors.get(name)
  if (replaced !== undefined) {
    found.notes.push({
      code: 'DOCUMENT_IGNORED',
      message: `the RegistryMirrorConfig ${name} replaces machine.registries.mirrors[${name}] whole: nothing is merged`,
      source: replaced.source,
    })
  }
  const skipFallback = booleanField(root, 'skipFallback') ?? false
  found.mirrors.set(name, { registry: name, endpoints, skipFallback, source: at })
}

/** As every report names a registry: the wildcard is containerd's `_default`. */
export function shownRegistry(registry: string): string {
  return registry === '*' ? '_default' : registry
}

function nullMirror(registry: string, source: SourcePosition, version: Version): IntentProblem {
  return {
    code: codeOfNull(version, 'TALOS_ENDPOINT_INVALID'),
    registry: shownRegistry(registry),
    message: `machine.registries.mirrors[${registry}] has no value: Talos refuses the configuration`,
    remedy: [
      { command: `${JSON.stringify(registry)}: { endpoints: ["http://…"] }`, why: 'name its endpoints' },
      { command: `${JSON.stringify(registry)}: {}`, why: 'or take it out of the wildcard: no mirror for it' },
    ],
    source,
  }
}
