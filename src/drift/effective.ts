import type { SpegelIntent } from '../intent/intent.ts'
import type { DeclaredRegistry } from './declared-registries.ts'
import { isImageCache, isInForce, type RatedEndpoint, type RatedPath } from './path-comparison.ts'
import { targetUrls } from './spegel-targets.ts'

/** The endpoints that Talos' intent asks for: its host tables, and a root entry (skipFallback, TLS only). */
export function declaredEndpoints(declared: DeclaredRegistry, meant: RatedPath): RatedEndpoint[] {
  if (declared.talosMirror === null && declared.talosTls === null) return []
  return meant.endpoints.filter((it) => it.declaredIn !== 'default' && !isImageCache(it))
}

/**
 * Whether containerd sees the declared mirrors, whatever Git says: every Talos endpoint is in force on its own scheme,
 * and Spegel's targets stand first where Spegel lists the registry.
 */
export function isEffective(
  declared: DeclaredRegistry,
  meant: RatedPath,
  observed: RatedPath,
  spegel: SpegelIntent | null,
  ip: string,
): boolean {
  if (observed.error !== null) return false
  const asked = observed.endpoints.filter((it) => !isImageCache(it))
  const origins = declaredEndpoints(declared, meant)
  if (!origins.every((wanted) => asked.some((it) => isInForce(wanted, it)))) return false
  if (declared.spegel === null && !declared.coveredByWildcard) return true
  return targetUrls(spegel, ip).every((target, index) => asked[index]?.url === target)
}
