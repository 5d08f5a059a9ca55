import { wrapText } from '../render/wrap-text.ts'
import type { Command } from './command.ts'

/** What `pullpath` alone says: what it is, the commands, where to read on. */
export function overviewText(commands: readonly Command[], width: number): string {
  const longest = Math.max(...commands.map((it) => it.name.length))
  const lines = commands.map((it) => wrapText(it.summary, width, `  ${it.name.padEnd(longest)}  `))
  return `pullpath: says what containerd on a node really does with its registry mirrors, where that is not
what Talos and Spegel were told, why, and what to run.

usage: pullpath COMMAND [OPTIONS]

${lines.join('\n')}

  pullpath help COMMAND   all about one command
  pullpath --version      the version

Try it without a cluster: pullpath demo
`
}

/** All about one command, from its own table of options. */
export function helpText(command: Command, width: number): string {
  const options = Object.entries(command.options)
  const names = options.map(([name, it]) => {
    if (it.value === undefined) return `--${name}`
    return `--${name} ${it.value}${it.multiple === true ? '...' : ''}`
  })
  const longest = Math.max(0, ...names.map((it) => it.length))
  const lines = options.map(([, it], index) =>
    wrapText(it.summary, width, `  ${(names[index] ?? '').padEnd(longest)}  `),
  )
  const positionals = command.positionals.map((it) => ` ${it}`).join('')
  return [
    `usage: pullpath ${command.name}${positionals}${options.length > 0 ? ' [OPTIONS]' : ''}`,
    wrapText(`${command.summary}.`, width),
    lines.join('\n'),
    command.description.trim(),
  ]
    .filter((it) => it !== '')
    .join('\n\n')
    .concat('\n')
}
