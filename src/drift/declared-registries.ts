import type { Intent, SpegelRegistry, TalosMirror, TalosTls } from '../intent/intent.ts'

/** One registry that Talos' intent or Spegel's names. */
export interface DeclaredRegistry {
  /** As containerd knows it: `192.168.1.106:5000`, `docker.io`; `_default` for the wildcard. */
  registry: string
  talosMirror: TalosMirror | null
  /** A TLS entry without a mirror: Talos writes a directory with a root entry for it. */
  talosTls: TalosTls | null
  /** The entry of mirroredRegistries that names it. */
  spegel: SpegelRegistry | null
  /** Whether Spegel's wildcard (an empty list, `_default`, `*`) covers it without naming it. */
  coveredByWildcard: boolean
}

/** Every declared registry, Talos' first, each once. */
export function declaredRegistries(intent: Intent): DeclaredRegistry[] {
  const found = new Map<string, DeclaredRegistry>()
  const entry = (registry: string): DeclaredRegistry => {
    const known = found.get(registry)
    if (known !== undefined) return known
    const fresh = { registry, talosMirror: null, talosTls: null, spegel: null, coveredByWildcard: false }
    found.set(registry, fresh)
    return fresh
  }
  for (const [name, mirror] of intent.talos?.mirrors ?? []) entry(name === '*' ? '_default' : name).talosMirror = mirror
  for (const [host, tls] of intent.talos?.tls ?? []) {
    if (host !== '*' && !isEndpointHost(intent, host) && !found.has(host)) entry(host).talosTls = tls
  }
  const spegel = intent.spegel
  if (spegel !== null) {
    for (const listed of spegel.mirroredRegistries) {
      const registry = listedRegistry(listed)
      if (registry !== null) entry(registry).spegel ??= listed
    }
    // Spegel 0.1 and later: an empty list mirrors every registry, through _default.
    if (spegel.mirroredRegistries.length === 0) entry('_default').spegel = { url: '_default', source: spegel.source }
    const wildcard = found.get('_default')?.spegel ?? null
    for (const it of found.values()) it.coveredByWildcard = wildcard !== null && it.spegel === null
  }
  return [...found.values()]
}

/** The registry that an entry of mirroredRegistries names, `_default` for a wildcard; null where it names none. */
export function listedRegistry(listed: SpegelRegistry): string | null {
  if (listed.url === '_default' || listed.url === '*') return '_default'
  // Braces and spaces are those of a placeholder: Go refuses them in a host, and what it will be is not known.
  const match = /^https?:\/\/([^/?#@{}\s]+)$/.exec(listed.url)
  return match?.[1] ?? null
}

/** A TLS entry is keyed by endpoint host: one that serves another registry's mirror declares no registry of its own. */
function isEndpointHost(intent: Intent, host: string): boolean {
  for (const mirror of intent.talos?.mirrors.values() ?? []) {
    for (const endpoint of mirror.endpoints) {
      if (/^[a-z]+:\/\/([^/?#]+)/i.exec(endpoint.url)?.[1] === host) return true
    }
  }
  return false
}
