import { type GoUrl, parseGoUrl } from '../format/go-url.ts'
import { isAtLeast, type Version } from '../version.ts'

/**
 * An endpoint as this release of Talos parses it, or the error in words. One endpoint that it cannot parse keeps it
 * from writing any hosts file (internal/pkg/containers/cri/containerd/hosts.go: GenerateHosts).
 */
export function parseTalosEndpoint(url: string, version: Version): GoUrl | string {
  // Talos 1.13 is built with Go 1.26, which refuses an IPv6 address without brackets.
  return parseGoUrl(url, { strictColons: isAtLeast(version, '1.13.0-beta.0') })
}

/**
 * A URL as a RegistryMirrorConfig keeps it: Talos parses it and writes out what Go's `URL.String()` gives, with the
 * scheme in lower case and the path percent-encoded. The legacy form keeps the text as it is.
 */
export function goUrlAsWritten(text: string): string {
  if (typeof parseGoUrl(text, { strictColons: true }) === 'string') return text
  const match = /^([A-Za-z][A-Za-z0-9+.-]*:)(\/\/[^/?#]*)?([^?#]*)(.*)$/s.exec(text)
  if (match === null) return text
  const [, scheme = '', authority = '', path = '', rest = ''] = match
  const encoded = path.replace(/[^\u0021-\u007e]+|["<>\\^`{|}]/gu, (part) => encodeURIComponent(part))
  return scheme.toLowerCase() + authority + encoded + rest
}

/** The URL with `***` for a user and password, which have no place in a report. */
export function hideUser(url: string): string {
  return url.replace(/^([^/?#]*\/\/)[^/?#]*@/, '$1***@')
}
