/**
 * Wraps a text at spaces. A word that is longer than a line, such as a URL, stays whole on a line of its own.
 * `first` starts the first line; the others are indented to the same depth. Line breaks in the text are kept.
 */
export function wrapText(text: string, width: number, first = ''): string {
  const indent = ' '.repeat(first.length)
  const room = Math.max(width - first.length, 20)
  const lines = text.split('\n').flatMap((line) => wrapLine(line, room))
  return lines.map((line, index) => `${index === 0 ? first : indent}${line}`.trimEnd()).join('\n')
}

function wrapLine(line: string, room: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of line.split(' ')) {
    if (current === '') current = word
    else if (current.length + 1 + word.length <= room) current += ` ${word}`
    else {
      lines.push(current)
      current = word
    }
  }
  return [...lines, current]
}
