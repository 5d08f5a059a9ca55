import type { ApiObject, Json } from './api-object.ts'
import { type ApiResource, apiVersionOf } from './api-resources.ts'
import type { Selector } from './field-selector.ts'
import { nameOf, type ObjectStore } from './object-store.ts'
import type { RequestTarget } from './request-path.ts'
import { badRequest, StatusError } from './status.ts'

/** A list, as far as `resourceVersion`, `resourceVersionMatch`, `limit` and `continue` ask for it. */
export function listAnswer(
  store: ObjectStore,
  { resource, namespace }: RequestTarget,
  query: URLSearchParams,
  selects: Selector,
): Json {
  const asked = query.get('resourceVersion') ?? ''
  const match = query.get('resourceVersionMatch') ?? ''
  if (asked !== '' && !/^\d+$/.test(asked)) {
    throw badRequest(
      `resourceVersion: Invalid value: "${asked}": strconv.ParseUint: parsing "${asked}": invalid syntax`,
    )
  }
  if (match !== '' && asked === '') {
    throw new StatusError(
      422,
      'Invalid',
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    )
  }
  const token = query.get('continue') ?? ''
  const from = token === '' ? null : readToken(token)
  const version = from?.version ?? (match === 'Exact' ? Number(asked) : store.version)
  if (version < store.compacted && version !== store.version) throw tooOld(from !== null)
  const all = store.listAt(version, resource.storage, namespace).filter(selects)
  const rest = from === null ? all : all.filter((it) => nameOf(it) > from.after)
  // The watch cache answers whole: apiserver, pkg/storage/cacher, delegate for resourceVersion 0.
  const limit = asked === '0' && resource.isCached ? 0 : Number(query.get('limit') ?? 0)
  const items = limit > 0 ? rest.slice(0, limit) : rest
  const last = items.at(-1)
  const isMore = items.length < rest.length && last !== undefined
  const isSelective = query.has('fieldSelector') || query.has('labelSelector')
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: `${version}`,
      ...(isMore ? { continue: writeToken(version, nameOf(last)) } : {}),
      ...(isMore && !isSelective ? { remainingItemCount: rest.length - items.length } : {}),
    },
    items: items.map((it) => asItem(it, resource)),
  }
}

/** Items of built-in kinds do not say what they are. */
function asItem(object: ApiObject, { isCustom }: ApiResource): Json {
  if (isCustom) return object
  const { kind: _, apiVersion: __, ...item } = object
  return item
}

function writeToken(version: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: after })).toString('base64url')
}

function readToken(token: string): { version: number; after: string } {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    return { version: Number(rv), after: String(start) }
  } catch {
    throw badRequest('continue key is not valid: invalid character')
  }
}

function tooOld(isContinued: boolean): StatusError {
  const message = isContinued
    ? 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.'
    : 'The resourceVersion for the provided list is too old.'
  return new StatusError(410, 'Expired', message)
}
