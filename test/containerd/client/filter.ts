import { DaemonRefusal } from '../../../src/containerd/client/daemon-error.ts'

/** containerd's filter language (pkg/filters), as much of it as is used: `type==a,id!=b`, `ref~="^layer-"`. */
export function matches(filters: readonly string[], path: string, fieldOf: (name: string) => string): boolean {
  const parsed = filters.map((filter) => filter.split(',').map((selector) => parse(selector, path)))
  return parsed.length === 0 || parsed.some((selectors) => selectors.every((it) => it(fieldOf)))
}

function parse(selector: string, path: string): (fieldOf: (name: string) => string) => boolean {
  // `/` and `|` open a quoted literal too.
  const match = /^([\w.]+)(==|!=|~=)(?:"([^"]*)"|([^"/|][^"]*))$/.exec(selector)
  const [, field = '', operator = '', quoted, bare = ''] = match ?? []
  const value = quoted ?? bare
  if (match === null) throw new DaemonRefusal(path, { code: 3, details: `filters: parse error: [${selector}]` })
  if (operator === '~=') return (fieldOf) => new RegExp(value).test(fieldOf(field))
  return (fieldOf) => (fieldOf(field) === value) === (operator === '==')
}
