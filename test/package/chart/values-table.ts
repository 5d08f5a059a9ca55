import { parseDocument } from 'yaml'

/** A value of the chart as its comment in values.yaml describes it. */
export interface ValueRow {
  path: string[]
  default: unknown
  description: string
}

const DESCRIBES = '-- '

/**
 * The values that a comment beginning with `-- ` stands before, in the order of the file. Throws TypeError for a value
 * that has none, unless it is within one that has.
 */
export function valueRows(text: string): ValueRow[] {
  const values = parseDocument(text)
  const rows: ValueRow[] = []
  const parents: { indent: number; key: string; isDescribed: boolean }[] = []
  let comment: string[] = []
  for (const line of text.split('\n')) {
    const said = /^ *# ?(.*)$/.exec(line)?.[1]
    const [, space = '', key, value = ''] = /^( *)([\w.-]+):(.*)$/.exec(line) ?? []
    if (said !== undefined) comment.push(said)
    else if (key === undefined) comment = []
    else {
      while ((parents.at(-1)?.indent ?? -1) >= space.length) parents.pop()
      const path = [...parents.map((it) => it.key), key]
      const description = descriptionIn(comment)
      const isWithin = parents.some((it) => it.isDescribed)
      if (description !== null) rows.push({ path, default: toJson(values.getIn(path)), description })
      else if (value !== '' && !isWithin) throw new TypeError(`${path.join('.')} has no comment that begins with --`)
      parents.push({ indent: space.length, key, isDescribed: description !== null })
      comment = []
    }
  }
  return rows
}

/** Markdown, one row a value. */
export function valuesTable(rows: readonly ValueRow[]): string {
  const lines = rows.map(({ path, default: value, description }) => {
    return `| \`${path.join('.')}\` | \`${JSON.stringify(value)}\` | ${description.replaceAll('|', '\\|')} |`
  })
  return ['| value | default | what |', '|---|---|---|', ...lines].join('\n')
}

function descriptionIn(comment: readonly string[]): string | null {
  const start = comment.findLastIndex((it) => it.startsWith(DESCRIBES))
  return start === -1 ? null : comment.slice(start).join(' ').slice(DESCRIBES.length)
}

function toJson(node: unknown): unknown {
  return typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function'
    ? node.toJSON()
    : node
}
