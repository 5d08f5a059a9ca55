const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/

/** Milliseconds of `250ms`, `5s`, `1h30m` or `0`; null for anything else. */
export function parseDuration(value: string | number): number | null {
  if (value === 0 || value === '0') return 0
  if (typeof value === 'number' || !DURATION.test(value)) return null
  let sum = 0
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(amount) * UNITS[unit as keyof typeof UNITS]
  }
  return sum
}

/** The shortest usual form: `250ms`, `5s`, `2m`, `1h`. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (milliseconds >= UNITS[unit] && milliseconds % UNITS[unit] === 0) return `${milliseconds / UNITS[unit]}${unit}`
  }
  return `${milliseconds}ms`
}
