import type { RegistryReason } from './registry-error.ts'

/** What Node says when a connection or an answer comes to nothing. */
interface NodeFailure {
  message: string
  code?: string
  syscall?: string
  rawPacket?: Uint8Array
}

/** RFC 8446, 5.1: the type of a record that carries an alert. */
const TLS_ALERT = 0x15
/** OpenSSL's words for bytes that are no TLS record. */
const NO_TLS = /^(wrong version number|packet length too long|http request)$/

/** errno(3), and what Node's parser calls a head above 16 KiB. */
const BY_CODE: Readonly<Record<string, RegistryReason>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  HPE_HEADER_OVERFLOW: 'too-large',
}

/** Why a connection failed, and the name that the system, Node or OpenSSL has for it. */
export function transportFailure(failure: NodeFailure): { reason: RegistryReason; name: string } {
  const { code = 'UNKNOWN', message, syscall, rawPacket } = failure
  const openssl = /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1]
  if (openssl !== undefined) return { reason: NO_TLS.test(openssl) ? 'tls-not-spoken' : 'tls-failed', name: openssl }
  const known = syscall === 'getaddrinfo' ? 'unresolved' : BY_CODE[code]
  if (known !== undefined) return { reason: known, name: code }
  if (code.startsWith('HPE_')) return { reason: rawPacket?.[0] === TLS_ALERT ? 'tls-required' : 'not-http', name: code }
  if (CERTIFICATE.test(code)) return { reason: 'certificate', name: code }
  return { reason: code.startsWith('ERR_') ? 'tls-failed' : 'unreachable', name: code }
}

/** X509_verify_cert_error_string(3), and Node's own check of the name. */
const CERTIFICATE = /^(?!ERR_SSL_).*(CERT|CRL|SIGNATURE|^INVALID_|^PATH_LENGTH|^HOSTNAME_MISMATCH)/
