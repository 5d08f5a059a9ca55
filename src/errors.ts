import { formatPosition, type SourcePosition } from './source-position.ts'

/**
 * The closed catalogue of errors. A code never changes its meaning; the text may.
 * `exitCode` is what a command that ends with it returns (design: 2 = could not be read, or bad usage).
 */
export const ERROR_CODES = {
  PP_USAGE: 'the command line is wrong',
  PP_CONFIG_INVALID: "the agent's own configuration is wrong",
  PP_FILE_UNREADABLE: 'a file or directory cannot be read',
  PP_YAML_INVALID: 'a YAML text cannot be parsed',
  PP_TOML_INVALID: 'a TOML text cannot be parsed',
  PP_INTENT_INVALID: 'an intent file is not what its reader accepts',
  PP_INTENT_UNKNOWN: 'a file holds no intent that Pullpath knows',
  PP_VERSION_UNSUPPORTED: 'a version that is below what Pullpath supports',
  PP_VERSION_INVALID: 'a version that cannot be read',
  PP_REFERENCE_INVALID: 'an image reference that containerd would refuse',
  PP_ADDRESS_INVALID: 'an address that is not an IP address',
  PP_PORT_IN_USE: 'the HTTP port is taken',
  PP_NOT_READY: 'the first evaluation is not done yet',
  PP_NOT_FOUND: 'nothing of that name is known here',
  PP_REQUEST_INVALID: 'an HTTP request that is malformed or asks for what is not served',
  PP_UNAUTHORIZED: 'a request without the token that it needs',
  PP_FORBIDDEN: 'a request for what is not allowed here',
  PP_MEASUREMENT_BUSY: 'a measurement is under way',
  PP_MEASUREMENT_LIMITED: 'a measurement was started only a moment ago',
  PP_DAEMON_UNREACHABLE: 'nothing listens on the socket of containerd, or it went away',
  PP_DAEMON_SILENT: 'containerd does not answer in time',
  PP_DAEMON_UNFINISHED: 'containerd answers, but did not end what it was asked for in time',
  PP_DAEMON_PROTOCOL: 'what answers on the socket does not speak as containerd does',
  PP_DAEMON_REFUSED: 'containerd itself answers with an error',
  PP_REGISTRY_UNREACHABLE: 'a registry cannot be reached, or the connection to it breaks',
  PP_REGISTRY_TIMEOUT: 'a registry does not answer in time',
  PP_REGISTRY_TLS: 'TLS with a registry fails, or one side speaks it and the other does not',
  PP_REGISTRY_PROTOCOL: 'what answers does not speak as a registry does',
  PP_REGISTRY_AUTH: 'a registry refuses access, or what it names for a token gives none',
  PP_REGISTRY_NOT_FOUND: 'a registry does not have what it was asked for',
  PP_REGISTRY_STATUS: 'a registry answers with an error',
  PP_REGISTRY_REDIRECT: 'a registry redirects where it is not followed',
  PP_REGISTRY_CONTENT: 'what a registry sent is not what it was asked for, or not all of it',
  PP_REGISTRY_ABORTED: 'a request to a registry was given up by whoever made it',
  PP_REGISTRY_REQUEST: 'a request to a registry that cannot be sent as it is',
  PP_DOCKER_CONFIG_INVALID: 'a docker config.json cannot be read',
  PP_WITNESS_UNSUPPORTED: 'this containerd cannot say which requests it sends',
  PP_INTERNAL: 'a fault of Pullpath itself',
  PP_SCENARIO_UNKNOWN: 'no demo scenario of that name',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** Every error that Pullpath raises on purpose: what, where, and what to do about it. */
export class PullpathError extends Error {
  override readonly name = 'PullpathError'
  readonly code: ErrorCode
  readonly position: SourcePosition | null
  /** What a person can do, as a sentence without a full stop; empty where the message says it. */
  readonly advice: string

  constructor(
    code: ErrorCode,
    message: string,
    options: { position?: SourcePosition | null; advice?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.position = options.position ?? null
    this.advice = options.advice ?? ''
  }

  /** One line: `file:line:column: message (advice) [CODE]`. */
  toLine(): string {
    const where = this.position === null ? '' : `${formatPosition(this.position)}: `
    const advice = this.advice === '' ? '' : ` (${this.advice})`
    return `${where}${this.message}${advice} [${this.code}]`
  }
}
