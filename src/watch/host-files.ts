import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readRegularFile } from '../files/regular-file.ts'
import { globFiles } from './glob-files.ts'
import { resolveHostPath } from './host-path.ts'

/**
 * The node's files for a reader that follows imports: by the paths that the daemon knows, below `hostRoot`.
 * Remembers what was asked for, so that the same question can be put again, and what there is to watch.
 */
export class HostFiles {
  readonly #hostRoot: string
  /** What each file said, as a digest: such files hold credentials, which are not kept. Or why it said nothing. */
  readonly #seen = new Map<string, { digest: string | null; failure: string; modifiedAt: number }>()
  readonly #globs = new Map<string, string[]>()
  readonly #directories = new Set<string>()

  constructor(hostRoot: string) {
    this.#hostRoot = hostRoot
  }

  /** null: it is missing or cannot be read; `failures` says why. */
  read(path: string): string | null {
    const { text, failure, modifiedAt } = this.#readNow(path)
    this.#seen.set(path, { digest: digestOf(text), failure, modifiedAt })
    return text
  }

  /** As Go's filepath.Glob: sorted, hidden files included. */
  glob(pattern: string): string[] {
    const paths = globFiles(pattern, (directory) => this.#names(directory), { hidden: true })
    this.#globs.set(pattern, paths)
    return paths
  }

  get failures(): string[] {
    return [...this.#seen].flatMap(([path, { failure }]) => (failure === '' ? [] : [`${path}: ${failure}`]))
  }

  get directories(): string[] {
    return [...this.#directories]
  }

  /** Of all texts: the same files with the same texts have the same digest. */
  get digest(): string {
    return digestOf(JSON.stringify([...this.#seen].map(([path, { digest }]) => [path, digest]))) ?? ''
  }

  /** The file that was written to last, in milliseconds since the epoch; null: none could be read. */
  get newest(): { path: string; modifiedAt: number } | null {
    const [newest] = [...this.#seen].sort(([, a], [, b]) => b.modifiedAt - a.modifiedAt)
    return newest === undefined || newest[1].modifiedAt === 0 ? null : { path: newest[0], ...newest[1] }
  }

  /** Whether every question that was asked here would get the same answer now. */
  isCurrent(): boolean {
    const now = new HostFiles(this.#hostRoot)
    for (const [pattern, paths] of this.#globs) if (now.glob(pattern).join('\n') !== paths.join('\n')) return false
    for (const [path, { digest, failure }] of this.#seen) {
      const reading = now.#readNow(path)
      if (digestOf(reading.text) !== digest || reading.failure !== failure) return false
    }
    return true
  }

  #readNow(path: string): { text: string | null; failure: string; modifiedAt: number } {
    const found = resolveHostPath(this.#hostRoot, path)
    if (found.kind === 'absent') {
      this.#directories.add(found.nearest)
      return { text: null, failure: 'no such file or directory', modifiedAt: 0 }
    }
    if (found.kind === 'unreadable') return { text: null, failure: found.node.message, modifiedAt: 0 }
    this.#directories.add(dirname(found.real))
    const node = readRegularFile(found.real)
    if (node.kind === 'unreadable') return { text: null, failure: node.message, modifiedAt: 0 }
    const modifiedAt = node.modifiedAt ?? 0
    if (node.text !== null) return { text: node.text, failure: '', modifiedAt }
    return { text: null, failure: node.omitted === 'too-large' ? 'too large' : 'not UTF-8', modifiedAt }
  }

  #names(directory: string): string[] {
    const found = resolveHostPath(this.#hostRoot, directory)
    if (found.kind === 'absent') this.#directories.add(found.nearest)
    if (found.kind !== 'found') return []
    this.#directories.add(join(found.real))
    try {
      return readdirSync(found.real)
    } catch {
      return [] // Go's Glob ignores directories that cannot be listed
    }
  }
}

function digestOf(text: string | null): string | null {
  return text === null ? null : createHash('sha256').update(text).digest('base64')
}
