import { parseIp } from './ip-address.ts'

/** The parts of a URL that containerd uses, as Go's url.Parse cuts them. */
export interface GoUrl {
  /** Lower case; empty where the text has none. */
  scheme: string
  /** `host[:port]`, without user. */
  host: string
  /** Decoded. */
  path: string
}

/** Cuts a URL as Go's net/url does; a string is the reason why Go refuses it. */
export function parseGoUrl(text: string): GoUrl | string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what Go refuses
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'invalid control character in URL'
  const hash = text.indexOf('#')
  if (hash >= 0 && decode(text.slice(hash + 1)) === null) return 'invalid URL escape'
  const raw = hash < 0 ? text : text.slice(0, hash)
  if (raw === '*') return { scheme: '', host: '', path: '*' }
  if (raw.startsWith(':')) return 'missing protocol scheme'
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(raw)?.[1] ?? ''
  let rest = scheme === '' ? raw : raw.slice(scheme.length + 1)
  const query = rest.indexOf('?')
  if (query >= 0) rest = rest.slice(0, query)
  const lower = scheme.toLowerCase()
  if (!rest.startsWith('/')) {
    // Go keeps what follows a scheme without a slash as opaque: no host, no path.
    if (scheme !== '') return { scheme: lower, host: '', path: '' }
    if (rest.split('/', 1)[0]?.includes(':')) return 'first path segment in URL cannot contain colon'
  }
  let host = ''
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const end = rest.indexOf('/', 2)
    const authority = end < 0 ? rest.slice(2) : rest.slice(2, end)
    rest = end < 0 ? '' : rest.slice(end)
    const at = authority.lastIndexOf('@')
    if (at >= 0 && !isUserinfo(authority.slice(0, at))) return 'invalid userinfo'
    const parsed = parseHost(authority.slice(at + 1))
    if (typeof parsed === 'string') return parsed
    host = parsed.host
  }
  const path = decode(rest)
  return path === null ? 'invalid URL escape' : { scheme: lower, host, path }
}

/** The port of `host:port` as Go's net.SplitHostPort gives it; empty where it has none or cannot be split. */
export function portOf(host: string): string {
  return splitHostPort(host)?.port ?? ''
}

/** `host:port` cut as Go's net.SplitHostPort does; null where Go refuses it, a host without a port included. */
export function splitHostPort(text: string): { host: string; port: string } | null {
  const bracketed = /^\[([^[\]]*)\]:([^:[\]]*)$/.exec(text)
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] ?? '' }
  const plain = /^([^:[\]]*):([^:[\]]*)$/.exec(text)
  return plain === null ? null : { host: plain[1] ?? '', port: plain[2] ?? '' }
}

/** Go's path.Clean. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/')
  const out: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop()
    else if (part !== '..' || !rooted) out.push(part)
  }
  const joined = out.join('/')
  return rooted ? `/${joined}` : joined === '' ? '.' : joined
}

const HOST_CHARACTERS = /^[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"\u0080-\uffff%]*$/

function parseHost(text: string): { host: string } | string {
  const open = text.lastIndexOf('[')
  if (open > 0) return 'invalid IP-literal'
  if (open === 0) {
    const close = text.lastIndexOf(']')
    if (close < 0) return "missing ']' in host"
    if (!/^(:\d*)?$/.test(text.slice(close + 1))) return 'invalid port after host'
    // An escaped per cent sign begins a zone; a bare one is no escape.
    const address = decode(text.slice(1, close))
    if (address === null) return 'invalid URL escape'
    return parseIp(address)?.family === 6 ? { host: `[${address}]${text.slice(close + 1)}` } : 'invalid host'
  }
  const colon = text.lastIndexOf(':')
  if (colon >= 0 && !/^:\d*$/.test(text.slice(colon))) return 'invalid port after host'
  // In a host only bytes beyond ASCII may be escaped, and the per cent sign itself.
  if (/%(?!25)[0-7]/.test(text)) return 'invalid URL escape'
  if (!HOST_CHARACTERS.test(text)) return 'invalid character in host name'
  const host = decode(text)
  return host === null ? 'invalid URL escape' : { host }
}

function isUserinfo(text: string): boolean {
  return /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(text) && decode(text) !== null
}

/** Percent-decoding; null where an escape is malformed. Bytes that are no UTF-8 become U+FFFD. */
function decode(text: string): string | null {
  if (!text.includes('%')) return text
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return null
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString())
}
