import { type ApiObject, fieldOf } from './api-object.ts'
import type { ApiResource } from './api-resources.ts'
import { badRequest } from './status.ts'

export type Selector = (object: ApiObject) => boolean

/** `a=b,c!=d`; every one must hold. Throws 400 at a field that this kind cannot be selected by, as the API server does. */
export function fieldSelector(text: string, resource: ApiResource): Selector {
  const terms = text
    .split(',')
    .filter((it) => it !== '')
    .map((term) => {
      const [, field = '', operator = '', value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? []
      if (operator === '') throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
      const isKnown = field === 'metadata.name' || (field === 'metadata.namespace' && resource.isNamespaced)
      if (!isKnown && !resource.fields.includes(field)) throw badRequest(unsupported(field, resource))
      return { field, isEqual: operator !== '!=', value }
    })
  return (object) => terms.every(({ field, isEqual, value }) => (selected(object, field) === value) === isEqual)
}

/** A built-in kind without fields of its own has the words of apimachinery: runtime/conversion.go. */
function unsupported(field: string, { fields, isCustom }: ApiResource): string {
  if (fields.length > 0 || isCustom) return `field label not supported: ${field}`
  return `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
}

/** pkg/registry/core/event/strategy.go: `source` is the component that reports, by its old name or its new one. */
function selected(object: ApiObject, field: string): string {
  if (field === 'source') return fieldOf(object, 'source.component') || fieldOf(object, 'reportingComponent')
  if (field === 'spec.unschedulable' || field === 'spec.hostNetwork') return fieldOf(object, field) || 'false'
  return fieldOf(object, field)
}
