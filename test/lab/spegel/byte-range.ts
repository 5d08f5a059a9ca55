/** A `Range` header before the size is known; either end may be open, not both. */
export interface ByteRange {
  start: number | null
  end: number | null
}

/** Reads `bytes=a-b`; 'invalid' for several ranges, another unit, and ends that make no sense. null: there is none. */
export function readByteRange(header: string | undefined): ByteRange | 'invalid' | null {
  if (header === undefined || header === '') return null
  const match = /^bytes=\s*([0-9]*)-([0-9]*)\s*$/.exec(header)
  if (match === null) return 'invalid'
  const [start, end] = [match[1], match[2]].map((it) => (it === undefined || it === '' ? null : Number(it)))
  const range = { start: start ?? null, end: end ?? null }
  if (range.start === null && (range.end === null || range.end === 0)) return 'invalid'
  if (range.start !== null && range.end !== null && range.start > range.end) return 'invalid'
  return range
}

/** The first and the last byte of a range in content of this size; null where it lies outside. */
export function resolveRange({ start, end }: ByteRange, size: number): { first: number; last: number } | null {
  if (start === null) return size === 0 ? null : { first: Math.max(0, size - (end ?? 0)), last: size - 1 }
  if (start >= size) return null
  return { first: start, last: Math.min(end ?? size - 1, size - 1) }
}

export function rangeHeader({ start, end }: ByteRange): string {
  return `bytes=${start ?? ''}-${end ?? ''}`
}
