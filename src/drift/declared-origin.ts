import type { Intent } from '../intent/intent.ts'
import type { DaemonFacts, NodeFacts } from './facts.ts'
import { expectedState } from './node-paths.ts'
import type { RatedEndpoint } from './path-comparison.ts'

/**
 * Where the images of a registry come from when no peer has them: the last endpoint that Talos declares for it, or what
 * Spegel lists it as, or else the registry itself.
 */
export function declaredOrigin(
  registry: string,
  intent: Intent,
  daemon: DaemonFacts,
  node: NodeFacts,
): RatedEndpoint | null {
  const state = expectedState(intent, daemon, node)
  const ofTalos = state.declaredPathOf(registry).endpoints.filter((it) => it.declaredIn !== 'default')
  const endpoints = ofTalos.length > 0 ? ofTalos : state.pathOf(registry).endpoints
  return endpoints.findLast((it) => it.role !== 'peer') ?? null
}
