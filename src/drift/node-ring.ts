/** The nodes of a cluster in an order that each of them finds by itself, without asking any other. */
export interface NodeRing {
  /** In order, each once. */
  names: readonly string[]
  /** Of this node: 0 to the number of names - 1. */
  place: number
}

/** Names are ordered by their UTF-16 code units, whatever the locale. null: `own` is none of them. */
export function ringOf(names: Iterable<string>, own: string): NodeRing | null {
  const ordered = [...new Set(names)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const place = ordered.indexOf(own)
  return place === -1 ? null : { names: ordered, place }
}

/** The name at any place: after the last one comes the first, and before the first one the last. */
export function nameAt({ names }: NodeRing, place: number): string {
  const name = names[modulo(place, names.length)]
  if (name === undefined) throw new RangeError('a ring has at least one name')
  return name
}

/** The remainder that is never negative. */
export function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}
