import type { SourcePosition } from '../source-position.ts'
import type { RatedEndpoint } from './path-comparison.ts'
import { type FindingKind, REASONS, type Reason } from './reasons.ts'
import type { Evidence, Finding, Remedy } from './report.ts'

/** What the one who found it has to say; the rest follows from the reason. */
export interface FindingDraft {
  kind: FindingKind
  reason: Reason
  /** Empty for a finding of the node. */
  registry: string
  summary: string
  expected?: readonly string[]
  observed?: readonly string[]
  cause: Finding['cause']
  evidence?: readonly Evidence[]
  remedy: readonly Remedy[]
  source?: SourcePosition | null
}

/**
 * Makes a finding. `since` is the newest time that the evidence names, since the fact cannot be older than the last
 * change that made it, and `now` where the evidence has no time; an agent keeps the first one it saw.
 *
 * @param now ISO 8601
 */
export function makeFinding(draft: FindingDraft, now: string): Finding {
  const evidence = [...(draft.evidence ?? [])]
  const times = evidence.flatMap((it) => (it.time !== null && it.time <= now ? [it.time] : []))
  return {
    id: `${draft.registry === '' ? 'node' : draft.registry}/${draft.reason}`,
    kind: draft.kind,
    reason: draft.reason,
    severity: REASONS[draft.reason].severity,
    level: draft.registry === '' ? 'node' : 'registry',
    registry: draft.registry,
    summary: draft.summary,
    expected: [...(draft.expected ?? [])],
    observed: [...(draft.observed ?? [])],
    cause: draft.cause,
    evidence,
    remedy: [...draft.remedy],
    since: times.sort().at(-1) ?? now,
    source: draft.source ?? null,
  }
}

/** Gives the second and later findings of one registry and reason ids of their own: `docker.io/intent-invalid#2`. */
export function withDistinctIds(findings: readonly Finding[]): Finding[] {
  const counts = new Map<string, number>()
  return findings.map((it) => {
    const count = (counts.get(it.id) ?? 0) + 1
    counts.set(it.id, count)
    return count === 1 ? it : { ...it, id: `${it.id}#${count}` }
  })
}

/** One endpoint in one line, with what sets it apart: `http://192.168.1.98:30020/v2 (peer, dial_timeout 200ms)`. */
export function describeEndpoint(endpoint: RatedEndpoint): string {
  const facts: string[] = [endpoint.role]
  if (endpoint.declaredIn === 'server') facts.push('server')
  if (endpoint.declaredIn === 'default') facts.push('default upstream')
  if (endpoint.httpsFirst) facts.push('https first')
  if (!endpoint.resolve) facts.push('digests only')
  if (endpoint.dialTimeout !== null) facts.push(`dial_timeout ${endpoint.dialTimeout}`)
  if (endpoint.skipVerify !== null) facts.push(`skip_verify ${endpoint.skipVerify}`)
  if (endpoint.ca.length > 0) facts.push('own CA')
  if (endpoint.client) facts.push('client certificate')
  if (endpoint.headerNames.length > 0) facts.push(`header ${endpoint.headerNames.join(', ')}`)
  return `${endpoint.url} (${facts.join(', ')})`
}

/** A list of endpoints as numbered lines. */
export function describePath(endpoints: readonly RatedEndpoint[]): string[] {
  return endpoints.map((it, index) => `${index + 1}. ${describeEndpoint(it)}`)
}
