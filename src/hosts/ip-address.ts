/** Whether a text is an IPv6 address, without brackets and zone. */
export function isIpv6(text: string): boolean {
  // The WHATWG parser accepts exactly the RFC 4291 forms between brackets.
  return text.includes(':') && !/[^0-9A-Fa-f:.]/.test(text) && URL.canParse(`http://[${text}]`)
}
