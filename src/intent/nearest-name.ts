/** The known name that a misspelt one probably means; null where none is near. Case does not count. */
export function nearestName(written: string, known: readonly string[]): string | null {
  let nearest: string | null = null
  let least = Math.max(1, Math.floor(written.length / 4)) + 1
  for (const name of known) {
    const steps = changesBetween(written.toLowerCase(), name.toLowerCase())
    if (steps < least) {
      nearest = name
      least = steps
    }
  }
  return nearest
}

/** Letters to add, drop or replace, or neighbours to swap, until `from` reads `to`. */
function changesBetween(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  const cost = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= from.length; i++) {
    rows.push([i])
    for (let j = 1; j <= to.length; j++) {
      const replaced = cost(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1)
      const swapped =
        from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] ? cost(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      rows[i]?.push(Math.min(cost(i - 1, j) + 1, cost(i, j - 1) + 1, replaced, swapped))
    }
  }
  return cost(from.length, to.length)
}
