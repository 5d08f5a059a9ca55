import { PullpathError } from '../errors.ts'
import type { SourcePosition } from '../source-position.ts'
import { refuseOldVersion } from './spegel-version.ts'

/** One word of a command line, and where it stands; null for what the chart or Spegel itself supplies. */
export interface Word {
  text: string
  source: SourcePosition | null
}

/** What the `configuration` init container was told. */
export interface ConfigurationArguments {
  registryConfigPath: Word
  mirroredRegistries: readonly Word[]
  mirrorTargets: readonly Word[]
  resolveTags: boolean
  prependExisting: boolean
}

/** What the `registry` container was told, as far as it decides what peers serve. */
export interface RegistryArguments {
  mirroredRegistries: readonly Word[]
  registryFilters: readonly Word[]
}

/** Values from the container's environment, by variable name: they count where no flag is given. */
export type Environment = ReadonlyMap<string, Word>

type Shape = 'text' | 'switch' | 'list'

const COMMON_FLAGS: readonly (readonly [string, Shape])[] = [['log-level', 'text']]

const CONFIGURATION_FLAGS: readonly (readonly [string, Shape])[] = [
  ...COMMON_FLAGS,
  ['containerd-registry-config-path', 'text'],
  ['mirrored-registries', 'list'],
  ['mirror-targets', 'list'],
  ['resolve-tags', 'switch'],
  ['prepend-existing', 'switch'],
]

/** Of the registry container only these matter here; the other flags differ from release to release. */
const REGISTRY_FLAGS: readonly (readonly [string, Shape])[] = [
  ...COMMON_FLAGS,
  ['mirrored-registries', 'list'],
  ['registry-filters', 'list'],
  ['static-bootstrap-peers', 'list'],
  ['debug-web-enabled', 'switch'],
  ['resolve-latest-tag', 'switch'],
]

/** Flags that were renamed in 0.1, and so tell an older Spegel. */
const FLAGS_BEFORE_0_1 = new Set(['registries', 'mirror-registries', 'append-mirrors'])

/** What Spegel itself uses where it is told nothing (main.go, ConfigurationCmd). */
const DEFAULT_CONFIG_PATH = '/etc/containerd/certs.d'

/**
 * Reads the init container's words as Spegel's argument parser does (alexflint/go-arg 1.6).
 * Throws PP_INTENT_INVALID where Spegel would exit with an error before it touches anything, and
 * PP_VERSION_UNSUPPORTED for the flags of Spegel before 0.1.
 */
export function readConfigurationArguments(words: readonly Word[], environment: Environment): ConfigurationArguments {
  const flags = readFlags(words, new Map(CONFIGURATION_FLAGS), { strict: true })
  const text = (flag: string): Word | undefined => flags.get(flag)?.[0] ?? environment.get(variableOf(flag))
  const mirrorTargets = listOf(flags, 'mirror-targets', environment)
  if (mirrorTargets === null || mirrorTargets.length === 0) {
    throw invalid('the init container is told no --mirror-targets: Spegel has nothing to write', words[0])
  }
  return {
    registryConfigPath: text('containerd-registry-config-path') ?? { text: DEFAULT_CONFIG_PATH, source: null },
    mirroredRegistries: listOf(flags, 'mirrored-registries', environment) ?? [],
    mirrorTargets,
    resolveTags: switchOf(flags, 'resolve-tags', environment, true),
    prependExisting: switchOf(flags, 'prepend-existing', environment, false),
  }
}

/** Reads the registry container's words. Flags that do not matter here are passed over. */
export function readRegistryArguments(words: readonly Word[], environment: Environment): RegistryArguments {
  const flags = readFlags(words, new Map(REGISTRY_FLAGS), { strict: false })
  return {
    mirroredRegistries: listOf(flags, 'mirrored-registries', environment) ?? [],
    registryFilters: listOf(flags, 'registry-filters', environment) ?? [],
  }
}

