import { readFile } from 'node:fs/promises'
import { PullpathError } from '../errors.ts'
import type { IntentFile } from '../intent/yaml-documents.ts'

/** Reads a file that was named on the command line. Throws PP_FILE_UNREADABLE. */
export async function readGivenFile(path: string): Promise<IntentFile> {
  try {
    return { path, text: await readFile(path, 'utf8') }
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    const why: Readonly<Record<string, string>> = {
      ENOENT: 'no such file',
      EACCES: 'permission denied',
      EISDIR: 'it is a directory, not a file',
    }
    throw new PullpathError('PP_FILE_UNREADABLE', `${path}: ${why[code] ?? code}`, { cause: error })
  }
}
