/** What a terminal acts on instead of showing it: the controls of ASCII and of C1, and what turns the writing direction. */
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/**
 * The same value, with the controls in all of its texts written out (`\u001b`), so that a name on the node's disk or in
 * Git cannot speak to the terminal of who reads about it, nor begin a line of its own. Commands keep their line breaks.
 */
export function printable<T>(value: T): T {
  return written(value, false) as T
}

/** A text of several lines with its controls written out; line breaks and tabs stay. */
export function printableLines(text: string): string {
  return writtenText(text, true)
}

function written(value: unknown, keepsLines: boolean): unknown {
  if (typeof value === 'string') return writtenText(value, keepsLines)
  if (Array.isArray(value)) return value.map((it) => written(it, keepsLines))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, written(it, key === 'command')]))
}

function writtenText(text: string, keepsLines: boolean): string {
  return text.replace(CONTROL, (it) =>
    (it === '\n' || it === '\t') && keepsLines ? it : `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
