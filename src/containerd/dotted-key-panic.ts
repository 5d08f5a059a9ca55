import type { TomlTable } from '../format/toml-document.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Behaviour } from './behaviour.ts'
import { entriesOf, setsField } from './toml-field.ts'

/**
 * Where containerd 2.x panics on a hosts.toml that is right; null where it does not.
 *
 * go-toml v2 before 2.4: decode.go, fieldByIndex makes what a pointer points to, which is `skip_verify` alone, in the
 * copy of a table that a map gives out. A dotted key meets such a copy where an earlier key has made the table.
 */
export function dottedKeyPanic(
  root: TomlTable,
  { dialect, hasGoToml24 }: Behaviour,
): { reason: string; position: SourcePosition } | null {
  if (dialect !== 'go-toml-2' || hasGoToml24) return null
  const made = new Set<string>()
  for (const { value: host } of entriesOf(root, 'host', dialect)) {
    for (const [name, { value }] of host.kind === 'table' ? host.entries : []) {
      const entries = value.kind === 'table' && value.form === 'dotted' ? [...value.entries] : []
      const meetingCopies = made.has(name) ? entries : entries.slice(1)
      const skipVerify = meetingCopies.find(([key]) => setsField(key, 'skip_verify', dialect))
      if (skipVerify !== undefined) {
        const reason = `skip_verify as a later dotted key of host.${JSON.stringify(name)} makes this containerd panic`
        return { reason, position: skipVerify[1].keyPosition }
      }
      made.add(name)
    }
  }
  return null
}
