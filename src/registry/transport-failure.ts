import type { RegistryReason } from './registry-error.ts'

/** What Node says when a connection or an answer comes to nothing. */
interface NodeFailure {
  code?: string
  syscall?: string
  rawPacket?: Uint8Array
}

/** RFC 8446, 5.1: the type of a record that carries an alert. */
const TLS_ALERT = 0x15

/** errno(3); getaddrinfo(3) is told by its call. */
const BY_CODE: Readonly<Record<string, RegistryReason>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls-not-spoken',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'tls-not-spoken',
  ERR_SSL_HTTP_REQUEST: 'tls-not-spoken',
}

/** Why a connection failed, and Node's name for it. */
export function transportFailure(failure: NodeFailure): { reason: RegistryReason; name: string } {
  const name = failure.code ?? 'UNKNOWN'
  return { reason: reasonOf(name, failure), name }
}

function reasonOf(name: string, { syscall, rawPacket }: NodeFailure): RegistryReason {
  if (syscall === 'getaddrinfo') return 'unresolved'
  const known = BY_CODE[name]
  if (known !== undefined) return known
  if (name.startsWith('HPE_')) return rawPacket?.[0] === TLS_ALERT ? 'tls-required' : 'not-http'
  if (name.startsWith('ERR_SSL_') || name === 'EPROTO') return 'tls-failed'
  // X509_verify_cert_error_string(3), and Node's own check of the name.
  if (/CERT|CRL|SIGNATURE|^INVALID_|^PATH_LENGTH|^HOSTNAME_MISMATCH/.test(name)) return 'certificate'
  if (name.startsWith('ERR_TLS_')) return 'tls-failed'
  return 'unreachable'
}
