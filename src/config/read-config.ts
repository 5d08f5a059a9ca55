import { isIP } from 'node:net'
import { REPOSITORY_PATTERN } from '../containerd/reference.ts'
import { PullpathError } from '../errors.ts'
import { readYamlDocuments, type YamlDocument } from '../format/yaml-documents.ts'
import { nearestName } from '../nearest-name.ts'
import { formatPosition, type SourcePosition } from '../source-position.ts'
import type { Config } from './config.ts'
import { CONFIG_SCHEMA, type ConfigSchema, typesOf } from './config-schema.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { type Environment, fillPlaceholders, shieldPlaceholders, unshieldPlaceholders } from './placeholders.ts'
import { type Place, wrongPlaces } from './wrong-places.ts'

type Path = readonly (string | number)[]

interface Mistake {
  message: string
  advice: string
  position: SourcePosition | null
}

/** What a configuration text is read with. */
export interface ConfigSurroundings {
  /** Values of `${NAME}` placeholders. */
  env: Environment
  /** Stands in for the node's name where `NODE_NAME` is not set. */
  hostname: string
}

/**
 * Reads a configuration and fills in the defaults. `text` null: no file, defaults only.
 * Throws PP_CONFIG_INVALID with all mistakes at once, each with file, line, column and what is allowed,
 * and PP_YAML_INVALID for what is no YAML.
 */
export function readConfig(text: string | null, file: string, surroundings: ConfigSurroundings): Config {
  const document = text === null ? null : onlyDocument(text, file)
  const mistakes: Mistake[] = []
  const env = { ...surroundings.env, NODE_NAME: surroundings.env.NODE_NAME || surroundings.hostname }
  const unfilled = new Set<string>()
  const written = fill(document?.value ?? {}, CONFIG_SCHEMA, [], (name, path) => {
    unfilled.add(path.join('/'))
    mistakes.push({
      message: `${path.join('.')}: the environment variable ${name} is not set`,
      advice: `set ${name}, or write the value itself`,
      position: document?.positionOf(path) ?? null,
    })
  })
  for (const place of wrongPlaces(written, CONFIG_SCHEMA)) {
    // A value that lacks its environment variable is one mistake, not two.
    if (!unfilled.has(place.path.join('/'))) mistakes.push(mistakeAt(place, document))
  }
  function fill(value: unknown, schema: ConfigSchema | null, path: Path, missing: (name: string, path: Path) => void) {
    return filled(value, schema, path, env, missing)
  }
  if (mistakes.length > 0) throw refusal(mistakes, file)
  const complete = fill(withDefaults(written, CONFIG_SCHEMA), CONFIG_SCHEMA, [], (name, path) =>
    mistakes.push({
      message: `${path.join('.')} is not given and the environment variable ${name} is not set`,
      advice: `set ${name} or write ${path.join('.')}`,
      position: null,
    }),
  )
  const config = complete as Config
  if (mistakes.length === 0 && isIP(config.node.ip) === 0) {
    mistakes.push({
      message: `node.ip: ${JSON.stringify(config.node.ip)} is not an IP address`,
      advice: 'allowed: an IPv4 or IPv6 address',
      position: document?.positionOf(['node', 'ip']) ?? null,
    })
  }
  if (mistakes.length > 0) throw refusal(mistakes, file)
  return config
}

function onlyDocument(text: string, file: string): YamlDocument | null {
  let documents: YamlDocument[]
  try {
    documents = readYamlDocuments({ path: file, text: shieldPlaceholders(text) })
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    const { position, advice } = error
    throw new PullpathError(error.code, unshieldPlaceholders(error.message), { position, advice })
  }
  const [first, second] = documents
  if (second !== undefined) {
    const message = 'a second YAML document stands here'
    throw new PullpathError('PP_CONFIG_INVALID', message, { position: second.root.at, advice: 'write one document' })
  }
  return first ?? null
}

/** Puts the environment into every string. Digits become a number where the schema wants one. */
function filled(
  value: unknown,
  schema: ConfigSchema | null,
  path: Path,
  env: Environment,
  missing: (name: string, path: Path) => void,
): unknown {
  if (typeof value === 'string') {
    const text = fillPlaceholders(unshieldPlaceholders(value), env, (name) => missing(name, path))
    const isNumber = text !== value && /^\d+$/.test(text) && typesOf(schema).includes('integer')
    return isNumber ? Number(text) : text
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => filled(item, schema?.items ?? null, [...path, index], env, missing))
  }
  // A section whose keys are all commented out.
  if (value === null && schema?.properties !== undefined) return {}
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => {
      const name = unshieldPlaceholders(key)
      return [name, filled(child, childSchema(schema, name), [...path, name], env, missing)]
    }),
  )
}

