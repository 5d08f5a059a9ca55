import { paint, type RenderOptions } from './render-options.ts'

interface DifferenceLine {
  /** `-`: expected and not there. `+`: there and not expected. */
  sign: ' ' | '-' | '+'
  text: string
}

/** Merges two lists by their longest common subsequence, as a diff does; order and repeats count. */
export function differenceOf(expected: readonly string[], observed: readonly string[]): DifferenceLine[] {
  const lengths = commonLengths(expected, observed)
  const lines: DifferenceLine[] = []
  let i = 0
  let j = 0
  while (i < expected.length || j < observed.length) {
    const wanted = expected[i]
    const found = observed[j]
    if (wanted !== undefined && wanted === found) {
      lines.push({ sign: ' ', text: wanted })
      i++
      j++
    } else if (
      wanted !== undefined &&
      (found === undefined || length(lengths, i + 1, j) >= length(lengths, i, j + 1))
    ) {
      lines.push({ sign: '-', text: wanted })
      i++
    } else if (found !== undefined) {
      lines.push({ sign: '+', text: found })
      j++
    }
  }
  return lines
}

/** The lists as lines with their signs in front, each behind `indent`. Numbers of positions are left out. */
export function renderDifference(
  expected: readonly string[],
  observed: readonly string[],
  options: RenderOptions,
  indent: string,
): string[] {
  return differenceOf(expected.map(unnumbered), observed.map(unnumbered)).map(({ sign, text }) => {
    const line = `${sign} ${text}`
    return `${indent}${sign === '-' ? paint('red', line, options) : sign === '+' ? paint('green', line, options) : line}`
  })
}

/** An endpoint that only moved up is not another one: `2. http://…` as `http://…`. */
function unnumbered(line: string): string {
  return line.replace(/^\d+\. /, '')
}

/** `[i][j]`: the length of the longest common subsequence of `a` from `i` and `b` from `j`. */
function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const table: number[][] = [new Array<number>(b.length + 1).fill(0)]
  for (let i = a.length - 1; i >= 0; i--) {
    const below = table[0] ?? []
    const row = new Array<number>(b.length + 1).fill(0)
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0)
    }
    table.unshift(row)
  }
  return table
}

function length(table: readonly (readonly number[])[], i: number, j: number): number {
  return table[i]?.[j] ?? 0
}
