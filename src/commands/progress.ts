import type { CommandContext } from './command.ts'

/** What takes less is not worth a word. Milliseconds. */
const QUIET = 1000
const ERASE_LINE = '\r\u001b[K'

/**
 * Says on a terminal what a command is waiting for, on one line that goes when it is over; in a pipe it says nothing.
 * `text` is asked every second, so that it may tell what was reached.
 */
export async function withProgress<T>(
  context: Pick<CommandContext, 'terminal' | 'write'>,
  text: () => string,
  work: Promise<T>,
): Promise<T> {
  if (!context.terminal) return await work
  let seconds = 0
  const timer = setInterval(() => {
    seconds += 1
    context.write(`${ERASE_LINE}${text()} ${seconds} s`)
  }, QUIET)
  try {
    return await work
  } finally {
    clearInterval(timer)
    if (seconds > 0) context.write(ERASE_LINE)
  }
}
