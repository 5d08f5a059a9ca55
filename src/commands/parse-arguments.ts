import { parseArgs } from 'node:util'
import { PullpathError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { Arguments, type Command } from './command.ts'

/**
 * Checks what was typed after the command's name. Values that follow an option which may be repeated belong to it, so
 * that a shell's `--talos patches/*.yaml` works.
 * Throws PP_USAGE for anything the command does not know.
 */
export function parseArguments(command: Command, typed: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: [...typed],
    options: Object.fromEntries(
      Object.entries(command.options).map(([name, option]) => [
        name,
        { type: option.value === undefined ? 'boolean' : 'string', multiple: true } as const,
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  let open: string[] | null = null
  for (const token of tokens) {
    if (token.kind === 'option-terminator') {
      open = null
    } else if (token.kind === 'positional') {
      ;(open ?? positionals).push(token.value)
    } else {
      const option = command.options[token.name]
      if (option === undefined || !token.rawName.startsWith('--')) throw unknownOption(command, token.rawName)
      const list = values.get(token.name) ?? []
      values.set(token.name, list)
      if (option.value === undefined) {
        if (token.value !== undefined) throw usage(command, `${token.rawName} takes no value`)
      } else {
        if (token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('--'))) {
          throw usage(command, `${token.rawName} needs a value: ${token.rawName} ${option.value}`)
        }
        if (option.multiple !== true && list.length > 0) throw usage(command, `${token.rawName} is given twice`)
        list.push(token.value)
      }
      open = option.multiple === true && command.positionals.length === 0 ? list : null
    }
  }
  const missing = command.positionals[positionals.length]
  if (missing !== undefined) throw usage(command, `${missing} is missing`)
  const extra = positionals[command.positionals.length]
  if (extra !== undefined) throw usage(command, `unexpected argument ${JSON.stringify(extra)}`)
  return new Arguments(values, positionals)
}

/** A wrong use of a command, with the way to its help. */
export function usage(command: Pick<Command, 'name'>, message: string): PullpathError {
  return new PullpathError('PP_USAGE', `${command.name}: ${message}`, { advice: `see: pullpath help ${command.name}` })
}

function unknownOption(command: Command, rawName: string): PullpathError {
  const near = nearestName(rawName.replace(/^-+/, ''), [...Object.keys(command.options), 'help'])
  return near === null
    ? usage(command, `unknown option ${rawName}`)
    : new PullpathError('PP_USAGE', `${command.name}: unknown option ${rawName}`, { advice: `did you mean --${near}?` })
}
