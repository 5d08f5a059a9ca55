import { readdirSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import { MAX_FILE_BYTES, readRegularFile } from '../files/regular-file.ts'
import type { IntentFile } from '../format/yaml-documents.ts'
import { globFiles } from './glob-files.ts'

/** What a list of patterns gave. */
export interface IntentFilesReading {
  files: readonly IntentFile[]
  /** What is missing or cannot be read, as sentences; empty where all is well. */
  failures: readonly string[]
  /** The directories whose changes matter. */
  directories: readonly string[]
}

/**
 * Reads intent files again and again; equal content keeps the very same reading.
 * A relative pattern is a failure, unless `relative` is allowed (a command line, where it means the current directory).
 */
export class IntentFilesReader {
  readonly #patterns: readonly string[]
  readonly #relative: boolean
  #last: IntentFilesReading = { files: [], failures: [], directories: [] }

  constructor(patterns: readonly string[], options: { relative: boolean }) {
    this.#patterns = patterns
    this.#relative = options.relative
  }

  /** Never throws. */
  read(): IntentFilesReading {
    const files = new Map<string, IntentFile>()
    const failures: string[] = []
    const directories = new Set<string>()
    for (const pattern of this.#patterns) {
      if (!isAbsolute(pattern) && !this.#relative) {
        failures.push(`${pattern} is no absolute path: write it from the root of the agent's container`)
        continue
      }
      const start = isAbsolute(pattern) || /^\.{1,2}\//.test(pattern) ? '' : './'
      const paths = globFiles(`${start}${pattern}`, (directory) => namesIn(directory, directories), { hidden: false })
      if (paths.length === 0) failures.push(`no file matches ${pattern}`)
      for (const path of paths) {
        directories.add(dirname(path))
        const shown = path.slice(start.length)
        const file = readIntentFile(shown, failures)
        if (file !== null) files.set(shown, file)
      }
    }
    const reading = { files: [...files.values()], failures, directories: [...directories] }
    if (!isSameReading(this.#last, reading)) this.#last = reading
    return this.#last
  }
}

/** A directory that is missing is represented by the one above it: there it will appear. */
function namesIn(directory: string, watched: Set<string>): string[] {
  try {
    watched.add(directory)
    return readdirSync(directory)
  } catch {
    const above = dirname(directory)
    if (above !== directory) namesIn(above, watched)
    return []
  }
}

function readIntentFile(path: string, failures: string[]): IntentFile | null {
  const node = readRegularFile(path)
  if (node.kind === 'unreadable') failures.push(`${path}: ${node.message}`)
  else if (node.omitted === 'too-large') failures.push(`${path}: larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`)
  else if (node.text === null) failures.push(`${path}: not UTF-8`)
  else return { path, text: node.text }
  return null
}

function isSameReading(a: IntentFilesReading, b: IntentFilesReading): boolean {
  const isSameList = (left: readonly string[], right: readonly string[]) => left.join('\n') === right.join('\n')
  return (
    a.files.length === b.files.length &&
    a.files.every((file, index) => file.path === b.files[index]?.path && file.text === b.files[index]?.text) &&
    isSameList(a.failures, b.failures) &&
    isSameList(a.directories, b.directories)
  )
}
