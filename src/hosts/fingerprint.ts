import type { FileNode, TreeNode } from './tree.ts'

/** Who wrote a file, by its fingerprint. */
export type Writer = 'talos' | 'spegel' | 'unknown'

/** What one writer left in the live tree, `_backup` apart. */
interface WriterTrace {
  /** Paths of hosts.toml files, relative to the tree. */
  files: string[]
  /** Milliseconds since the epoch: the newest of these files; null: none, or no time is known. */
  newest: number | null
  /** The oldest of them: a writer that wrote all at once left little between the two. */
  oldest: number | null
}

/** What a tree shows of who wrote it, and when. */
export interface TreeFingerprint {
  talos: WriterTrace
  spegel: WriterTrace
  unknown: WriterTrace
  /** Spegel's backup of what it found; Talos removes it with all else that is not its own. null: not there. */
  backup: { entries: string[]; modifiedAt: number | null } | null
  /**
   * Files with Talos' text that have Spegel's modes (0644, or in a directory of 0755): Talos keeps the mode of a file
   * that it rewrites, so Spegel wrote these before Talos did (files/cri_registry_config.go: WriteFile in place).
   */
  talosOverSpegel: string[]
  /** When an entry of the tree itself was last made, moved or removed: Spegel's or Talos' clearing. */
  entriesChangedAt: number | null
  /**
   * `talos`: all is Talos' and Spegel never ran, or was wiped. `spegel`: Spegel's files stand. `mixed`: both.
   * `empty`: no hosts.toml at all. `unknown`: others' files only.
   */
  state: 'talos' | 'spegel' | 'mixed' | 'empty' | 'unknown'
}

/** Spegel's text: nothing indented, no `[host]` alone, no newline at the end (pkg/oci/containerd.go, templateHosts). */
const SPEGEL_TEXT = /^(server = '[^'\n]*'|\[host\.'[^'\n]*'\]\ncapabilities = \['pull'(, 'resolve')?\])(\n|$)/
const UNINDENTED = /^(?![ \t]).*(\n(?![ \t]).*)*$/

const SETTING = String.raw`(?:capabilities|override_path|ca|client|skip_verify) = .+\n`
/** Talos' text: a top-level part, then `[host]` and its tables, two spaces deeper a level. */
const TALOS_TEXT = new RegExp(
  String.raw`^(?:server = (?:'[^'\n]*'|"[^"\n]*")\n(?:${SETTING})*)?(?:\[host\]\n(?:  \[host\..+\]\n(?:    ${SETTING})*)+)?$`,
)
/** Talos 1.7: double quotes and empty lines. */
const TALOS_17_TEXT = new RegExp(String.raw`^\n\[host\]\n(?:\n  \[host\..+\]\n(?:    ${SETTING})*)+$`)

/**
 * Who wrote this hosts.toml, or this certificate, judged by its text and, where the text says nothing, its mode.
 * A file that nobody's writer could have made is `unknown`.
 */
export function writerOf(file: FileNode): Writer {
  const isPrivate = file.mode === 0o600
  if (file.text === null) return isPrivate && file.omitted === 'secret' ? 'talos' : 'unknown'
  // Without endpoints Talos writes nothing into the file.
  if (file.text === '') return isPrivate ? 'talos' : 'unknown'
  if (file.text.startsWith('-----BEGIN ')) return isPrivate ? 'talos' : 'unknown'
  if (TALOS_TEXT.test(file.text) || TALOS_17_TEXT.test(file.text)) return 'talos'
  if (!file.text.endsWith('\n') && SPEGEL_TEXT.test(file.text) && UNINDENTED.test(file.text)) {
    return file.text.includes('\n[host]\n') ? 'unknown' : 'spegel'
  }
  return 'unknown'
}

/** What the tree shows of its writers. Works on any tree, also one that is a file or unreadable. */
export function treeFingerprint(tree: TreeNode): TreeFingerprint {
  const traces: Record<Writer, WriterTrace> = { talos: noTrace(), spegel: noTrace(), unknown: noTrace() }
  const talosOverSpegel: string[] = []
  const entries = tree.kind === 'directory' ? tree.entries : new Map<string, TreeNode>()
  for (const [name, directory] of entries) {
    if (name === '_backup' || directory.kind !== 'directory') continue
    const file = directory.entries.get('hosts.toml')
    if (file?.kind !== 'file') continue
    const writer = writerOf(file)
    addTrace(traces[writer], `${name}/hosts.toml`, file.modifiedAt)
    const hasSpegelMode = (file.mode ?? 0o600) === 0o644 || (directory.mode ?? 0o700) === 0o755
    if (writer === 'talos' && hasSpegelMode) talosOverSpegel.push(`${name}/hosts.toml`)
  }
  const backup = entries.get('_backup')
  return {
    ...traces,
    backup:
      backup?.kind === 'directory' ? { entries: [...backup.entries.keys()], modifiedAt: backup.modifiedAt } : null,
    talosOverSpegel,
    entriesChangedAt: tree.kind === 'directory' ? tree.modifiedAt : null,
    state: stateOf(traces),
  }
}

function stateOf(traces: Record<Writer, WriterTrace>): TreeFingerprint['state'] {
  const [byTalos, bySpegel] = [traces.talos.files.length > 0, traces.spegel.files.length > 0]
  if (byTalos && bySpegel) return 'mixed'
  if (byTalos) return 'talos'
  if (bySpegel) return 'spegel'
  return traces.unknown.files.length > 0 ? 'unknown' : 'empty'
}

function noTrace(): WriterTrace {
  return { files: [], newest: null, oldest: null }
}

function addTrace(trace: WriterTrace, path: string, modifiedAt: number | null): void {
  trace.files.push(path)
  if (modifiedAt === null) return
  trace.newest = Math.max(trace.newest ?? modifiedAt, modifiedAt)
  trace.oldest = Math.min(trace.oldest ?? modifiedAt, modifiedAt)
}
