/** Reads Prometheus' text format, as far as the agent writes it. */

export interface Series {
  name: string
  labels: Readonly<Record<string, string>>
  value: number
}

export function seriesOf(text: string): Series[] {
  return text.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return []
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (found === null) throw new SyntaxError(line)
    const [, name = '', inside = '', value = ''] = found
    const labels = [...inside.matchAll(/(\w+)="((?:[^"\\\n]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text])
    return [{ name, labels: Object.fromEntries(labels), value: Number(value) }]
  })
}

/** The value of the one series with these labels; undefined where there is none. */
export function sampleOf(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return seriesOf(text).find((series) => {
    return series.name === name && Object.entries(labels).every(([key, value]) => series.labels[key] === value)
  })?.value
}

/** Names and types of all families. */
export function familiesOf(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]))
}
