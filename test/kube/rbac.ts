import type { RequestTarget } from './request-path.ts'
import { StatusError } from './status.ts'

/** As a rule of a Role. `*` stands for all. */
export interface Rule {
  apiGroups: readonly string[]
  resources: readonly string[]
  verbs: readonly string[]
  /** Not given: all. A collection has no name: where names are given, `list` and `watch` need a field selector of one. */
  resourceNames?: readonly string[]
  /** Where it is a Role's; not given: a ClusterRole's, bound in the whole cluster. */
  namespace?: string
}

/** Who a token stands for, and what it may. */
export interface User {
  name: string
  rules: readonly Rule[]
}

/** May everything, and orders the faults. */
export const ADMIN_TOKEN = 'administrator-of-the-double'

export const EVERYTHING: readonly Rule[] = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]

/** Throws 403 in the API server's own words. `selectedName`: the one that a field selector asks for. */
export function authorize(user: User, verb: string, target: RequestTarget, selectedName: string | null): void {
  const { resource, namespace, subresource } = target
  const name = target.name ?? selectedName
  const resourceName = subresource === null ? resource.plural : `${resource.plural}/${subresource}`
  const isAllowed = user.rules.some(
    (rule) =>
      has(rule.apiGroups, resource.group) &&
      has(rule.resources, resourceName) &&
      has(rule.verbs, verb) &&
      (rule.namespace === undefined || rule.namespace === namespace) &&
      (rule.resourceNames === undefined || (name !== null && rule.resourceNames.includes(name))),
  )
  if (isAllowed) return
  const scope = namespace === null ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const object = target.name === null ? '' : ` "${target.name}"`
  const message =
    `${resource.plural}${resource.group === '' ? '' : `.${resource.group}`}${object} is forbidden: User "${user.name}" ` +
    `cannot ${verb} resource "${resourceName}" in API group "${resource.group}" ${scope}`
  const details = {
    ...(target.name === null ? {} : { name: target.name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  }
  throw new StatusError(403, 'Forbidden', message, details)
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}
