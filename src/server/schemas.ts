import { REASONS, type Reason } from '../drift/reasons.ts'
import { finding } from './finding-schema.ts'
import { type JsonSchema, named, oneOf, record, text } from './json-schema.ts'
import { endpoint, explanation, path, registry, sourcePosition } from './path-schemas.ts'
import { endpointProbe } from './probe-schemas.ts'
import { pull, started } from './pull-schemas.ts'
import { checkReport, nodeReport } from './report-schemas.ts'
import { witness } from './witness-schema.ts'

const reason = named('Reason', 'The closed list of reasons.', oneOf(...(Object.keys(REASONS) as Reason[])))
const error = named('Error', 'What went wrong, and what to do.', record({ code: text, message: text, advice: text }))

/** The shapes of everything that is served, each with an `$id`; what is referred to stands before what refers to it. */
export const SCHEMAS: readonly JsonSchema[] = [
  error,
  reason,
  sourcePosition,
  finding,
  endpoint,
  path,
  registry,
  endpointProbe,
  nodeReport,
  checkReport,
  witness,
  explanation,
  pull,
  started,
]
