import { isIPv6 } from 'node:net'

/** What Go's `net/url` makes of a URL, as far as containerd, Talos and Spegel look at it. */
export interface GoUrl {
  /** In lower case; empty where there is none. */
  scheme: string
  /** What follows `scheme:` without a slash. */
  opaque: string
  hasUser: boolean
  /** `host[:port]`, percent-decoded. */
  host: string
  /** Percent-decoded. */
  path: string
  /** Without `?`; null where there is no question mark. */
  query: string | null
  fragment: string
}

const HOST_BYTE = /[A-Za-z0-9\-_.~!"$&'()*+,:;<=>[\]]/
const FRAGMENT_BYTE = /[A-Za-z0-9\-_.~!$&()*+,/:;=?@]/
const USER_INFO = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/

/**
 * Parses as `url.Parse` does; a string is Go's error text. `strictColons`: programs built for Go 1.26 and later
 * refuse `http://fd00::1:5000`, an IPv6 address without brackets; earlier ones read the last colon as the port's.
 */
export function parseGoUrl(raw: string, options: { strictColons: boolean } = { strictColons: false }): GoUrl | string {
  const hash = raw.indexOf('#')
  const fragment = hash < 0 ? '' : raw.slice(hash + 1)
  let rest = hash < 0 ? raw : raw.slice(0, hash)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what Go refuses
  if (/[\u0000-\u001f\u007f]/.test(rest)) return 'invalid control character in URL'

  const url: GoUrl = { scheme: '', opaque: '', hasUser: false, host: '', path: '', query: null, fragment }
  if (rest === '*') return { ...url, path: '*' }
  if (rest.startsWith(':')) return 'missing protocol scheme'
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest)?.[1]
  if (scheme !== undefined) {
    url.scheme = scheme.toLowerCase()
    rest = rest.slice(scheme.length + 1)
  }
  const question = rest.indexOf('?')
  if (question >= 0) {
    url.query = rest.slice(question + 1)
    rest = rest.slice(0, question)
  }
  if (!rest.startsWith('/')) {
    if (url.scheme !== '') return { ...url, opaque: rest }
    if (rest.split('/', 1)[0]?.includes(':') === true) return 'first path segment in URL cannot contain colon'
  }
  if (rest.startsWith('//') && (url.scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2)
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash)
    rest = slash < 0 ? '' : rest.slice(slash)
    const at = authority.lastIndexOf('@')
    const host = parseHost(url.scheme, authority.slice(at + 1), options.strictColons)
    if ('error' in host) return host.error
    if (at >= 0 && !(USER_INFO.test(authority.slice(0, at)) && percentsAreValid(authority.slice(0, at)))) {
      return 'invalid userinfo'
    }
    url.hasUser = at >= 0
    url.host = host.text
  }
  if (!percentsAreValid(rest) || !percentsAreValid(fragment)) return 'invalid URL escape'
  return { ...url, path: percentDecode(rest) }
}

/** `URL.String()` of a URL without user and path, which is all that Spegel lets pass. */
export function goUrlText(url: GoUrl): string {
  const authority = url.host === '' ? '' : `//${percentEncode(url.host, HOST_BYTE)}`
  const query = url.query === null ? '' : `?${url.query}`
  return `${url.scheme}:${url.opaque === '' ? authority : url.opaque}${query}${fragmentText(url.fragment)}`
}

/** `len(url.Query()) == 0`: nothing between the ampersands that Go reads as a parameter. */
export function goQueryIsEmpty(query: string | null): boolean {
  return (query ?? '').split('&').every((it) => it === '' || it.includes(';') || !percentsAreValid(it))
}

function parseHost(scheme: string, host: string, strictColons: boolean): { text: string } | { error: string } {
  const bracket = host.lastIndexOf('[')
  if (bracket > 0) return { error: 'invalid IP-literal' }
  if (bracket === 0) {
    const end = host.lastIndexOf(']')
    if (end < 0) return { error: "missing ']' in host" }
    if (!isOptionalPort(host.slice(end + 1))) return { error: `invalid port ${host.slice(end + 1)} after host` }
    const [address = '', ...zone] = host.slice(1, end).split('%25')
    if (!isIPv6(address) || address.includes('%') || (zone.length > 0 && zone.join('') === ''))
      return { error: `invalid host: ${host}` }
    const decodedZone = zone.length === 0 ? '' : `%${percentDecode(zone.join('%25'))}`
    return { text: `[${address}${decodedZone}]${host.slice(end + 1)}` }
  }
  const first = host.indexOf(':')
  const isWeb = scheme === 'http' || scheme === 'https'
  const colon = isWeb && strictColons ? first : host.lastIndexOf(':')
  if (colon >= 0 && !isOptionalPort(host.slice(colon))) return { error: `invalid port ${host.slice(colon)} after host` }
  // Only bytes outside ASCII may be percent-encoded in a host.
  if (!percentsAreValid(host) || /%[0-7]/.test(host.replaceAll('%25', ''))) return { error: 'invalid URL escape' }
  for (const char of host) {
    if (char < '\u0080' && char !== '%' && !HOST_BYTE.test(char)) return { error: 'invalid character in host name' }
  }
  return { text: percentDecode(host) }
}

function isOptionalPort(text: string): boolean {
  return /^(:[0-9]*)?$/.test(text)
}

function percentsAreValid(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text)
}

function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  const bytes: number[] = []
  for (const part of text.split(/(%[0-9A-Fa-f]{2})/)) {
    if (/^%[0-9A-Fa-f]{2}$/.test(part)) bytes.push(Number.parseInt(part.slice(1), 16))
    else bytes.push(...Buffer.from(part))
  }
  return Buffer.from(bytes).toString('utf8')
}

function percentEncode(text: string, kept: RegExp): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte)
    encoded += byte < 0x80 && kept.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

function fragmentText(fragment: string): string {
  if (fragment === '') return ''
  const isWellEncoded = [...fragment].every((char) => char === '%' || "'[]".includes(char) || isFragmentChar(char))
  return `#${isWellEncoded ? fragment : percentEncode(percentDecode(fragment), FRAGMENT_BYTE)}`
}

function isFragmentChar(char: string): boolean {
  return char < '\u0080' && FRAGMENT_BYTE.test(char)
}
