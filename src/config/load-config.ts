import { PullpathError } from '../errors.ts'
import { readRegularFile } from '../files/regular-file.ts'

/** Where the agent looks when it is not told. */
export const DEFAULT_CONFIG_FILE = '/etc/pullpath/config.yaml'

/** The text of a configuration file. Throws PP_FILE_UNREADABLE. */
export function readConfigText(file: string): string {
  const reading = readRegularFile(file)
  if (reading.kind === 'file' && reading.text !== null) return reading.text
  const why =
    reading.kind === 'unreadable' ? reading.message : reading.omitted === 'too-large' ? 'too large' : 'not UTF-8'
  throw new PullpathError('PP_FILE_UNREADABLE', `the configuration ${file} cannot be read: ${why}`, {
    advice: file === DEFAULT_CONFIG_FILE ? 'write it, or name another with --config FILE' : 'check --config',
  })
}
