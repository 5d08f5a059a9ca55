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

const LONGEST = { reportingInstance: 128, action: 128, reason: 128, message: 1024 } as const
const UNSET = ['firstTimestamp', 'lastTimestamp', 'count', 'source'] as const

/**
 * What is asked of an Event: the old sort (without `eventTime`) that its namespace is its object's, the new sort that it
 * is complete. pkg/apis/core/validation/events.go. Throws 422.
 */
export function validateEvent(stored: Json, group: string, namespace: string): void {
  const { involvedObject } = stored
  const of = isJson(involvedObject) ? textOf(involvedObject.namespace) : ''
  const isOld = textOf(stored.eventTime) === ''
  const mayBe = of === '' ? (isOld ? ['default'] : ['default', 'kube-system']) : isOld ? [of] : [namespace]
  const wrong = mayBe.includes(namespace)
    ? []
    : [`involvedObject.namespace: Invalid value: "${of}": does not match event.namespace`]
  if (!isOld) wrong.push(...incomplete(stored, group))
  if (group !== '') {
    if (isOld) wrong.push('eventTime: Required value')
    const type = textOf(stored.type)
    if (!['Normal', 'Warning'].includes(type)) wrong.push(`type: Invalid value: "": has invalid value: ${type}`)
    wrong.push(...UNSET.filter((it) => it in stored).map((it) => `${it}: Invalid value: "": needs to be unset`))
  }
  if (wrong.length > 0) throw invalid(stored, wrong)
}

function incomplete(stored: Json, group: string): string[] {
  const names = { reportingComponent: group === '' ? 'reportingComponent' : 'reportingController' }
  const required = ['reportingComponent', 'reportingInstance', 'action', 'reason'] as const
  return [
    ...required
      .filter((it) => textOf(stored[it]) === '')
      .map((it) => `${it === 'reportingComponent' ? names[it] : it}: Required value`),
    ...Object.entries(LONGEST)
      .filter(([name, longest]) => textOf(stored[name]).length > longest)
      .map(([name, longest]) => `${name}: Invalid value: "": can have at most ${longest} characters`),
  ]
}

/** What of an Event never changes, where it is changed as events.k8s.io/v1: all but its series. Throws 422. */
export function validateEventChange(before: Json, after: Json): void {
  const fixed = ['involvedObject', 'reason', 'message', 'source', 'firstTimestamp', 'lastTimestamp', 'count', 'type']
  const wrong = [...fixed, 'eventTime', 'action', 'related', 'reportingComponent', 'reportingInstance']
    .filter((it) => JSON.stringify(before[it]) !== JSON.stringify(after[it]))
    .map((it) => `${it}: Invalid value: ${JSON.stringify(after[it] ?? '')}: field is immutable`)
  if (wrong.length > 0) throw invalid(after, wrong)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function invalid(body: Json, wrong: readonly string[]): StatusError {
  const name = isJson(body.metadata) ? textOf(body.metadata.name) : ''
  const what = wrong.length === 1 ? wrong[0] : `[${wrong.join(', ')}]`
  return new StatusError(422, 'Invalid', `Event "${name}" is invalid: ${what}`)
}
