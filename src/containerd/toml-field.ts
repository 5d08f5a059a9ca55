import type { TomlTable, TomlValue } from '../format/toml-document.ts'
import type { Behaviour } from './behaviour.ts'

/** Whether a key of a file sets a field: go-toml v2 ignores case, v1 knows the name as it is and in capitals. */
export function setsField(name: string, field: string, dialect: Behaviour['dialect']): boolean {
  if (name === field) return true
  return dialect === 'go-toml-2' ? name.toLowerCase() === field : name === field.toUpperCase()
}

/** The value of a field. v2 decodes in the order of the text, so that the last spelling wins. */
export function fieldOf(table: TomlTable, field: string, dialect: Behaviour['dialect']): TomlValue | undefined {
  if (dialect === 'go-toml-1') return (table.entries.get(field) ?? table.entries.get(field.toUpperCase()))?.value
  let found: TomlValue | undefined
  for (const [name, entry] of table.entries) if (setsField(name, field, dialect)) found = entry.value
  return found
}
