/**
 * TOML as go-toml/v2 prints it (v2.2.3 to v2.4.3, marshaler.go): both Talos and Spegel write their files with it,
 * so its quoting and order are what stands on a node.
 */

/** A number or date that is already spelt as go-toml spells it. */
interface GoTomlLiteral {
  readonly literal: string
}

export type GoTomlTable = ReadonlyMap<string, GoTomlValue>
export type GoTomlValue = string | boolean | GoTomlLiteral | readonly GoTomlValue[] | GoTomlTable

const BARE_KEY = /^[A-Za-z0-9_-]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the very characters that a literal string cannot hold
const NEEDS_BASIC = /['\r\n\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the very characters that are escaped
const ESCAPED = /[\\"\u0000-\u001f\u007f]/g

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** A string in single quotes; in double quotes only where it holds a single quote or a control character. */
export function goTomlString(text: string): string {
  return NEEDS_BASIC.test(text) ? basicString(text) : `'${text}'`
}

/** A key: bare where TOML allows it, else quoted like a string. */
export function goTomlKey(key: string): string {
  return BARE_KEY.test(key) ? key : goTomlString(key)
}

/** A key as go-toml v1 writes it; an empty one comes out as nothing, which is no valid TOML. */
export function goTomlV1Key(key: string): string {
  return key === '' || BARE_KEY.test(key) ? key : basicString(key)
}

/** In double quotes, as go-toml v1 writes every string and v2 those that cannot be literal. */
export function basicString(text: string): string {
  const escaped = text.replace(ESCAPED, (char) => {
    const code = char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')
    return SHORT_ESCAPES[char] ?? `\\u00${code}`
  })
  return `"${escaped}"`
}

/**
 * A table under its header: sorted keys, then its sub-tables, each after an empty line; nothing is indented.
 * An array of tables becomes `[[…]]`; a table inside an array of other things is inline.
 */
export function goTomlTable(path: readonly string[], table: GoTomlTable): string {
  return `[${headerKey(path)}]\n${tableBody(path, table)}`
}

function tableBody(path: readonly string[], table: GoTomlTable): string {
  const entries = [...table].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const lines: string[] = []
  const subTables: string[] = []
  for (const [key, value] of entries) {
    if (isTable(value)) subTables.push(goTomlTable([...path, key], value))
    else if (isTableArray(value)) subTables.push(tableArray([...path, key], value))
    else lines.push(`${goTomlKey(key)} = ${inlineValue(value)}\n`)
  }
  const gap = lines.length > 0 && subTables.length > 0 ? '\n' : ''
  return lines.join('') + gap + subTables.join('\n')
}

function tableArray(path: readonly string[], tables: readonly GoTomlTable[]): string {
  return tables.map((table) => `[[${headerKey(path)}]]\n${tableBody(path, table)}`).join('\n')
}

function inlineValue(value: GoTomlValue): string {
  if (typeof value === 'string') return goTomlString(value)
  if (typeof value === 'boolean') return String(value)
  if (isArray(value)) return `[${value.map(inlineValue).join(', ')}]`
  if (isTable(value)) {
    const entries = [...value].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    return `{${entries.map(([key, it]) => `${goTomlKey(key)} = ${inlineValue(it)}`).join(', ')}}`
  }
  return value.literal
}

function headerKey(path: readonly string[]): string {
  return path.map(goTomlKey).join('.')
}

function isTable(value: GoTomlValue): value is GoTomlTable {
  return value instanceof Map
}

function isArray(value: GoTomlValue): value is readonly GoTomlValue[] {
  return Array.isArray(value)
}

function isTableArray(value: GoTomlValue): value is readonly GoTomlTable[] {
  return isArray(value) && value.length > 0 && value.every(isTable)
}
