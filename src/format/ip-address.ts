/** An IP address as Go's net.ParseIP reads it. */
export interface IpAddress {
  /** Of the text: an IPv4 address mapped into IPv6 is 6. */
  family: 4 | 6
  loopback: boolean
}

/** Reads an address; null where the text is none. A zone (`%eth0`) is allowed, leading zeros of IPv4 are not. */
export function parseIp(text: string): IpAddress | null {
  const v4 = parseIpv4(text)
  if (v4 !== null) return { family: 4, loopback: v4[0] === 127 }
  const [address = '', ...zone] = text.split('%')
  if (zone.length > 0 && zone.join('%') === '') return null
  const groups = parseIpv6(address)
  if (groups === null) return null
  const zeros = groups.slice(0, 5).every((it) => it === 0)
  const one = zeros && groups[5] === 0 && groups[6] === 0 && groups[7] === 1
  const mapped = zeros && groups[5] === 0xffff && (groups[6] ?? 0) >> 8 === 127
  return { family: 6, loopback: (one || mapped) && zone.length === 0 }
}

/** An address as it stands in a URL and before a port: IPv6 in brackets. Whatever is no IPv6 stays as it is. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

function parseIpv4(text: string): number[] | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((it) => /^(0|[1-9]\d{0,2})$/.test(it))) return null
  const numbers = parts.map(Number)
  return numbers.every((it) => it <= 255) ? numbers : null
}

function parseIpv6(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map(parseGroups)
  if (head === null || head === undefined || tail === null) return null
  if (tail === undefined) return head.length === 8 ? head : null
  const missing = 8 - head.length - tail.length
  return missing < 1 ? null : [...head, ...Array<number>(missing).fill(0), ...tail]
}

function parseGroups(text: string): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 ? parseIpv4(part) : null
    if (v4 !== null) {
      const [a = 0, b = 0, c = 0, d = 0] = v4
      groups.push(a * 256 + b, c * 256 + d)
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return null
  }
  return groups
}
