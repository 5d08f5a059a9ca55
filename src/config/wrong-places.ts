import { type ConfigSchema, typesOf } from './config-schema.ts'
import { parseDuration } from './duration.ts'

/** A place where a configuration breaks its schema. */
export interface Place {
  path: readonly (string | number)[]
  /** A key that the map at `path` must not have; null: the value at `path` itself is wrong. */
  key: string | null
  value: unknown
}

/**
 * Every place where a value breaks a schema, each once, the outermost alone. By hand and not by a schema compiler:
 * compiling this one schema costs 50 ms of every start and 8 MiB of memory that an idle agent keeps.
 */
export function wrongPlaces(value: unknown, schema: ConfigSchema, path: Place['path'] = []): Place[] {
  if (!typesOf(schema).some((type) => isOfType(value, type)) || !isInBounds(value, schema)) {
    return [{ path, key: null, value }]
  }
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined ? [] : value.flatMap((item, index) => wrongPlaces(item, items, [...path, index]))
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]): Place[] => {
    const known = knownChild(schema, key)
    return known === null ? [{ path, key, value: child }] : wrongPlaces(child, known, [...path, key])
  })
}

function knownChild(schema: ConfigSchema, key: string): ConfigSchema | null {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key] ?? null
  return schema.additionalProperties || null
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

function isInBounds(value: unknown, schema: ConfigSchema): boolean {
  if (schema.enum !== undefined && !schema.enum.includes(value)) return false
  if (typeof value === 'number' && (value < (schema.minimum ?? value) || value > (schema.maximum ?? value)))
    return false
  if (typeof value === 'string') {
    const { length } = value
    if (length < (schema.minLength ?? 0) || length > (schema.maxLength ?? length)) return false
    if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) return false
  }
  const { duration } = schema
  if (duration === undefined || (typeof value !== 'string' && typeof value !== 'number')) return true
  const time = parseDuration(value)
  if (time === null) return false
  return time === 0 ? duration.off : time >= duration.min && time <= duration.max
}
