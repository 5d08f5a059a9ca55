/** What the environment says of a run: `PULLPATH_SEED` repeats one, `PULLPATH_CASES` makes it longer. */
export function runSettings(): { seed: number; cases: number } {
  return { seed: numberOf('PULLPATH_SEED') ?? Date.now() % 2 ** 31, cases: numberOf('PULLPATH_CASES') ?? 600 }
}

function numberOf(name: string): number | null {
  const text = process.env[name] ?? ''
  if (text === '') return null
  if (!/^\d+$/.test(text)) throw new Error(`${name} is no number: ${text}`)
  return Number(text)
}
