import type { YamlEntry, YamlMap } from '../format/yaml-documents.ts'
import { nearestName } from '../nearest-name.ts'
import { isNull, lookUp } from './helm-values.ts'
import type { IntentProblem } from './intent.ts'
import { type SpegelEra, whenKeyIsRead } from './spegel-era.ts'

/** Names that charts before 0.1 had, or that people write, and what they are called. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['registries', 'mirroredRegistries'],
  ['mirrorRegistries', 'mirroredRegistries'],
  ['additionalMirrorRegistries', 'additionalMirrorTargets'],
  ['mirrorTargets', 'additionalMirrorTargets'],
  ['appendMirrors', 'prependExisting'],
  ['prependMirrors', 'prependExisting'],
])

/** Keys that Helm itself understands. */
const HELM_KEYS = ['global', 'enabled']

/** Every key that this chart does not read, where a setting of Spegel was probably meant. */
export function keyProblems(values: YamlMap, era: SpegelEra): IntentProblem[] {
  const levels: readonly Level[] = [
    { path: ['spegel'], keys: era.spegelKeys },
    { path: ['service', 'registry'], keys: era.registryKeys },
    { path: ['service'], keys: era.serviceKeys },
    { path: [], keys: [...era.topKeys, ...HELM_KEYS] },
  ]
  return levels.flatMap(({ path, keys }) => {
    const found = path.length === 0 ? ({ kind: 'written', node: values } as const) : lookUp(values, path)
    if (found.kind !== 'written' || found.node.kind !== 'map') return []
    return [...found.node.entries]
      .filter(([key]) => !keys.includes(key))
      .flatMap(([key, entry]) => keyProblem(key, entry, { path, keys }, era))
  })
}

interface Level {
  path: readonly string[]
  keys: readonly string[]
}

function keyProblem(key: string, entry: YamlEntry, level: Level, era: SpegelEra): IntentProblem[] {
  const written = [...level.path, key].join('.')
  const meant = meantPath(key, level, era)
  const isTop = level.path.length === 0
  // At the top stand anchors, settings of a parent chart and the like: only what looks like Spegel's is told.
  if (meant === null && (isTop || level.path.join('.') === 'service')) return []
  // A null sets nothing, whatever it is called.
  if (isNull(entry.value) && meant === null) return []
  const when = otherEra(key, level)
  const reason = when === null ? 'the chart reads no such key' : `it is ${when}, not by this one`
  return [
    {
      code: 'SPEGEL_KEY_IGNORED',
      registry: null,
      message: `${written} has no effect: ${reason}, and Helm says nothing`,
      remedy: [
        meant === null
          ? { command: `remove ${written}`, why: 'it only looks as if it did something' }
          : { command: `${meant}:`, why: `this chart reads it in place of ${written}` },
      ],
      source: entry.keyAt,
    },
  ]
}

/** When other charts read this key at this level; null where none does. */
function otherEra(key: string, level: Level): string | null {
  const name = level.path.join('.')
  return name === 'spegel' || name === 'service.registry' ? whenKeyIsRead(name, key) : null
}

/** The path that was probably meant: a new name, the right level, or the right spelling. */
function meantPath(key: string, level: Level, era: SpegelEra): string | null {
  const renamed = RENAMED.get(key)
  if (renamed !== undefined) return `spegel.${renamed}`
  if (otherEra(key, level) !== null) return null
  const places: readonly Level[] = [
    { path: ['spegel'], keys: era.spegelKeys },
    { path: ['service', 'registry'], keys: era.registryKeys.filter((it) => !['port', 'annotations'].includes(it)) },
    { path: [], keys: ['basicAuthSecretName', 'nameOverride', 'fullnameOverride', 'namespaceOverride'] },
  ]
  const exact = places.find((it) => it.keys.includes(key))
  if (exact !== undefined) return [...exact.path, key].join('.')
  const near = nearestName(key, level.keys)
  if (near !== null) return [...level.path, near].join('.')
  for (const place of places) {
    const name = nearestName(key, place.keys)
    if (name !== null && name.length > 6) return [...place.path, name].join('.')
  }
  return null
}
