/** A JSON Schema; `$id` where other schemas refer to it by name. */
export type JsonSchema = Readonly<Record<string, unknown>>

export const text: JsonSchema = { type: 'string' }
export const flag: JsonSchema = { type: 'boolean' }
export const texts = listOf(text)

export function oneOf(...values: readonly string[]): JsonSchema {
  return { type: 'string', enum: values }
}

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items }
}

/** One of `SCHEMAS`, by its `$id`. */
export function ref(id: string): JsonSchema {
  return { $ref: `${id}#` }
}

export function orNull(schema: JsonSchema): JsonSchema {
  if (typeof schema.type === 'string' && schema.enum === undefined) return { ...schema, type: [schema.type, 'null'] }
  return { anyOf: [schema, { type: 'null' }] }
}

/** An object with exactly these properties. */
export function record(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', additionalProperties: false, required: Object.keys(properties), properties }
}

/** One that others refer to by `id`, and that the OpenAPI document lists. */
export function named(id: string, description: string, schema: JsonSchema): JsonSchema {
  return { $id: id, description, ...schema }
}

export const seconds: JsonSchema = { type: 'number', description: 'Seconds.' }
