import type { NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { FAILURES_THAT_COUNT, isFresh } from './probes.ts'
import type { Remedies } from './remedy.ts'

/**
 * Spegel was ready and is not any more. One that never was may be alone: a cluster of one node is never ready, and
 * nothing here tells how many there are; that is a note.
 */
export function spegelNotReady({ probes, now }: NodeFacts, remedies: Remedies): FindingDraft | null {
  const { spegel } = probes
  if (spegel === null || !isFresh(spegel, now) || spegel.ready !== false) return null
  if (spegel.lastReadyAt === null || spegel.failures < FAILURES_THAT_COUNT) return null
  return {
    kind: 'fault',
    reason: 'spegel-not-ready',
    registry: '',
    summary: 'Spegel on this node was ready and is not any more: it finds no peer, so that pulls go to the origin',
    expected: [`${spegel.url}/readyz answers 200`],
    observed: [`${spegel.url}/readyz: ${spegel.words}, ${spegel.failures} times in a row`],
    cause: { actor: 'spegel', text: 'it has lost every peer that it knew', confidence: 'likely' },
    evidence: [
      { text: `not ready: ${spegel.words}`, source: `${spegel.url}/readyz`, time: spegel.at },
      { text: 'ready', source: `${spegel.url}/readyz`, time: spegel.lastReadyAt },
    ],
    remedy: [remedies.showSpegelPod(), remedies.recreateSpegelPod()],
  }
}

/** What of the probes is no fault, and worth a line. */
export function probeNotes({ probes, now }: NodeFacts): string[] {
  const { spegel, endpoints } = probes
  const never = spegel !== null && isFresh(spegel, now) && spegel.ready === false && spegel.lastReadyAt === null
  return [
    ...(never
      ? [`Spegel at ${spegel.url} has not been ready yet: it knows no peer. In a cluster of one node it never is.`]
      : []),
    ...endpoints
      .filter((it) => !isFresh(it, now))
      .map((it) => `${it.url} was asked last at ${it.at}: whether it answers now is not known.`),
  ]
}
