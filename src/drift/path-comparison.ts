import type { Role } from '../containerd/endpoint-report.ts'
import type { Endpoint, PullPath } from '../containerd/pull-path.ts'

/** An endpoint with what it is to its registry. */
export interface RatedEndpoint extends Endpoint {
  role: Role
}

/** A pull path whose endpoints are rated. */
export interface RatedPath extends PullPath {
  endpoints: readonly RatedEndpoint[]
}

/** Talos' image cache: `registryd` on this address, put first into every mirror when the cache is ready (Talos 1.9+). */
const IMAGE_CACHE_HOST = '127.0.0.1:3172'

/** What containerd does at an endpoint, as one comparable text: two endpoints of one text are one and the same to a pull. */
function effectOf(endpoint: Endpoint): string {
  const known = effects.get(endpoint) ?? JSON.stringify([endpoint.url, ...optionsOf(endpoint)])
  effects.set(endpoint, known)
  return known
}

/** An endpoint never changes. */
const effects = new WeakMap<Endpoint, string>()

/**
 * The options of an endpoint that change a pull. `skip_verify = false` acts like an absent one, but for http, where it
 * makes https come first; `httpsFirst` holds that. Where it was declared does not matter.
 */
function optionsOf(endpoint: Endpoint): unknown[] {
  return [
    endpoint.resolve,
    endpoint.namespaceParam,
    endpoint.httpsFirst,
    endpoint.skipVerify === true,
    endpoint.dialTimeout,
    endpoint.ca,
    endpoint.client,
    [...endpoint.headerNames].sort(),
  ]
}

/** Whether `found` reaches the same place with the same trust as `wanted`: URL, https-first and TLS settings. */
export function isInForce(wanted: Endpoint, found: Endpoint): boolean {
  return (
    wanted.url === found.url &&
    wanted.httpsFirst === found.httpsFirst &&
    (wanted.skipVerify === true) === (found.skipVerify === true) &&
    wanted.client === found.client &&
    wanted.ca.length === found.ca.length
  )
}

/**
 * The endpoints that make a difference, in order: later identical ones are dropped (a repeat only asks again what has
 * answered), and Talos' image cache is left out where it is accepted.
 */
export function distinctEndpoints(path: RatedPath, imageCache: 'auto' | 'on' | 'off'): RatedEndpoint[] {
  const seen = new Set<string>()
  const distinct: RatedEndpoint[] = []
  for (const endpoint of path.endpoints) {
    if (imageCache === 'auto' && isImageCache(endpoint)) continue
    const effect = effectOf(endpoint)
    if (seen.has(effect)) continue
    seen.add(effect)
    distinct.push(endpoint)
  }
  return distinct
}

export function isImageCache(endpoint: Endpoint): boolean {
  return endpoint.host === IMAGE_CACHE_HOST
}

/** What differs between two lists of distinct endpoints. */
export interface PathDifference {
  /** Expected, and not asked in any way. */
  missing: RatedEndpoint[]
  /** Asked, and not expected in any way. */
  unexpected: RatedEndpoint[]
  /** The same URL, asked in another way. */
  changed: { expected: RatedEndpoint; observed: RatedEndpoint }[]
  /** Whether the endpoints that both have stand in another order. */
  reordered: boolean
}

/** Compares endpoint by endpoint, by URL first and options second. */
export function comparePaths(expected: readonly RatedEndpoint[], observed: readonly RatedEndpoint[]): PathDifference {
  const unmatched = [...observed]
  const missing: RatedEndpoint[] = []
  const changed: PathDifference['changed'] = []
  const positions: number[] = []
  for (const endpoint of expected) {
    const effect = effectOf(endpoint)
    const same = unmatched.find((it) => effectOf(it) === effect) ?? unmatched.find((it) => it.url === endpoint.url)
    if (same === undefined) {
      missing.push(endpoint)
      continue
    }
    unmatched.splice(unmatched.indexOf(same), 1)
    positions.push(observed.indexOf(same))
    if (effectOf(same) !== effect) changed.push({ expected: endpoint, observed: same })
  }
  const reordered = positions.some((position, index) => index > 0 && position < (positions[index - 1] ?? 0))
  return { missing, unexpected: unmatched, changed, reordered }
}
