import type { YamlMap } from '../format/yaml-documents.ts'
import { mapAt, nodeAt } from '../format/yaml-lookup.ts'
import { eraOf } from './spegel-era.ts'
import { SPEGEL_MAIN } from './spegel-version.ts'

/** Top-level names that only Spegel's chart has, or that belong below `spegel` and are often put here. */
const OWN_KEYS = [
  'spegel',
  'basicAuthSecretName',
  ...['mirroredRegistries', 'registries', 'prependExisting', 'appendMirrors', 'prependMirrors'],
  ...['additionalMirrorTargets', 'containerdRegistryConfigPath', 'containerdMirrorAdd', 'registryFilters'],
]

/** Whether a document is values of Spegel's chart: no Kubernetes object, and with keys that are the chart's. */
export function isPlainValues(document: YamlMap): boolean {
  const keys = [...document.entries.keys()]
  if (keys.includes('apiVersion') || keys.includes('kind')) return false
  return keys.some((it) => OWN_KEYS.includes(it)) || mapAt(document, 'service', 'registry') !== null || isAllChart(keys)
}

/** Values that set nothing of Spegel's own, such as resources alone, or nothing at all. */
function isAllChart(keys: readonly string[]): boolean {
  const known = eraOf(SPEGEL_MAIN).topKeys
  return keys.every((it) => known.includes(it))
}

/** A parent chart has the values of Spegel's chart below the name of the dependency. */
export function valuesOfSpegel(document: YamlMap): YamlMap {
  const below = mapAt(document, 'spegel')
  const isParent = below !== null && (mapAt(below, 'spegel') !== null || nodeAt(below, 'service') !== undefined)
  return isParent ? below : document
}
