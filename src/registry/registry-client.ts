/**
 * A registry endpoint, as the rest of Pullpath sees it: the pull and push half of the OCI distribution specification
 * 1.1, with the phases of every request. All times are milliseconds.
 *
 * Whatever is asked ends with its answer, or with a `RegistryError`. Nothing is tried a second time, but for a 401 that
 * a token or a password answers: a measurement must see what went wrong.
 */
import type { BearerChallenge, Challenge } from './challenge.ts'
import type { Credentials } from './credentials.ts'
import type { Phases } from './request-phases.ts'

export interface RegistryClient {
  /** The endpoint's URL, as it was given. */
  readonly endpoint: string
  /** Whether a registry answers at all. Sends no credentials; a 401 is an answer, and says its challenge. */
  ping(call?: Call): Promise<Answer>
  /**
   * Asks a token realm for a token to pull that anybody gets, as a request that is challenged would: with the TLS settings
   * of the endpoint, and along redirects. Whatever it answers is an answer.
   */
  askRealm(challenge: BearerChallenge, repository: string, call?: Call): Promise<RealmAnswer>
  /** `reference`: a tag or a digest. */
  headManifest(repository: string, reference: string, call?: Call): Promise<Answer>
  getManifest(repository: string, reference: string, call?: Call): Promise<FetchedManifest>
  headBlob(repository: string, digest: string, call?: Call): Promise<Answer>
  /** Reads a blob to its end without keeping it; its digest is checked on the way. */
  readBlob(repository: string, digest: string, reading?: BlobReading): Promise<ReadBlob>
  /** Uploads a blob unless the repository has it already. */
  pushBlob(repository: string, blob: BlobSource, call?: Call): Promise<PushedBlob>
  pushManifest(repository: string, reference: string, manifest: ManifestSource, call?: Call): Promise<Answer>
}

/** Where requests go, as a pull path says it. */
export interface RegistryEndpoint {
  /** What the API's paths follow: `http://192.168.1.106/v2`. */
  url: string
  /** The registry that a mirror is asked for, sent as `ns`; null: not sent. */
  namespace: string | null
  /** Sent with every request to this origin, and to no other. */
  headers: Readonly<Record<string, string>>
  /** Whether they are sent to a token realm too that credentials may be sent to (containerd 2.1); default: no. */
  headersForRealm?: boolean
  tls: EndpointTls
  credentials: Credentials | null
}

/** PEM texts. */
export interface EndpointTls {
  /** Trusted beside those that Node trusts; for redirect targets and realms too, as containerd has it. */
  ca: readonly string[]
  /** Shown to the endpoint's own host alone. */
  client: { certificate: string; key: string } | null
  /** false: no certificate is checked, that of redirect targets and realms neither. */
  verify: boolean
}

/** How one thing is asked. */
export interface Call {
  signal?: AbortSignal
  limits?: Partial<Limits>
  /** Beside those of the endpoint, and like them. */
  headers?: Readonly<Record<string, string>>
  /** false: a redirect is the error `redirected`. */
  followRedirects?: boolean
}

/** The longest that things may take, in milliseconds. */
export interface Limits {
  resolve: number
  connect: number
  tls: number
  /** From the request to the head of its answer. */
  processing: number
  /** Between two pieces of a body, in either direction. */
  pause: number
  /** Everything that one call sends: challenge, token, redirects. */
  total: number
}

/** One request that was sent, and how it went. */
export interface Exchange {
  /** `token`: to the realm of a challenge. */
  purpose: 'registry' | 'token'
  method: string
  /** Scheme, host and port: `http://192.168.1.106`. Paths and queries of redirects may carry secrets. */
  origin: string
  /** null: there was no answer. */
  status: number | null
  /** When it began, by `performance.now()` of this process: requests of one call have pauses between them. */
  startedAt: number
  phases: Phases
  /** Of the answer's body, as it came over the wire without its framing. */
  bytes: number
}

/** How one call went, whether or not it ended well. */
export interface Trace {
  /** Every request that it took, in order; the last one is the answer's, or the one that failed. */
  exchanges: readonly Exchange[]
  /** The origins that the last request was redirected to, in order, whether or not it was followed. */
  redirectedTo: readonly string[]
  /** What the endpoint asked for first; null: nothing. */
  challenge: Challenge | null
}

export interface Answer extends Trace {
  status: number
  /** `OCI-Namespace`: the registry that a mirror answers for. */
  namespace: string | null
  /** `Docker-Content-Digest`. */
  digest: string | null
  mediaType: string | null
  /** `Content-Length`; null: not said. */
  length: number | null
}

export interface RealmAnswer extends Trace {
  status: number
  /** Who answered: the realm, or where it redirects to. Scheme, host and port. */
  origin: string
  hasToken: boolean
}

export interface FetchedManifest extends Answer {
  /** Of the bytes that came. */
  digest: string
  mediaType: string
  length: number
  bytes: Uint8Array
}

export interface BlobReading extends Call {
  /** As its descriptor says; an answer of another length is refused. */
  size?: number
  /** Bytes to ask for, both included. What comes is not checked against the digest then. */
  range?: { first: number; last: number }
  /** The answer begins. `total`: bytes to come; null: not said. */
  onStart?: (total: number | null) => void
  /** In order. The bytes are valid until it returns, or until its promise is fulfilled: nothing is read until then. */
  onBytes?: (bytes: Uint8Array) => void | Promise<void>
}

export interface ReadBlob extends Answer {
  /** Bytes that came. */
  length: number
  /** Of the bytes that came. */
  digest: string
}

export interface BlobSource {
  digest: string
  size: number
  /**
   * Exactly `size` bytes, from the start; asked for again when a token has expired. The next piece is not asked for
   * before the system has taken the last, so all may use the same memory.
   */
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** The system has taken so many more bytes. */
  onSent?: (bytes: number) => void
}

export interface PushedBlob extends Answer {
  /** It was there; nothing was sent. */
  existed: boolean
}

export interface ManifestSource {
  mediaType: string
  bytes: Uint8Array
}
