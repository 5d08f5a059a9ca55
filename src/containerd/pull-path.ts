import type { SourcePosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import type { EndpointHeaders } from './endpoint-headers.ts'

/** How CRI pulls: containerd's own client, or the transfer service (2.1 and later). */
export type PullMode = 'local' | 'transfer'

export type Capability = 'pull' | 'resolve' | 'push' | 'referrers'

/** What of the daemon decides where it pulls from. */
export interface DaemonProfile {
  version: Version
  pullMode: PullMode
  /** CRI's `registry.config_path` as it is written, a `:`-list included; empty: no hosts directory is used. */
  configPath: string
  /** The deprecated `registry.mirrors`; used only where `configPath` is empty. Key: host or `*`. */
  legacyMirrors: ReadonlyMap<string, readonly string[]>
}

/** Where an endpoint was declared; `mirrors` is the deprecated `registry.mirrors` of the daemon's configuration. */
export type DeclaredIn = 'hosts.toml' | 'server' | 'default' | 'mirrors'

/** Absolute paths of a certificate and its key; null: the certificate's file holds both. */
export interface ClientPair {
  certificate: string
  key: string | null
}

/** One URL that containerd will send requests to. */
export interface Endpoint {
  /** Scheme, host and API root; the https URL where https is tried first. */
  url: string
  /** `host[:port]` as it stands in the URL. */
  host: string
  declaredIn: DeclaredIn
  capabilities: readonly Capability[]
  /** Whether a HEAD for a tag is sent here. A digest needs `pull` alone: see `askedToResolve`. */
  resolve: boolean
  /** Whether a GET is sent here. Capabilities do not filter it (containerd 2.1: fetcher.go). */
  fetch: boolean
  /** Whether requests carry `?ns=<registry>`. */
  namespaceParam: boolean
  /** An http endpoint that is tried over https first, with fallback. */
  httpsFirst: boolean
  overridePath: boolean
  /** null: not declared. `false` counts as an explicit TLS setting too. */
  skipVerify: boolean | null
  /** As declared (`200ms`); null: not declared, or this version does not know it. */
  dialTimeout: string | null
  /** Absolute paths of CA files. */
  ca: readonly string[]
  /** Whether a client certificate is used. */
  client: boolean
  /** That certificate, or several to choose from. */
  clientPairs: readonly ClientPair[]
  /** Names only: values may be secrets. */
  headerNames: readonly string[]
  /** With their values, for a request. */
  headers: EndpointHeaders
  /** Where it stands in hosts.toml; null where containerd made it up. */
  source: SourcePosition | null
}

/** The closed list of remarks on a path: nothing fails, but a person should know. */
export type PathNoteCode =
  | 'FILE_IGNORED' // hosts.toml cannot be used by this version: default upstream
  | 'FILE_EMPTY'
  | 'FILE_ABSENT' // a directory without hosts.toml
  | 'DIRECTORY_SHADOWED' // another directory form would have matched too
  | 'DEFAULT_SHADOWED' // an empty directory or file hides `_default`
  | 'HOSTS_NOT_SEEN' // inline or dotted host tables, which 2.x does not see
  | 'ENDPOINT_REPEATED'
  | 'ENDPOINT_SKIPPED' // no usable scheme: the request fails and the next endpoint is asked
  | 'HTTPS_FIRST'
  | 'KEY_IGNORED'
  | 'SERVER_MISPLACED' // `server` after a table header belongs to that table
  | 'CONFIG_PATH_LIST' // a `:`-list in transfer mode is one path that does not exist
  | 'CONFIG_PATH_EMPTY'
  | 'LEGACY_MIRRORS'
  | 'NOT_SEEN'

export interface PathNote {
  code: PathNoteCode
  message: string
  source: SourcePosition | null
}

/** Why containerd would fail the pull before asking anyone, or why its path cannot be told. */
export type PathErrorCode =
  | 'DIRECTORY_UNREADABLE' // a stat error other than "not found"
  | 'NOT_A_DIRECTORY' // a regular file named like the registry
  | 'CERTIFICATE_UNUSABLE' // CA or client pair unreadable or invalid
  | 'NO_RESOLVE_HOSTS'
  | 'NO_PULL_HOSTS'
  | 'ENDPOINT_INVALID' // a legacy mirror that is no URL, or no endpoint to which anything can be sent
  | 'HOST_PANIC' // 1.x: an entry under `host` that is no table
  | 'NOT_SEEN' // outside what Pullpath was given to read: the path is unknown, not broken

export interface PathError {
  code: PathErrorCode
  message: string
  source: SourcePosition | null
}

/** A declared endpoint that Go's client refuses to send to: its place in the order counts, it is never asked. */
export interface SkippedEndpoint {
  /** Position in `endpoints` of the one that is asked instead. */
  before: number
  capabilities: readonly Capability[]
}

/** The ordered endpoints that containerd asks for one registry. Repeats are kept, as containerd keeps them. */
export interface PullPath {
  registry: string
  /** The directory that was chosen, as the daemon sees it; null: none exists. */
  directory: string | null
  /** The hosts.toml in it, whether used or not; null where there is none. */
  file: string | null
  /** Whether `file` decides the endpoints. */
  fileUsed: boolean
  endpoints: readonly Endpoint[]
  skipped: readonly SkippedEndpoint[]
  notes: readonly PathNote[]
  error: PathError | null
}
