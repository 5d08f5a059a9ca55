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
