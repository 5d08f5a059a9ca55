import { PullpathError } from '../errors.ts'
import type { YamlMap, YamlNode, YamlScalar } from '../format/yaml-documents.ts'
import { nearestName } from '../nearest-name.ts'
import type { SourcePosition } from '../source-position.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { IntentProblem } from './intent.ts'

/** What Go's YAML reader takes for a boolean where one is wanted: YAML 1.1 words, without quotes. */
const TRUE = /^(true|True|TRUE|yes|Yes|YES|on|On|ON|y|Y)$/
const FALSE = /^(false|False|FALSE|no|No|NO|off|Off|OFF|n|N)$/

/** The map under `key`; null where it is absent or null. Throws PP_INTENT_INVALID for anything else. */
export function mapField(parent: YamlMap | null, key: string): YamlMap | null {
  const value = fieldOf(parent, key)
  if (value === null || value.kind === 'map') return value
  throw wrongShape(value, key, 'a map')
}

/**
 * The items under `key`; null where it is absent or null. Go's YAML reader drops items that are null.
 * Throws PP_INTENT_INVALID for anything else.
 */
export function listField(parent: YamlMap | null, key: string): readonly YamlNode[] | null {
  const value = fieldOf(parent, key)
  if (value === null) return null
  if (value.kind === 'list') return value.items.filter((item) => item.kind !== 'scalar' || item.value !== null)
  throw wrongShape(value, key, 'a list')
}

/** The scalar under `key`; null where it is absent or null. Throws PP_INTENT_INVALID for anything else. */
export function textField(parent: YamlMap | null, key: string): YamlScalar | null {
  const value = fieldOf(parent, key)
  if (value === null || value.kind === 'scalar') return value
  throw wrongShape(value, key, 'a string')
}

/** The boolean under `key`; null where it is absent or null. Throws PP_INTENT_INVALID for anything else. */
export function booleanField(parent: YamlMap | null, key: string): boolean | null {
  const value = fieldOf(parent, key)
  if (value === null) return null
  if (value.kind === 'scalar' && value.plain && TRUE.test(value.text)) return true
  if (value.kind === 'scalar' && value.plain && FALSE.test(value.text)) return false
  throw wrongShape(value, key, 'true or false without quotes')
}

/** The text of a scalar under this key; empty where there is none. */
export function scalarText(map: YamlMap, key: string): string {
  const value = map.entries.get(key)?.value
  return value?.kind === 'scalar' ? value.text : ''
}

/** Throws PP_INTENT_INVALID unless the item is a map. */
export function mapItem(item: YamlNode, list: string, advice: string): YamlMap {
  if (item.kind === 'map') return item
  throw wrongShape(item, `an item of ${list}`, 'a map', advice)
}

/** Throws PP_INTENT_INVALID unless the item is a scalar. */
export function textItem(item: YamlNode, list: string, advice: string): YamlScalar {
  if (item.kind === 'scalar') return item
  throw wrongShape(item, `an item of ${list}`, 'a string', advice)
}

/** One problem for each key that Talos does not know: it refuses the whole file then. */
export function unknownKeys(map: YamlMap, known: readonly string[], where: string, registry: string | null) {
  const problems: IntentProblem[] = []
  if (map.mergeKeyAt !== undefined) {
    problems.push({
      code: 'TALOS_KEY_UNKNOWN',
      registry,
      message: `Talos takes the merge key << in ${where} for an unknown key and refuses the whole configuration`,
      remedy: [{ command: '# write the merged keys out', why: 'anchors and aliases are fine, << is not' }],
      source: map.mergeKeyAt,
    })
  }
  for (const [key, { keyAt }] of map.entries) {
    if (known.includes(key)) continue
    const near = nearestName(key, known)
    problems.push({
      code: 'TALOS_KEY_UNKNOWN',
      registry,
      message: `Talos knows no key ${JSON.stringify(key)} in ${where} and refuses the whole configuration that has it`,
      remedy: [
        near === null
          ? { command: `# remove ${key}`, why: `the keys of ${where} are ${known.join(', ')}` }
          : { command: `${near}:`, why: `the key is written ${near}` },
      ],
      source: keyAt,
    })
  }
  return problems
}

/**
 * The code of a null where a structure belongs, in a map or a list. Talos 1.14.1 refuses it while it decodes each file
 * (xyaml, CheckNullElements); releases up to 1.14.0-rc.1 do so once the files are merged, if it is still there.
 */
export function codeOfNull<Later extends IntentProblem['code']>(version: Version, later: Later) {
  return isAtLeast(version, '1.14.1') ? 'TALOS_KEY_UNKNOWN' : later
}

/** The placeholder of a template that nobody rendered: `${VAR}`, `{{ … }}`; null where there is none. */
export function unrenderedPart(text: string): string | null {
  return /\$\{[^}\n]*\}|\{\{[^\n]*?\}\}|\{%[^\n]*?%\}/.exec(text)?.[0] ?? null
}

/** The problem of a value that still holds a template's placeholder. */
export function unrenderedProblem(
  part: string,
  what: string,
  registry: string | null,
  source: SourcePosition,
  effect = 'Talos takes it literally',
): IntentProblem {
  return {
    code: 'VARIABLE_UNRENDERED',
    registry,
    message: `${what} still holds the placeholder ${part}: ${effect}`,
    remedy: [
      {
        command: `# give the rendered file, or write the value instead of ${part}`,
        why: 'Talos replaces no variables',
      },
    ],
    source,
  }
}

function fieldOf(parent: YamlMap | null, key: string): YamlNode | null {
  const value = parent?.entries.get(key)?.value
  return value === undefined || (value.kind === 'scalar' && value.value === null) ? null : value
}

function wrongShape(value: YamlNode, key: string, wanted: string, advice = ''): PullpathError {
  // An unquoted `{{ value }}` is a map of a map to YAML.
  const isTemplate = value.kind === 'map' && [...value.entries.keys()].some((name) => name.startsWith('{'))
  const single = value.kind === 'scalar' && !value.plain ? 'a quoted text' : 'a single value'
  const found = value.kind === 'map' ? 'a map' : value.kind === 'list' ? 'a list' : single
  return new PullpathError('PP_INTENT_INVALID', `for ${key} Talos wants ${wanted}, and here stands ${found}`, {
    position: value.at,
    advice: isTemplate ? 'a template stands here: render it first and give the result' : advice,
  })
}
