const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

const PART = /(\d+\.?\d*|\.\d+)([^\d.]+)/y
/** A Go duration is an int64 of nanoseconds: about 292 years. */
const LIMIT = 2 ** 63

/** A duration as Go's time.ParseDuration reads it (`200ms`, `1m30s`, `-.5s`, `0`), in milliseconds; null where it fails. */
export function parseGoDuration(text: string): number | null {
  const unsigned = text.replace(/^[-+]/, '')
  if (unsigned === '0') return 0
  if (unsigned === '') return null
  let nanoseconds = 0
  PART.lastIndex = 0
  while (PART.lastIndex < unsigned.length) {
    const match = PART.exec(unsigned)
    const unit = UNITS[match?.[2] ?? '']
    if (match === null || unit === undefined) return null
    nanoseconds += Number(match[1]) * unit
    if (nanoseconds > LIMIT) return null
  }
  return (text.startsWith('-') ? -nanoseconds : nanoseconds) / 1e6
}
