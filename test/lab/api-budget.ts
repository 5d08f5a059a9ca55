import type { JournalEntry } from '../kube/journal.ts'

/** An agent with slots reads its nodes no more often. Milliseconds. */
const SLICES_PAUSE = 150_000

/** How many requests of each kind one agent may have made, `elapsed` milliseconds after its start, with these pulls. */
function budget(elapsed: number, pulls: number): Readonly<Record<string, number>> {
  return {
    'get nodes': 1,
    ...{ 'list daemonsets': 1, 'watch daemonsets': 1, 'list pods': 1, 'watch pods': 1 },
    ...{ 'list helmreleases': 1, 'watch helmreleases': 1 },
    'list endpointslices': 1 + Math.floor(elapsed / SLICES_PAUSE),
    'list events': pulls,
  }
}

/** Requests by kind: `watch pods`. */
export function requestsOf(entries: readonly JournalEntry[]): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const { verb, path } of entries) {
    const [, plural = path] = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)\/(?:namespaces\/[^/]+\/)?([^/]+)/.exec(path) ?? []
    const kind = `${verb} ${plural}`
    kinds[kind] = (kinds[kind] ?? 0) + 1
  }
  return kinds
}

/** What is above the budget, in words. `pulls`: by others, that it observed and asked the kubelet's word of. */
export function overBudget(
  entries: readonly JournalEntry[],
  { elapsed, pulls }: { elapsed: number; pulls: number },
): string[] {
  const most = budget(elapsed, pulls)
  const kinds = Object.entries(requestsOf(entries))
  const many = kinds.filter(([kind, count]) => count > (most[kind] ?? 0)).map(([kind, count]) => `${kind}: ${count}`)
  // Whatever is asked for in a collection, it is not all of it.
  const whole = entries.filter(({ verb, query }) => {
    const isNarrow = query.fieldSelector !== undefined || query.labelSelector !== undefined
    return (verb === 'list' || verb === 'watch') && !isNarrow
  })
  return [...many, ...whole.map(({ verb, path }) => `${verb} all of ${path}`)]
}
