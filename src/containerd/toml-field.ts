import type { TomlDocument, TomlEntry, TomlHeader, TomlTable, TomlValue } from '../format/toml-document.ts'
import type { Behaviour } from './behaviour.ts'

/** Whether a key of a file sets a field: go-toml v2 ignores case, v1 knows the name as it is and in capitals. */
export function setsField(name: string, field: string, dialect: Behaviour['dialect']): boolean {
  if (name === field) return true
  return dialect === 'go-toml-2' ? name.toLowerCase() === field : name === field.toUpperCase()
}

/** Every entry that sets a field, the one that counts last: v2 decodes in the order of the text, v1 knows one alone. */
export function entriesOf(table: TomlTable, field: string, dialect: Behaviour['dialect']): TomlEntry[] {
  if (dialect === 'go-toml-2') {
    return [...table.entries].filter(([name]) => setsField(name, field, dialect)).map(([, entry]) => entry)
  }
  const entry = table.entries.get(field) ?? table.entries.get(field.toUpperCase())
  return entry === undefined ? [] : [entry]
}

/** The value of a field. */
export function fieldOf(table: TomlTable, field: string, dialect: Behaviour['dialect']): TomlValue | undefined {
  return entriesOf(table, field, dialect).at(-1)?.value
}

/** go-toml v1: lexer.go, lexInsideTableKey does not know quotes. An IPv6 address in a header ends the file there. */
export function headerWithBracket(document: TomlDocument): TomlHeader | undefined {
  return document.headers.find((it) => it.parts.some((part) => /[[\]]/.test(part)))
}

export const BRACKET_IN_HEADER = "a table key cannot contain '[' or ']'"
