/** What a command sees of the world around it; a test hands in its own. */
export interface CommandContext {
  /** Writes a result. */
  write(text: string): void
  /** Writes what is not the result: errors, progress. */
  writeError(text: string): void
  /** Whether a person reads the results on a terminal. */
  terminal: boolean
  colour: boolean
  /** Columns of the terminal; 80 where there is none. */
  width: number
  environment: Readonly<Record<string, string | undefined>>
  /** Aborted when the user or the system asks the process to end. */
  signal: AbortSignal
  /** Calls the listener whenever the process is asked to read its configuration again (SIGHUP). */
  onReload(listener: () => void): void
}

export interface CommandOption {
  /** What stands for the value in the help (`FILE`); absent: the option is a switch. */
  value?: string
  /** Whether it may be given several times, or with several values after it. */
  multiple?: boolean
  summary: string
}

/** One command: its interface as data, from which parsing and help are made, and what it does. */
export interface Command {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** Names of the positional arguments; all are required. */
  positionals: readonly string[]
  options: Readonly<Record<string, CommandOption>>
  /** What the help says beyond the options: what it is for, exit codes, examples. */
  description: string
  /** Returns the exit code: 0 nothing found or done, 1 something found, 2 something could not be read. */
  run(context: CommandContext, given: Arguments): Promise<number>
}

/** What was given on the command line, after it was checked against the command's options. */
export class Arguments {
  readonly #values: ReadonlyMap<string, readonly string[]>
  readonly positionals: readonly string[]

  constructor(values: ReadonlyMap<string, readonly string[]>, positionals: readonly string[]) {
    this.#values = values
    this.positionals = positionals
  }

  /** Whether the option was given at all. */
  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The value; the last one where it was repeated; null where it was not given. */
  text(name: string): string | null {
    return this.#values.get(name)?.at(-1) ?? null
  }

  /** All values in order; empty where it was not given. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }
}
