import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifyServerOptions } from 'fastify'
import { PullpathError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'

type Compilers = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>
type Schema = Readonly<Record<string, unknown>>
type Check = (data: unknown) => { value: unknown } | { error: PullpathError }

let ajv: Ajv | undefined

/**
 * How requests are checked and answers written. Each request schema is compiled when the first request needs it, and
 * what a person is told names what is allowed. The schemas of answers only document them, and tests hold the answers
 * to them. Stands in place of fastify's own compilers, which are a tenth of the memory of an idle agent.
 */
export const compilers = {
  buildValidator: () => (route: { schema: Schema }) => checkBy(route.schema),
  buildSerializer: () => () => (data: unknown) => JSON.stringify(data),
  // The declared types name Ajv's and fast-json-stringify's own functions; fastify calls them in this way.
} as unknown as Compilers

function checkBy(schema: Schema): Check {
  let validate: ValidateFunction | undefined
  return (value) => {
    // The schemas are this program's own: compiling JSON Schema's schema to check them costs more than all of them.
    ajv ??= new Ajv({ meta: false, validateSchema: false, strict: false, verbose: true })
    validate ??= ajv.compile(schema)
    return validate(value) ? { value } : { error: refusal(validate.errors?.[0], schema) }
  }
}

function refusal(error: ErrorObject | undefined, schema: Schema): PullpathError {
  const known = Object.keys((schema.properties ?? {}) as object)
  const unknownName: unknown = error?.params.additionalProperty
  if (typeof unknownName === 'string') {
    const near = nearestName(unknownName, known)
    return new PullpathError('PP_REQUEST_INVALID', `unknown parameter ${shown(unknownName)}`, {
      advice: near === null ? `known: ${known.join(', ')}` : `did you mean ${near}?`,
    })
  }
  const missing: unknown = error?.params.missingProperty
  if (typeof missing === 'string') {
    return new PullpathError('PP_REQUEST_INVALID', `${missing} is not given`, { advice: `add ?${missing}=` })
  }
  const name = error?.instancePath.split('/')[1] ?? ''
  const allowed: unknown = error?.params.allowedValues
  const described: unknown = error?.parentSchema?.description
  return new PullpathError('PP_REQUEST_INVALID', `${name}: ${shown(error?.data)} is not allowed`, {
    advice: Array.isArray(allowed)
      ? `allowed: ${allowed.join(', ')}`
      : `${name} ${described === undefined ? error?.message : `must be ${described}`}`,
  })
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
