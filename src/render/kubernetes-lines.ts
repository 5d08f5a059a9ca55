import type { NodeReport } from '../drift/report.ts'

/** What Kubernetes says of Spegel on this node, a line each, with the age of what is not followed at this moment. */
export function kubernetesLines({ kubernetes, evaluatedAt }: NodeReport): string[] {
  if (kubernetes === null) return []
  const { intent, daemonSet, pods, release, stale } = kubernetes
  return [
    ...(intent === null ? [] : [`Spegel's intent is that of ${intent.source}${ageOf(intent.knownUntil, evaluatedAt)}`]),
    ...(daemonSet === null
      ? []
      : [
          `daemonset ${daemonSet.namespace}/${daemonSet.name}: ready on ${daemonSet.ready ?? '?'} of ${daemonSet.desired ?? '?'} nodes`,
        ]),
    ...pods.map((it) => {
      const state = it.ready ? 'ready' : `not ready${it.words === '' ? '' : `: ${it.words}`}`
      const wrote = it.wroteAt === null ? 'its init container has not finished' : `wrote its entries at ${it.wroteAt}`
      const since = it.since === null ? '' : ` since ${it.since}`
      return `pod ${it.name} on this node: ${it.phase}, ${state}${since}; ${wrote}${it.restarts === 0 ? '' : `; restarted ${it.restarts} times`}`
    }),
    ...(release === null ? [] : [releaseLine(release)]),
    ...stale.map((it) => `${it.what} not followed: ${it.words}${ageOf(it.knownUntil, evaluatedAt)}`),
  ]
}

function releaseLine({
  namespace,
  name,
  suspended,
  ready,
  revision,
  words,
}: NonNullable<NonNullable<NodeReport['kubernetes']>['release']>): string {
  const state = suspended
    ? 'suspended'
    : ready === true
      ? 'ready'
      : ready === false
        ? `not ready: ${words}`
        : 'under way'
  return `helmrelease ${namespace}/${name}: ${state}${revision === null ? '' : `, chart ${revision}`}`
}

/** Nothing where it is current. */
function ageOf(knownUntil: string | null, now: string): string {
  if (knownUntil === null) return ''
  const minutes = Math.max(0, Math.round((Date.parse(now) - Date.parse(knownUntil)) / 60_000))
  const age = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
  return ` (as of ${knownUntil}, ${age} ago)`
}