function withDefaults(value: unknown, schema: ConfigSchema): unknown {
  if (schema.properties !== undefined) {
    const given: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {}
    return Object.fromEntries(
      Object.entries(schema.properties).map(([key, child]) => [key, withDefaults(given[key], child)]),
    )
  }
  const chosen = value === undefined ? structuredClone(schema.default) : value
  const isTime = schema.duration !== undefined && (typeof chosen === 'string' || typeof chosen === 'number')
  return isTime ? parseDuration(chosen) : chosen
}

function mistakeAt({ path, key, value }: Place, document: YamlDocument | null): Mistake {
  return key === null ? wrongValueMistake(path, value, document) : unknownKeyMistake(path, key, document)
}

function unknownKeyMistake(path: Path, key: string, document: YamlDocument | null): Mistake {
  const known = Object.keys(schemaAt(path)?.properties ?? {})
  const near = nearestName(key, known)
  return {
    message: `unknown key ${JSON.stringify(key)}${path.length === 0 ? '' : ` in ${path.join('.')}`}`,
    advice: near === null ? `allowed: ${known.join(', ')}` : `did you mean ${near}?`,
    position: document?.keyPositionOf([...path, key]) ?? null,
  }
}

function wrongValueMistake(path: Path, value: unknown, document: YamlDocument | null): Mistake {
  const name = path.length === 0 ? 'the configuration' : path.join('.')
  return {
    message: `${name}: ${shown(value)} is not allowed`,
    advice: `allowed: ${allowedValues(schemaAt(path))}`,
    position: document?.positionOf(path) ?? null,
  }
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a map'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

/** What may stand at a field, in words for a person. */
export function allowedValues(schema: ConfigSchema | null): string {
  if (schema === null) return 'nothing'
  const { duration } = schema
  if (duration !== undefined) {
    const range = `from ${formatDuration(duration.min)} to ${formatDuration(duration.max)}`
    return `a duration ${range}, such as 250ms, 5s or 1h30m${duration.off ? ', or 0 for off' : ''}`
  }
  if (schema.enum !== undefined) return schema.enum.map(String).join(', ')
  const types = typesOf(schema)
  const orNull = types.includes('null') ? ', or null' : ''
  if (types.includes('array')) return `a list, each item ${allowedValues(schema.items ?? null)}`
  if (types.includes('object')) {
    const known = Object.keys(schema.properties ?? {})
    return known.length === 0 ? 'a map of texts' : `a map with ${known.join(', ')}`
  }
  if (types.includes('boolean')) return 'true, false'
  if (types.includes('integer')) return `a whole number from ${schema.minimum} to ${schema.maximum}${orNull}`
  if (schema.pattern === '^/') return `an absolute path${orNull}`
  if (schema.pattern === '^https?://') return `an http or https URL${orNull}`
  if (schema.pattern === REPOSITORY_PATTERN) {
    return `HOST[:PORT]/REPOSITORY without tag or digest, such as ${schema.default}`
  }
  if (schema.pattern !== undefined) return `a version such as 2.1.9${orNull}`
  return `a text that is not empty${orNull}`
}

function childSchema(schema: ConfigSchema | null, key: string): ConfigSchema | null {
  return schema?.properties?.[key] ?? schema?.items ?? (schema?.additionalProperties || null)
}

function schemaAt(path: Path): ConfigSchema | null {
  return path.reduce<ConfigSchema | null>((schema, key) => childSchema(schema, String(key)), CONFIG_SCHEMA)
}

function refusal(mistakes: readonly Mistake[], file: string): PullpathError {
  const [first] = mistakes
  if (first !== undefined && mistakes.length === 1) {
    const position = first.position
    const message = position === null ? `${file}: ${first.message}` : first.message
    return new PullpathError('PP_CONFIG_INVALID', message, { position, advice: first.advice })
  }
  const inOrder = mistakes.toSorted((a, b) => (a.position?.line ?? 0) - (b.position?.line ?? 0))
  const lines = inOrder.map(({ position, message, advice }) => {
    return `  ${position === null ? file : formatPosition(position)}: ${message} (${advice})`
  })
  return new PullpathError('PP_CONFIG_INVALID', `${file}: ${mistakes.length} mistakes\n${lines.join('\n')}`)
}
