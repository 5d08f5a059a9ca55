import type { Selector } from './field-selector.ts'
import { badRequest } from './status.ts'

type Labels = Readonly<Record<string, string>>

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k`; every one must hold. */
export function labelSelector(text: string): Selector {
  const terms = split(text).map(termOf)
  return (object) => terms.every((holds) => holds(object.metadata.labels ?? {}))
}

/** At the commas that stand in no brackets. */
function split(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((it) => it.trim())
    .filter((it) => it !== '')
}

function termOf(term: string): (labels: Labels) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((it) => it.trim())
    // A label that is not there is in no set.
    return (labels) => values.includes(labels[key] ?? '\0') === (operator === 'in')
  }
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(term)
  if (equality !== null) {
    const [, key = '', operator, value] = equality
    return (labels) => (labels[key] === value) === (operator !== '!=')
  }
  if (!/^!?[A-Za-z0-9._/-]+$/.test(term)) throw badRequest(`unable to parse requirement: ${term}`)
  return term.startsWith('!') ? (labels) => !(term.slice(1) in labels) : (labels) => term in labels
}
