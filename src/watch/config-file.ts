import { dirname } from 'node:path'
import { readRegularFile } from '../files/regular-file.ts'
import type { WatchedPart } from './input-watcher.ts'

/**
 * The agent's own configuration file as something to watch: `onText` hears each new text, null where it cannot be
 * read any more. Its directory is watched, since a ConfigMap swaps a link in it and never writes the file.
 */
export function configFilePart(file: string, onText: (text: string | null) => void): WatchedPart {
  return {
    name: 'config',
    read() {
      const node = readRegularFile(file)
      return { value: node.kind === 'file' ? node.text : null, directories: [dirname(file)] }
    },
    isSame: (a, b) => a === b,
    accept: (value) => onText(typeof value === 'string' ? value : null),
  }
}
