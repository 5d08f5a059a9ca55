import type { PullProgress } from '../pull/pull-record.ts'
import { bytesText, shortDigest } from '../render/pull-text.ts'
import type { CommandContext } from './command.ts'

/** Milliseconds between two drawings. */
const REDRAW = 100
const LONGEST_BAR = 24
/** Going up to draw again ends at the top of the screen, and an image may have more layers than that has lines. */
const MOST_OBJECTS = 12
const ERASE_LINE = '\u001b[K'

/** Draws on a terminal how far a pull is, a line for each object; in a pipe it says nothing. */
export class ProgressBars {
  readonly #context: Pick<CommandContext, 'terminal' | 'width' | 'write'>
  readonly #title: string
  readonly #objects = new Map<string, PullProgress & { since: number; at: number }>()
  readonly #timer: NodeJS.Timeout | undefined
  #drawn = 0

  /** `title`: what is being done. */
  constructor(context: Pick<CommandContext, 'terminal' | 'width' | 'write'>, title: string) {
    this.#context = context
    this.#title = title
    if (context.terminal) this.#timer = setInterval(() => this.#draw(), REDRAW)
  }

  hear(progress: PullProgress): void {
    const at = performance.now()
    const since = this.#objects.get(progress.digest)?.since ?? at
    // Moved to the end: what was heard of last is shown.
    if (this.#objects.size >= MOST_OBJECTS) this.#objects.delete(progress.digest)
    this.#objects.set(progress.digest, { ...progress, since, at })
  }

  /** Takes away what was drawn. */
  end(): void {
    clearInterval(this.#timer)
    if (this.#drawn === 0) return
    this.#context.write(`${up(this.#drawn)}${`${ERASE_LINE}\n`.repeat(this.#drawn)}${up(this.#drawn)}`)
    this.#drawn = 0
  }

  #draw(): void {
    // A line that wraps is two, and would stay.
    const width = this.#context.width - 1
    const shown = [...this.#objects.values()].slice(-MOST_OBJECTS)
    const lines = [this.#title.slice(0, width), ...shown.map((it) => barOf(it, width))]
    this.#context.write(
      `${this.#drawn === 0 ? '' : up(this.#drawn)}${lines.map((it) => `${it}${ERASE_LINE}\n`).join('')}`,
    )
    this.#drawn = lines.length
  }
}

/** One line of at most `width` columns; the bar takes what the words leave. */
function barOf(
  { digest, phase, bytes, total, since, at }: PullProgress & { since: number; at: number },
  width: number,
): string {
  const rate = at > since ? `${bytesText((bytes * 1000) / (at - since))}/s` : ''
  const sum = total === 0 ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(total)}`
  const [what, much] = [`  ${shortDigest(digest)}  ${phase.padEnd(8)}  `, `${sum}  ${rate}`]
  const room = Math.min(LONGEST_BAR, width - what.length - much.length - 4)
  if (room < 1) return `${what}${much}`.slice(0, Math.max(width, 0))
  const part = total === 0 ? 0 : Math.min(1, bytes / total)
  return `${what}[${'#'.repeat(Math.round(part * room)).padEnd(room, '.')}]  ${much}`
}

function up(lines: number): string {
  return `\r\u001b[${lines}A`
}
