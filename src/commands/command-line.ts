import packageJson from '../../package.json' with { type: 'json' }
import { PullpathError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { agent } from './agent.ts'
import { canary } from './canary.ts'
import { check } from './check.ts'
import type { Command, CommandContext } from './command.ts'
import { demo } from './demo.ts'
import { expect } from './expect.ts'
import { explain } from './explain.ts'
import { helpText, overviewText } from './help-text.ts'
import { measure } from './measure.ts'
import { parseArguments } from './parse-arguments.ts'

/** In the order in which a person meets them. */
export const COMMANDS: readonly Command[] = [check, explain, expect, measure, agent, canary, demo]

/**
 * Runs what was typed after `pullpath` and returns the exit code. An expected error is one line on standard error and
 * the code 2; anything else is thrown: it is a defect.
 */
export async function runCommandLine(typed: readonly string[], context: CommandContext): Promise<number> {
  try {
    return await dispatch(typed, context)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    context.writeError(`pullpath: ${error.toLine()}\n`)
    return 2
  }
}

async function dispatch(typed: readonly string[], context: CommandContext): Promise<number> {
  const [first, ...rest] = typed
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
    context.write(overviewText(COMMANDS, context.width))
    return first === undefined ? 2 : 0
  }
  if (first === '--version' || first === '-V') {
    context.write(`pullpath ${packageJson.version}\n`)
    return 0
  }
  const command = commandNamed(first === 'help' ? (rest[0] ?? '') : first)
  const wantsHelp = first === 'help' || beforeTerminator(rest).some((it) => it === '--help' || it === '-h')
  if (wantsHelp) {
    context.write(helpText(command, context.width))
    return 0
  }
  return await command.run(context, parseArguments(command, rest))
}

function commandNamed(name: string): Command {
  const command = COMMANDS.find((it) => it.name === name)
  if (command !== undefined) return command
  const kind = name.startsWith('-') ? 'option' : 'command'
  const names = kind === 'option' ? ['--help', '--version'] : [...COMMANDS.map((it) => it.name), 'help']
  const near = nearestName(name, names)
  throw new PullpathError('PP_USAGE', `unknown ${kind} ${JSON.stringify(name)}`, {
    advice: near === null ? 'see: pullpath help' : `did you mean ${near}?`,
  })
}

function beforeTerminator(typed: readonly string[]): readonly string[] {
  const end = typed.indexOf('--')
  return end === -1 ? typed : typed.slice(0, end)
}
