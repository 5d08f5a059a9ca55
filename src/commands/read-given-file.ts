import { PullpathError } from '../errors.ts'
import { MAX_FILE_BYTES, readRegularFile } from '../files/regular-file.ts'
import type { IntentFile } from '../format/yaml-documents.ts'

/** Reads a file that was named on the command line. Throws PP_FILE_UNREADABLE for what the agent could not read either. */
export function readGivenFile(path: string): IntentFile {
  const reading = readRegularFile(path)
  if (reading.kind === 'file' && reading.text !== null) return { path, text: reading.text }
  const tooLarge = `larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`
  const why = reading.kind === 'unreadable' ? reading.message : reading.omitted === 'too-large' ? tooLarge : 'not UTF-8'
  throw new PullpathError('PP_FILE_UNREADABLE', `${path}: ${why}`, { advice: 'name a text file' })
}