/** go-arg: the last occurrence of a flag counts, also of a list. */
function readFlags(
  words: readonly Word[],
  shapes: ReadonlyMap<string, Shape>,
  { strict }: { strict: boolean },
): Map<string, readonly Word[]> {
  const flags = new Map<string, readonly Word[]>()
  const safe = words.map(withoutCredentials)
  for (let index = 0; index < safe.length; index++) {
    const word = safe[index]
    if (word === undefined) break
    if (!isFlag(word.text)) {
      // go-arg: after `--` nothing is a flag any more, and Spegel takes no other words
      if (!strict || (word.text === '--' && index === safe.length - 1)) continue
      throw invalid(`Spegel does not expect the word "${word.text}" here, so it exits and its pod does not start`, word)
    }
    const { name, value } = splitFlag(word.text)
    if (FLAGS_BEFORE_0_1.has(name)) {
      refuseOldVersion({ major: 0, minor: 0, patch: 30, pre: '', text: `with the flag --${name}` }, word.source)
    }
    const shape = shapes.get(name) ?? (strict ? null : 'text')
    if (shape === null) throw invalid(`Spegel knows no flag --${name}, so it exits and its pod does not start`, word)
    if (value !== '') {
      // go-arg checks every value, also one that a later flag replaces
      if (shape === 'switch' && strict) isOn(name, { text: value, source: word.source })
      flags.set(name, [{ text: value, source: word.source }])
    } else if (shape === 'list') {
      const end = safe.findIndex((it, at) => at > index && isFlagOrEnd(it.text))
      const values = safe.slice(index + 1, end === -1 ? safe.length : end)
      flags.set(name, values)
      index += values.length
    } else if (shape === 'switch') {
      // go-arg: a switch without a value is on, also when it is written as `--resolve-tags=`
      flags.set(name, [{ text: 'true', source: word.source }])
    } else {
      const following = safe[index + 1]
      if (following !== undefined && !isFlag(following.text)) {
        flags.set(name, [following])
        index++
      } else if (strict) {
        throw invalid(`--${name} has no value, so Spegel exits and its pod does not start`, word)
      }
    }
  }
  return flags
}

/** go-arg takes any number of dashes, and splits at the first equals sign. */
function splitFlag(text: string): { name: string; value: string } {
  const option = text.replace(/^-+/, '')
  const equals = option.indexOf('=')
  return equals === -1
    ? { name: option, value: '' }
    : { name: option.slice(0, equals), value: option.slice(equals + 1) }
}

/** Spegel refuses a URL with a user; whatever stands there goes no further than here. */
function withoutCredentials(word: Word): Word {
  return { text: word.text.replace(/:\/\/[^/@\s]*@/g, '://***@'), source: word.source }
}

function isFlag(text: string): boolean {
  return /^-+[^-]/s.test(text)
}

function isFlagOrEnd(text: string): boolean {
  return text === '--' || isFlag(text)
}

/** The environment variable that go-arg reads for a flag: MIRRORED_REGISTRIES for --mirrored-registries. */
function variableOf(flag: string): string {
  return flag.toUpperCase().replaceAll('-', '_')
}

/** A list in the environment is one line of comma-separated values. */
function listOf(
  flags: ReadonlyMap<string, readonly Word[]>,
  flag: string,
  environment: Environment,
): readonly Word[] | null {
  const given = flags.get(flag)
  if (given !== undefined) return given
  const variable = environment.get(variableOf(flag))
  if (variable === undefined) return null
  return commaSeparated(variable.text).map((text) => withoutCredentials({ text, source: variable.source }))
}

/** One record of comma-separated values, as Go's encoding/csv reads it. */
function commaSeparated(text: string): string[] {
  if (text.trim() === '') return []
  const fields = text.split(/\r?\n/, 1)[0]?.match(/(?<=^|,)(?:"(?:[^"]|"")*"|[^,]*)/g) ?? []
  return fields.map((it) => (it.startsWith('"') ? it.slice(1, -1).replaceAll('""', '"') : it))
}

/** A value in the environment is checked even where a flag replaces it. */
function switchOf(
  flags: ReadonlyMap<string, readonly Word[]>,
  flag: string,
  environment: Environment,
  fallback: boolean,
): boolean {
  const variable = environment.get(variableOf(flag))
  const fromEnvironment = variable === undefined ? fallback : isOn(flag, variable)
  const given = flags.get(flag)?.[0]
  return given === undefined ? fromEnvironment : isOn(flag, given)
}

/** Go's strconv.ParseBool. */
function isOn(flag: string, word: Word): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(word.text)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(word.text)) return false
  const problem = `--${flag} is "${word.text}", which is neither true nor false`
  throw invalid(`${problem}: Spegel exits and its pod does not start`, word)
}

function invalid(message: string, word: Word | undefined): PullpathError {
  return new PullpathError('PP_INTENT_INVALID', message, { position: word?.source ?? null })
}
