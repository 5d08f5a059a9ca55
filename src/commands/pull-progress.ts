import type { PullProgress } from '../pull/pull-record.ts'
import { bytesText, shortDigest } from '../render/pull-text.ts'
import type { CommandContext } from './command.ts'

/** Milliseconds between two drawings. */
const REDRAW = 100
const BAR = 24
const ERASE_LINE = '\u001b[K'

/** Draws on a terminal how far a pull is, a line for each object; in a pipe it says nothing. */
export class ProgressBars {
  readonly #context: Pick<CommandContext, 'terminal' | 'write'>
  readonly #title: string
  readonly #objects = new Map<string, PullProgress & { since: number; at: number }>()
  readonly #timer: NodeJS.Timeout | undefined
  #drawn = 0

  /** `title`: what is being done. */
  constructor(context: Pick<CommandContext, 'terminal' | 'write'>, title: string) {
    this.#context = context
    this.#title = title
    if (context.terminal) this.#timer = setInterval(() => this.#draw(), REDRAW)
  }

  hear(progress: PullProgress): void {
    const at = performance.now()
    const since = this.#objects.get(progress.digest)?.since ?? at
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
    const lines = [this.#title, ...[...this.#objects.values()].map(barOf)]
    this.#context.write(
      `${this.#drawn === 0 ? '' : up(this.#drawn)}${lines.map((it) => `${it}${ERASE_LINE}\n`).join('')}`,
    )
    this.#drawn = lines.length
  }
}

function barOf({ digest, phase, bytes, total, since, at }: PullProgress & { since: number; at: number }): string {
  const part = total === 0 ? 0 : Math.min(1, bytes / total)
  const filled = Math.round(part * BAR)
  const rate = at > since ? `${bytesText((bytes * 1000) / (at - since))}/s` : ''
  const sum = total === 0 ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(total)}`
  return `  ${shortDigest(digest)}  ${phase.padEnd(8)}  [${'#'.repeat(filled).padEnd(BAR, '.')}]  ${sum}  ${rate}`
}

function up(lines: number): string {
  return `\r\u001b[${lines}A`
}
