const UNITS: readonly string[] = ['KiB', 'MiB', 'GiB']

/** Bytes of `256KiB`, `16MiB` or `4GiB`; null for anything else. */
export function parseByteSize(text: string): number | null {
  const [, amount, unit = ''] = /^(\d{1,12})(KiB|MiB|GiB)$/.exec(text) ?? []
  if (amount === undefined) return null
  return Number(amount) * 1024 ** (UNITS.indexOf(unit) + 1)
}

/** With at most one decimal: `512 B`, `16 MiB`, `1.5 GiB`. */
export function formatByteSize(bytes: number): string {
  let amount = bytes
  let unit = 'B'
  for (const larger of UNITS) {
    if (amount < 1024) break
    amount /= 1024
    unit = larger
  }
  return `${Math.round(amount * 10) / 10} ${unit}`
}
