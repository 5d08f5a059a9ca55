/** The value that so many hundredths of the others do not exceed (nearest rank). */
export function percentile(values: readonly number[], hundredths: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((hundredths / 100) * sorted.length) - 1)] ?? Number.NaN
}

/** One line of a table: a name, p50 and p99 in milliseconds. */
export function timesRow(name: string, values: readonly number[]): string {
  const [p50, p99] = [percentile(values, 50), percentile(values, 99)]
  return `${name.padEnd(46)} p50 ${p50.toFixed(2).padStart(9)} ms   p99 ${p99.toFixed(2).padStart(9)} ms`
}

/** A goal and whether it is met. */
export function verdict(what: string, isMet: boolean): string {
  return `${isMet ? 'met' : 'MISSED'}: ${what}`
}
