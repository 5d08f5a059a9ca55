import { PullpathError } from '../errors.ts'
import type { IntentFile } from '../format/yaml-documents.ts'
import type { InputFailure } from '../input-failure.ts'
import type { Intent } from '../intent/intent.ts'
import type { IntentFilesReading } from './intent-files.ts'

/** What one half of the intent, Talos' or Spegel's, gives now. */
export interface IntentHalfReading {
  /** null: it was never readable. */
  intent: Intent | null
  failure: InputFailure | null
}

/**
 * Parses one half of the intent when its files change. A half that cannot be read stays what it last was: a bad
 * commit must not look as if nothing were declared. It is down all the same, and says why.
 */
export class IntentHalf {
  readonly #parse: (files: readonly IntentFile[]) => Intent
  #files: IntentFilesReading | null = null
  #reading: IntentHalfReading

  /** `lastGood`: what stays in force until these files can be read; null: nothing. */
  constructor(parse: (files: readonly IntentFile[]) => Intent, lastGood: Intent | null) {
    this.#parse = parse
    this.#reading = { intent: lastGood, failure: null }
  }

  take(files: IntentFilesReading): IntentHalfReading {
    if (files === this.#files) return this.#reading
    this.#files = files
    this.#reading = this.#read(files)
    return this.#reading
  }

  #read(files: IntentFilesReading): IntentHalfReading {
    const { intent } = this.#reading
    if (files.failures.length > 0) {
      return { intent, failure: { reason: 'unreadable', message: files.failures.join('; ') } }
    }
    try {
      return { intent: this.#parse(files.files), failure: null }
    } catch (error) {
      // A defect of a parser must not end the agent either: this half is down, and says so.
      const message = error instanceof PullpathError ? error.toLine() : `a fault of Pullpath itself: ${String(error)}`
      return { intent, failure: { reason: 'invalid', message } }
    }
  }
}
