import type { VerificationStep } from '../drift/verification.ts'
import { printable } from './printable.ts'
import { paint, type RenderOptions } from './render-options.ts'
import { wrapText } from './wrap-text.ts'

const MARKS = { passed: ['ok', 'green'], failed: ['FAILED', 'red'], skipped: ['skipped', 'yellow'] } as const
const MARK_WIDTH = 9
const STEP_WIDTH = 20
const INDENT = MARK_WIDTH + STEP_WIDTH + 2

/** The verification of a node, a step each: what came of it, how long it took, and what to run. Ends with a line break. */
export function renderVerification(found: readonly VerificationStep[], options: RenderOptions): string {
  const steps = printable([...found])
  const count = (result: VerificationStep['result']) => steps.filter((it) => it.result === result).length
  const [passed, failed, left] = [count('passed'), count('failed'), count('skipped')]
  const verdict = `${passed} passed, ${failed} failed, ${left} not walked, which proves nothing of them.`
  return `${[
    paint('bold', 'Step by step on this node:', options),
    ...steps.map((it) => stepText(it, options)),
    paint(failed > 0 ? ['bold', 'red'] : 'green', verdict, options),
  ].join('\n')}\n`
}

function stepText({ step, subject, result, duration, text, remedy }: VerificationStep, options: RenderOptions): string {
  const [mark, colour] = MARKS[result]
  const start = `  ${paint(colour, mark.padEnd(MARK_WIDTH), options)}${step.padEnd(STEP_WIDTH)}`
  const time = duration === null ? '' : ` (${(duration * 1000).toFixed(1)} ms)`
  const rest = wrapText(`${subject === '' ? '' : `${subject}: `}${text}${time}`, options.width, ' '.repeat(INDENT))
  const indent = ' '.repeat(INDENT)
  return [
    `${start}${rest.slice(INDENT)}`,
    ...remedy.flatMap(({ command, why }) => [
      `${indent}${paint('bold', command.replaceAll('\n', `\n${indent}`), options)}`,
      ...(why === '' ? [] : [paint('dim', wrapText(why, options.width, indent), options)]),
    ]),
  ].join('\n')
}
