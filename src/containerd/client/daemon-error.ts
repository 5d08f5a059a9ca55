/** What can go wrong with a call to the daemon, as errors of the one catalogue. */
import { PullpathError } from '../../errors.ts'

/** How a gRPC call ended that did not end well: from the daemon, or from the library that speaks to it. */
export interface RpcFailure {
  /** The gRPC status. */
  code: number
  details: string
}

/** The daemon's own refusal: what it said, and the gRPC status by name. */
export class DaemonRefusal extends PullpathError {
  readonly grpcCode: string
  /** containerd's words, without queries and credentials of URLs. */
  readonly words: string

  constructor(path: string, { code, details }: RpcFailure) {
    const words = withoutSecrets(details)
    const grpcCode = GRPC_CODES[code] ?? 'UNKNOWN'
    super('PP_DAEMON_REFUSED', `containerd refused ${path}: ${words} (${grpcCode})`)
    this.grpcCode = grpcCode
    this.words = words
  }
}

/** google.golang.org/grpc/codes. */
const GRPC_CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

export const CANCELLED = 1
const DEADLINE_EXCEEDED = 4

/** What @grpc/grpc-js 1.14 says by itself when there is no connection, or no longer. */
const NO_CONNECTION =
  /^(No connection established|Connection dropped|read ECONNRESET|write EPIPE|.*ETIMEDOUT|Channel (has been )?(shut|closed))/
/** And when what comes back is no gRPC. */
const NO_GRPC =
  /^(Received RST_STREAM|Received HTTP status code|Received message larger|Bandwidth exhausted|Protocol not secure|Unrecognized compression|Stream refused|Call ended without gRPC status|Message encoding|Too (many|few) responses|No message received|no answer and no error)/i
/** The cause at the end of `No connection established`. */
const NOT_HTTP2 = /Protocol error|ERR_HTTP2/

/** The error of a call that did not end well. `deadline`: the milliseconds that it had. */
export function daemonError(path: string, socket: string, deadline: number, failure: RpcFailure): PullpathError {
  const { code } = failure
  const details = plainDetails(failure.details)
  if (code === DEADLINE_EXCEEDED) return silentError(path, socket, deadline)
  if (NO_CONNECTION.test(failure.details)) {
    return NOT_HTTP2.test(details) ? protocolError(path, socket, details) : unreachableError(socket, details)
  }
  // This side says nothing of calls that it cancels itself: it was the other one, which is on its way out.
  if (code === CANCELLED) return unreachableError(socket, `the call of ${path} was broken off`)
  if (NO_GRPC.test(details) || GRPC_CODES[code] === undefined) return protocolError(path, socket, details)
  return new DaemonRefusal(path, failure)
}

/** @grpc/grpc-js wraps the cause in words of its own, with the time. */
function plainDetails(details: string): string {
  return /Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note/s.exec(details)?.[1] ?? details
}

export function silentError(path: string, socket: string, deadline: number): PullpathError {
  return new PullpathError('PP_DAEMON_SILENT', `${socket}: no answer to ${path} within ${deadline} ms`, {
    advice: 'containerd hangs or is stopped: look at its log, then restart it',
  })
}

/** The daemon is alive: it answers other calls. */
export function unfinishedError(path: string, socket: string, deadline: number): PullpathError {
  return new PullpathError(
    'PP_DAEMON_UNFINISHED',
    `${socket}: ${path} was not done within ${deadline} ms, while containerd answers other calls`,
  )
}

export function protocolError(path: string, socket: string, details: string): PullpathError {
  return new PullpathError('PP_DAEMON_PROTOCOL', `${socket}: what answers ${path} is not containerd: ${details}`, {
    advice: "set containerd.socket to containerd's own socket",
  })
}

export function closedError(socket: string): PullpathError {
  return new PullpathError('PP_DAEMON_UNREACHABLE', `${socket}: this client is closed`)
}

export function unreachableError(socket: string, details: string): PullpathError {
  const errno = /\b(E[A-Z]{3,})\b/.exec(details)?.[1] ?? ''
  const what = UNREACHABLE[errno === '' ? details : errno]
  return new PullpathError('PP_DAEMON_UNREACHABLE', `${socket}: ${what?.what ?? withoutSecrets(details)}`, {
    advice: what?.advice ?? 'containerd was stopped, or is being restarted',
  })
}

/** unix(7); and what @grpc/grpc-js says where a connection ends before a word is spoken. */
const UNREACHABLE: Record<string, { what: string; advice: string }> = {
  ENOENT: {
    what: 'there is no socket (ENOENT)',
    advice: 'start containerd, or set containerd.socket; mount its directory, not the file',
  },
  ECONNREFUSED: { what: 'nothing listens on the socket (ECONNREFUSED)', advice: 'start containerd' },
  EACCES: { what: 'the socket may not be opened (EACCES)', advice: 'run as UID 0 with the directory mounted' },
  EPERM: { what: 'the socket may not be opened (EPERM)', advice: 'run as UID 0 with the directory mounted' },
  ENOTSOCK: { what: 'this is no socket (ENOTSOCK)', advice: 'set containerd.socket' },
  'Failed to connect': {
    what: 'what listens on the socket closes every connection at once',
    advice: "set containerd.socket to containerd's own socket",
  },
  ENOTDIR: { what: 'a part of the path is no directory (ENOTDIR)', advice: 'set containerd.socket' },
}

/** containerd before 2.1.6 shows whole URLs: a redirect to a store carries its signature in the query. */
function withoutSecrets(text: string): string {
  return text
    .replace(/(\w+:\/\/)[^\s/"'@]*@/g, '$1***@')
    .replace(/(\w+:\/\/[^\s"'?]*)\?[^\s"']*?(?=[:,]?(?:[\s"']|$))/g, '$1')
}
