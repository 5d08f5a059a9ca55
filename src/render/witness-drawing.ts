import type { PullMode } from '../containerd/pull-path.ts'
import type { ComparedRequest, Verdict, WitnessComparison } from '../containerd/witness-comparison.ts'
import { printable } from './printable.ts'
import { paint, type RenderOptions } from './render-options.ts'
import { titledList } from './titled-list.ts'
import { wrapText } from './wrap-text.ts'

const MARKS: Readonly<Record<Verdict, string>> = {
  same: ' ',
  missing: '-',
  unexpected: '+',
  order: '~',
  aside: '·',
  unjudged: '?',
}
const STYLES: Partial<Record<Verdict, Parameters<typeof paint>[0]>> = {
  missing: 'red',
  unexpected: 'green',
  order: 'yellow',
  aside: 'dim',
  unjudged: 'dim',
}

/**
 * Prediction and proof for a person: object by object, in two columns where there is room, else one below the other.
 * `mode`: CRI's own, which the proof says nothing of.
 */
export function renderWitness(compared: WitnessComparison, mode: PullMode, options: RenderOptions): string {
  const comparison = printable(compared)
  const { containerd, hostsDir, error, cutShort, requests } = comparison
  const scope = `It proves the rules and the view of these files, not CRI's own pull mode (${mode}) or its credentials.`
  const blocks = [
    [
      paint('bold', "containerd's own proof", options),
      `  containerd  ${containerd}, its transfer service`,
      `  directory   ${hostsDir}`,
      wrapText(scope, options.width, '  '),
    ].join('\n'),
    ...objectsOf(requests).map((it) => objectBlock(it, options)),
  ]
  if (cutShort !== null) blocks.push(wrapText(`The fetch was cut short: ${cutShort}.`, options.width))
  if (error !== null) blocks.push(wrapText(`The fetch failed: ${error}`, options.width))
  blocks.push(verdictBlock(comparison, options))
  return `${blocks.join('\n\n')}\n`
}

function objectsOf(requests: readonly ComparedRequest[]): ComparedRequest[][] {
  return [...Map.groupBy(requests, (it) => it.object).values()]
}

function objectBlock(requests: readonly ComparedRequest[], options: RenderOptions): string {
  const target = requests.flatMap((it) => targetOf(it) ?? [])[0] ?? ''
  const cells = requests.map((it) => ({
    ...it,
    predicted: cellOf(it.predicted, target),
    witnessed: cellOf(it.witnessed, target),
    answer: answerOf(it),
  }))
  const widths = (['predicted', 'witnessed', 'answer'] as const).map((name) =>
    Math.max(name.length, ...cells.map((it) => it[name].length)),
  )
  const [left = 0, right = 0] = widths
  const isWide = widths.reduce((sum, it) => sum + it, 0) + 8 <= options.width
  const row = (mark: string, ...texts: readonly string[]) => {
    const [predicted = '', witnessed = '', answer = ''] = texts
    return `${mark} ${predicted.padEnd(left)}  ${witnessed.padEnd(right)}  ${answer}`.trimEnd()
  }
  const lines = cells.map(({ predicted, witnessed, answer, verdict }) => {
    const mark = MARKS[verdict]
    const line = isWide
      ? row(mark, predicted, witnessed, answer)
      : `${mark} ${predicted === '' ? witnessed : predicted}  ${answer}`.trimEnd()
    const style = STYLES[verdict]
    return `  ${style === undefined ? line : paint(style, line, options)}`
  })
  const head = isWide ? [`  ${paint('dim', row(' ', 'predicted', 'witnessed'), options)}`] : []
  return [paint('bold', titleOf(requests, target), options), ...head, ...lines].join('\n')
}

function titleOf([first]: readonly ComparedRequest[], target: string): string {
  const isHead = (first?.predicted ?? first?.witnessed ?? '').startsWith('HEAD ')
  return `${isHead ? 'resolve' : 'fetch'}  ${shortened(target.slice(1))}`
}

/** What all requests for one object end with: `/library/app/manifests/v1`. */
function targetOf({ predicted, witnessed }: ComparedRequest): string | null {
  const line = predicted ?? witnessed ?? ''
  return /^\S+ (?:[a-z]+:\/\/)?[^/]*(?:\/v2(?=\/))?(\/.*\/(?:manifests|blobs)\/[^/?]+)/.exec(line)?.[1] ?? null
}

/** What the title says is left out. */
function cellOf(line: string | null, target: string): string {
  return line === null ? '' : shortened(target === '' ? line : line.replace(target, '/…'))
}

function shortened(text: string): string {
  return text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, `$1`)
}

function answerOf({ witnessed, status, milliseconds, verdict }: ComparedRequest): string {
  if (witnessed === null) return verdict === 'unjudged' ? 'not seen' : 'not asked'
  const time = milliseconds === null ? '' : `, ${Math.round(milliseconds)} ms`
  return `${status ?? 'no answer seen'}${time}`
}

function verdictBlock({ agrees, requests, unjudged }: WitnessComparison, options: RenderOptions): string {
  const count = (verdict: Verdict) => requests.filter((it) => it.verdict === verdict).length
  const reasons = unjudged.length === 0 ? [] : [titledList('Not judged:', unjudged, options)]
  if (agrees === true) {
    const text = `Agrees: containerd asked what is predicted, ${count('same')} requests in that order.`
    return paint('green', wrapText(text, options.width), options)
  }
  if (agrees === null) {
    const text = `Not proven: nothing differs in ${count('same')} requests, but not all could be judged.`
    return [paint('yellow', wrapText(text, options.width), options), ...reasons].join('\n')
  }
  const differences = [
    [count('missing'), 'predicted and not asked'],
    [count('unexpected'), 'asked and not predicted'],
    [count('order'), 'asked in another order'],
  ] as const
  const words = differences.flatMap(([number, what]) => (number === 0 ? [] : [`${number} ${what}`]))
  const text = `Disagrees: ${words.join(', ')}. Pullpath's rules, or its view of these files, are wrong.`
  return [paint('red', wrapText(text, options.width), options), ...reasons].join('\n')
}
