import { type ApiObject, isJson, type Json } from './api-object.ts'
import { StatusError } from './status.ts'

/** What a field of a core/v1 Event is called in events.k8s.io/v1: pkg/apis/events/v1/conversion.go. */
const NAMES: readonly (readonly [core: string, events: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
]

/** Both groups show the same Events; they are kept in the form of core/v1. */
export function toStored(body: Json, group: string): Json {
  return group === '' ? body : { ...renamed(body, ([core, events]) => [events, core]), apiVersion: 'v1' }
}

export function fromStored(object: ApiObject, group: string): ApiObject {
  if (group === '') return object
  return { ...renamed(object, (it) => it), apiVersion: 'events.k8s.io/v1' } as ApiObject
}

function renamed(object: Json, direction: (names: readonly [string, string]) => readonly [string, string]): Json {
  const result = { ...object }
  for (const names of NAMES) {
    const [from, to] = direction(names)
    if (!(from in result)) continue
    result[to] = result[from]
    delete result[from]
  }
  return result
}

/** What is asked of an Event: pkg/apis/core/validation/events.go. Throws 422. */
export function validateEvent(body: Json, group: string, namespace: string): void {
  const { involvedObject } = body
  const of = isJson(involvedObject) && typeof involvedObject.namespace === 'string' ? involvedObject.namespace : ''
  const field = group === '' ? 'involvedObject.namespace' : 'regarding.namespace'
  if (of === '' ? namespace !== 'default' : of !== namespace) {
    throw invalid(body, `${field}: Invalid value: "${of}": does not match event.namespace`)
  }
  if (group === '') return
  for (const [stored, shown] of [
    ['eventTime', 'eventTime'],
    ['reportingComponent', 'reportingController'],
    ['reportingInstance', 'reportingInstance'],
    ['action', 'action'],
    ['reason', 'reason'],
  ] as const) {
    if (typeof body[stored] !== 'string' || body[stored] === '') throw invalid(body, `${shown}: Required value`)
  }
  if (body.type !== 'Normal' && body.type !== 'Warning') {
    throw invalid(
      body,
      `type: Invalid value: "${String(body.type ?? '')}": has invalid value: ${String(body.type ?? '')}`,
    )
  }
  if (String(body.message ?? '').length > 1024)
    throw invalid(body, 'message: Invalid value: can have at most 1024 characters')
}

function invalid(body: Json, what: string): StatusError {
  const name = isJson(body.metadata) ? String(body.metadata.name ?? '') : ''
  return new StatusError(422, 'Invalid', `Event "${name}" is invalid: ${what}`)
}
