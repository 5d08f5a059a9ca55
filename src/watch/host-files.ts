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
  /** What each file said: its text, or why there is none. */
  readonly #texts = new Map<string, { text: string | null; failure: string }>()
  readonly #globs = new Map<string, string[]>()
  readonly #directories = new Set<string>()

  constructor(hostRoot: string) {
    this.#hostRoot = hostRoot
  }

  /** null: it is missing or cannot be read; `failures` says why. */
  read(path: string): string | null {
    const known = this.#texts.get(path)
    if (known !== undefined) return known.text
    const reading = this.#readNow(path)
    this.#texts.set(path, reading)
    return reading.text
  }

  /** As Go's filepath.Glob: sorted, hidden files included. */
  glob(pattern: string): string[] {
    const paths = globFiles(pattern, (directory) => this.#names(directory), { hidden: true })
    this.#globs.set(pattern, paths)
    return paths
  }

  get failures(): string[] {
    return [...this.#texts].flatMap(([path, { failure }]) => (failure === '' ? [] : [`${path}: ${failure}`]))
  }

  get directories(): string[] {
    return [...this.#directories]
  }

  /** Whether every question that was asked here would get the same answer now. */
  isCurrent(): boolean {
    const now = new HostFiles(this.#hostRoot)
    for (const [pattern, paths] of this.#globs) if (now.glob(pattern).join('\n') !== paths.join('\n')) return false
    for (const [path, { text, failure }] of this.#texts) {
      const reading = now.#readNow(path)
      if (reading.text !== text || reading.failure !== failure) return false
    }
    return true
  }

  #readNow(path: string): { text: string | null; failure: string } {
    const found = resolveHostPath(this.#hostRoot, path)
    if (found.kind === 'absent') {
      this.#directories.add(found.nearest)
      return { text: null, failure: 'no such file or directory' }
    }
    if (found.kind === 'unreadable') return { text: null, failure: found.node.message }
    this.#directories.add(dirname(found.real))
    const node = readRegularFile(found.real)
    if (node.kind === 'unreadable') return { text: null, failure: node.message }
    if (node.text !== null) return { text: node.text, failure: '' }
    return { text: null, failure: node.omitted === 'too-large' ? 'too large' : 'not UTF-8' }
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
