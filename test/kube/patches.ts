import { isJson, type Json } from './api-object.ts'
import { badRequest, StatusError } from './status.ts'

/** By what a list of objects is merged: `patchMergeKey` of the API's types. Other lists are replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: 'type',
  addresses: 'type',
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  ownerReferences: 'uid',
}

/** Applies a patch as its content type says. */
export function patched(object: Json, type: string, patch: unknown): Json {
  if (type === 'application/json-patch+json') return jsonPatch(object, patch)
  if (!isJson(patch)) throw badRequest('error decoding patch: json: cannot unmarshal into map[string]interface {}')
  return merge(object, patch, type === 'application/strategic-merge-patch+json')
}

/** RFC 7386, and its strategic sort. */
function merge(object: Json, patch: Json, isStrategic: boolean): Json {
  const result: Json = { ...object }
  for (const [key, value] of Object.entries(patch)) {
    const before = result[key]
    if (value === null) delete result[key]
    else if (isJson(value)) result[key] = merge(isJson(before) ? before : {}, value, isStrategic)
    else if (isStrategic && Array.isArray(value) && MERGE_KEYS[key] !== undefined) {
      result[key] = mergeList(Array.isArray(before) ? before : [], value, MERGE_KEYS[key])
    } else result[key] = value
  }
  return result
}

function mergeList(before: readonly Json[], patch: readonly Json[], mergeKey: string): Json[] {
  const result = [...before]
  for (const { $patch, ...item } of patch) {
    const at = result.findIndex((it) => it[mergeKey] === item[mergeKey])
    if ($patch === 'delete') {
      if (at >= 0) result.splice(at, 1)
    } else if (at < 0) result.push(item)
    else result[at] = merge(result[at] ?? {}, item, true)
  }
  return result
}

/** RFC 6902, as far as `add`, `replace`, `remove` and `test`. */
function jsonPatch(object: Json, patch: unknown): Json {
  if (!Array.isArray(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal object into []jsonpatch.Operation')
  const result = structuredClone(object)
  for (const { op, path, value } of patch as { op: string; path: string; value?: unknown }[]) {
    const keys = path
      .split('/')
      .slice(1)
      .map((it) => it.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.pop() ?? ''
    let place: unknown = result
    for (const key of keys) place = typeof place === 'object' && place !== null ? Reflect.get(place, key) : undefined
    if (typeof place !== 'object' || place === null) throw unprocessable(op, path)
    change(place, last, op, value, path)
  }
  return result
}

function change(place: object, key: string, op: string, value: unknown, path: string): void {
  const has = key in place
  if (op === 'test') {
    if (JSON.stringify(Reflect.get(place, key)) !== JSON.stringify(value)) throw unprocessable(op, path)
  } else if (op !== 'add' && !has) throw unprocessable(op, path)
  else if (!Array.isArray(place)) {
    if (op === 'remove') Reflect.deleteProperty(place, key)
    else Reflect.set(place, key, value)
  } else if (op === 'add') place.splice(key === '-' ? place.length : Number(key), 0, value)
  else place.splice(Number(key), 1, ...(op === 'remove' ? [] : [value]))
}

function unprocessable(op: string, path: string): StatusError {
  const message = `the server rejected our request due to an error in our request: ${op} operation does not apply: ${path}`
  return new StatusError(422, 'Invalid', message)
}
