import type { Writer } from '../hosts/fingerprint.ts'
import { printable, printableLines } from './printable.ts'
import { paint, type RenderOptions } from './render-options.ts'

/** One file that Talos or Spegel writes, as `expect --json` shows it. */
export interface ExpectedFile {
  /** Relative to the hosts directory. */
  path: string
  writer: Writer
  content: string
}

/** The files one after the other, each under a comment line with its path and writer, as a reader of TOML expects. */
export function renderExpectedFiles(files: readonly ExpectedFile[], options: RenderOptions): string {
  if (files.length === 0) return 'No files: nothing is declared.\n'
  const blocks = files.map(({ path, writer, content }) => {
    const heading = paint('bold', `# ${printable(path)} (written by ${writer})`, options)
    if (content === '') return `${heading}\n# 0 bytes`
    return `${heading}\n${printableLines(content).replace(/\n+$/, '')}`
  })
  return `${blocks.join('\n\n')}\n`
}
