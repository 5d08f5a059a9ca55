import { fileURLToPath } from 'node:url'
import type { CommandContext } from '../../src/commands/command.ts'
import { runCommandLine } from '../../src/commands/command-line.ts'

export interface Outcome {
  code: number
  out: string
  error: string
}

/** Runs a command line in this process, as it runs in a pipe. */
export async function run(typed: readonly string[], facts: Partial<CommandContext> = {}): Promise<Outcome> {
  const outcome = { code: -1, out: '', error: '' }
  outcome.code = await runCommandLine(typed, {
    write: (text) => {
      outcome.out += text
    },
    writeError: (text) => {
      outcome.error += text
    },
    terminal: false,
    colour: false,
    width: 100,
    environment: {},
    signal: new AbortController().signal,
    onReload: () => {},
    ...facts,
  })
  return outcome
}

/** The path of a fixture of the commands. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/commands/${name}`, import.meta.url))
}

export const INTENT = [
  '--talos',
  fixture('machine-registries.yaml'),
  '--spegel',
  fixture('helmrelease.yaml'),
  '--node-ip',
  '192.168.1.98',
]

/** The two files of 192.168.1.106 on a node of that intent. */
export const TALOS_FILE = `[host]
  [host.'http://192.168.1.106']
    capabilities = ['pull', 'resolve']
`
export const SPEGEL_FILE = `server = 'http://192.168.1.106'

[host.'http://192.168.1.98:29999']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.98:30021']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.106']
capabilities = ['pull', 'resolve']`
export const DOCKER_FILE = `server = 'https://registry-1.docker.io'

[host.'http://192.168.1.98:29999']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.98:30021']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'`
