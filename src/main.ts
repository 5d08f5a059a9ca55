#!/usr/bin/env node
import type { CommandContext } from './commands/command.ts'
import { runCommandLine } from './commands/command-line.ts'
import { printableLines } from './render/printable.ts'

const ending = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort(name))

// A reader that closes its end early (`pullpath check | head -1`) has what it wants: what still runs may end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return ending.abort(error.code)
  // A full disk behind a redirection. Not 1: that would be read as a finding.
  process.stderr.write(
    `pullpath: standard output cannot be written: ${error.message} (make room, or write elsewhere)\n`,
  )
  process.exit(2)
})

const terminal = process.stdout.isTTY === true
const context: CommandContext = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(printableLines(text)),
  terminal,
  // https://no-color.org: any value that is not empty.
  colour: terminal && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb',
  width: (terminal && process.stdout.columns) || 80,
  environment: process.env,
  signal: ending.signal,
  onReload: (listener) => void process.on('SIGHUP', listener),
}

runCommandLine(process.argv.slice(2), context).then(
  (code) => {
    process.exitCode = code
  },
  (defect: unknown) => {
    // Not 1: that would be read as a finding.
    process.exitCode = 2
    console.error(defect)
  },
)
