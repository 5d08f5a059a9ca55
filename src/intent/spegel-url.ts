/** Why Spegel refuses a URL as registry or target. */
export type SpegelUrlFault = 'no-scheme' | 'scheme' | 'host' | 'user' | 'path' | 'query'

/**
 * Why Spegel's init container refuses this URL; null where it accepts it.
 * Spegel 0.7: pkg/oci/filter.go, validateRegistryURL, on top of Go's url.Parse. An empty host is refused here
 * although Spegel takes it: it then writes a hosts.toml that belongs to no registry.
 */
export function spegelUrlFault(text: string): SpegelUrlFault | null {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1] ?? ''
  // `harbor.lan:5000` and `localhost:5000`: what stands before the colon is no scheme that anybody meant.
  if (scheme === '' || !text.startsWith('//', scheme.length + 1)) return 'no-scheme'
  if (!/^https?$/i.test(scheme)) return 'scheme'
  const withoutFragment = text.slice(scheme.length + 3).replace(/#.*$/s, '')
  const question = withoutFragment.indexOf('?')
  const beforeQuery = question === -1 ? withoutFragment : withoutFragment.slice(0, question)
  const slash = beforeQuery.indexOf('/')
  const authority = slash === -1 ? beforeQuery : beforeQuery.slice(0, slash)
  if (authority.includes('@')) return 'user'
  if (!isHost(authority)) return 'host'
  if (slash !== -1) return 'path'
  // Go: a bare `?` is an empty query.
  return question !== -1 && withoutFragment.length > question + 1 ? 'query' : null
}

/** Go's url.Parse: what may stand in a host, and that a port, if any, is a number or empty. */
function isHost(authority: string): boolean {
  if (authority === '' || authority.startsWith(':')) return false
  if (authority.startsWith('[')) return /^\[[0-9A-Fa-f:.]+(%25[\w.~-]+)?\](:\d*)?$/.test(authority)
  // Below 128 only the percent sign itself may be encoded.
  if (!/^([\w.~\-!$&'()*+,;=:<>"\]\u0080-\u{10ffff}]|%25|%[89A-Fa-f][0-9A-Fa-f])+$/u.test(authority)) return false
  const colon = authority.lastIndexOf(':')
  return colon === -1 || /^:\d*$/.test(authority.slice(colon))
}

/** The host, with port, that a URL or a bare name stands for: what Spegel's directory and containerd's registry are called. */
export function registryName(text: string): string {
  return text
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/[/?#].*$/s, '')
    .replace(/^.*@/s, '')
}
