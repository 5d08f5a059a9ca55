/** Lists the names in a directory, in any order; empty where there is none. */
export type ListDirectory = (directory: string) => readonly string[]

/**
 * Paths that match a pattern of `*` and `?`, which stand for parts of one name, sorted. A pattern without them is
 * given back as it is, whether such a file exists or not; what follows a wildcard must exist. `hidden`: whether `*`
 * matches a leading dot. In a shell it does not, so that a ConfigMap's `..data` stays out; in Go's filepath.Glob it does.
 */
export function globFiles(pattern: string, list: ListDirectory, options: { hidden: boolean }): string[] {
  const [root = '', ...names] = pattern.split('/').filter((name, index) => name !== '' || index === 0)
  const first = names.findIndex((name) => /[*?]/.test(name))
  if (first < 0) return [pattern]
  return names.reduce(
    (bases, name, index) => {
      if (index < first) return bases.map((base) => `${base}/${name}`)
      const expression = expressionOf(name, options.hidden)
      return bases.flatMap((base) => {
        const matching = list(base === '' ? '/' : base).filter((it) => expression.test(it))
        return matching.sort().map((it) => `${base}/${it}`)
      })
    },
    [root],
  )
}

function expressionOf(pattern: string, hidden: boolean): RegExp {
  const parts = [...pattern].map((it) => {
    if (it === '*') return '.*'
    return it === '?' ? '.' : it.replace(/[\\^$.|+()[\]{}]/, '\\$&')
  })
  const noDot = hidden || pattern.startsWith('.') ? '' : '(?!\\.)'
  return new RegExp(`^${noDot}${parts.join('')}$`, 's')
}
