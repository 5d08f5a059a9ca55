import type { IntentFile } from '../format/yaml-documents.ts'
import type { Version } from '../version.ts'
import type { Intent, IntentNote } from './intent.ts'
import { readSpegelIntent } from './spegel-intent.ts'
import { readTalosIntent } from './talos-intent.ts'

export { NEWEST_SPEGEL } from './spegel-version.ts'

/** The newest stable release of Talos, assumed where no version is given. */
export const NEWEST_TALOS: Version = { major: 1, minor: 13, patch: 9, pre: '', text: '1.13.9' }

/** What was declared in Git, as files. */
export interface IntentInput {
  talosFiles: readonly IntentFile[]
  spegelFiles: readonly IntentFile[]
  /** null: the newest is assumed. */
  talosVersion: Version | null
  /** null: the one that the files name, else the newest. */
  spegelVersion: Version | null
}

/** Reads both halves of the intent; one without files is null. Throws what the two readers throw. */
export function readIntent(input: IntentInput): Intent {
  const talos =
    input.talosFiles.length === 0
      ? null
      : readTalosIntent(input.talosFiles, { version: input.talosVersion ?? NEWEST_TALOS })
  const spegel =
    input.spegelFiles.length === 0 ? null : readSpegelIntent(input.spegelFiles, { version: input.spegelVersion })
  const assumed: IntentNote[] =
    talos === null || input.talosVersion !== null
      ? []
      : [
          {
            code: 'VERSION_ASSUMED',
            message: `no version of Talos was given: the newest release, ${NEWEST_TALOS.text}, is assumed`,
            source: null,
          },
        ]
  return {
    talos: talos?.intent ?? null,
    spegel: spegel?.intent ?? null,
    problems: [...(talos?.problems ?? []), ...(spegel?.problems ?? [])],
    notes: [...assumed, ...(talos?.notes ?? []), ...(spegel?.notes ?? [])],
  }
}
