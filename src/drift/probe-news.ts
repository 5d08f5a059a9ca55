import type { Probes } from './probes.ts'

/** What differs with every answer, whatever it says. */
const OF_EVERY_ANSWER = new Set(['at', 'validUntil', 'duration', 'phases', 'lastReadyAt'])

/**
 * Whether answers say anything that those before did not, but for when and how fast they came. Every failure is news: in
 * a row they count.
 */
export function isProbeNews(before: Probes, after: Probes): boolean {
  return textOf(before) !== textOf(after)
}

function textOf(probes: Probes): string {
  return JSON.stringify(probes, (key, value: unknown) => (OF_EVERY_ANSWER.has(key) ? undefined : value))
}
