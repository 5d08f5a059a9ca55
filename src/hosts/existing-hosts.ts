import { parseToml, type TomlScalar, type TomlTable, type TomlValue } from '../format/toml-document.ts'
import { type GoTomlTable, type GoTomlValue, goTomlTable } from './go-toml-text.ts'

const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n }

/**
 * What Spegel keeps of a hosts.toml that it found: the `[host.'…']` tables that have a header of their own, in the
 * order of the file and printed anew (existingHosts). Top-level settings and inline tables are dropped. An empty
 * text: nothing is kept. An error makes the init container fail after it has cleared the directory.
 */
export function existingHosts(text: string, file: string): { text: string } | { error: string } {
  const result = parseToml(text, file)
  if (!result.ok) return { error: `toml: ${result.error.message}` }
  const { root, headers } = result.document
  for (const [key, entry] of root.entries) {
    // go-toml matches a struct's fields without regard to case.
    if (key.toLowerCase() !== 'host') continue
    if (entry.value.kind !== 'table') return { error: 'toml: cannot decode it into a table of hosts' }
    if (hasOversizedInteger(entry.value)) return { error: "toml: couldn't parse a number: value out of range" }
  }
  const hosts = root.entries.get('host')?.value
  if (hosts?.kind !== 'table') return { text: '' }
  const kept: string[] = []
  for (const header of headers) {
    const [first, host] = header.parts
    if (header.array || header.parts.length !== 2 || first !== 'host' || host === undefined) continue
    const table = hosts.entries.get(host)?.value
    if (table?.kind === 'table') kept.push(goTomlTable(['host', host], goTable(table)))
  }
  return { text: kept.join('\n').trim() }
}

function goTable(table: TomlTable): GoTomlTable {
  return new Map([...table.entries].map(([key, entry]) => [key, goValue(entry.value)]))
}

function goValue(value: TomlValue): GoTomlValue {
  if (value.kind === 'table') return goTable(value)
  if (value.kind === 'array') return value.items.map(goValue)
  if (value.kind === 'string' || value.kind === 'boolean') return value.value
  return { literal: numberOrDate(value) }
}

function numberOrDate(scalar: Exclude<TomlScalar, { kind: 'string' | 'boolean' }>): string {
  if (scalar.kind === 'integer') return scalar.value.toString()
  return scalar.kind === 'float' ? floatText(scalar.value) : dateText(scalar.value)
}

/** strconv.FormatFloat(f, 'f'): never an exponent, `.0` after a whole number, else the fewest digits. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const size = Math.abs(value)
  if (Number.isInteger(size)) return `${sign}${BigInt(size)}.0`
  const [mantissa = '', exponent] = String(size).split('e')
  if (exponent === undefined) return sign + mantissa
  // Only small numbers have a fraction and an exponent: 1.5e-7 is 0.00000015.
  const digits = mantissa.replace('.', '')
  return `${sign}0.${'0'.repeat(-Number(exponent) - 1)}${digits}`
}

/** An offset date-time as time.RFC3339Nano, a local one with the digits that it had, nanoseconds at most. */
function dateText(raw: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})?[Tt ]?(\d{2}:\d{2}:\d{2})?(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})?$/.exec(raw)
  if (parts === null) return raw
  const [, date, time, fraction, offset] = parts
  const digits = (fraction ?? '').slice(0, 9)
  const shown = offset === undefined ? digits : digits.replace(/0+$/, '')
  const clock = time === undefined ? undefined : time + (shown === '' ? '' : `.${shown}`)
  const zone = offset === undefined ? '' : /^([Zz]|[+-]00:00)$/.test(offset) ? 'Z' : offset
  return [date, clock].filter((it) => it !== undefined).join('T') + zone
}

function hasOversizedInteger(value: TomlValue): boolean {
  if (value.kind === 'integer') return value.value < INT64.least || value.value > INT64.most
  if (value.kind === 'array') return value.items.some(hasOversizedInteger)
  return value.kind === 'table' && [...value.entries.values()].some((it) => hasOversizedInteger(it.value))
}
