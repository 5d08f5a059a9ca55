import type { PullpathError } from '../errors.ts'

/** What containerd is asked to fetch as a proof. Fit for a few KB: the daemon dumps whole bodies. */
export interface WitnessTask {
  /** In a repository and tag of its own: what is in the store of any namespace is not fetched again. */
  reference: string
  /** One directory, as the daemon sees it. */
  hostsDir: string
  /** Of an index. */
  platform: { os: string; architecture: string }
  /** Milliseconds. */
  deadline: number
  /** Ends it before that; what it left is removed all the same. */
  signal?: AbortSignal
}

/** What containerd said of its own requests while it fetched an image. */
export interface Witness {
  /** In the order in which they were sent. */
  requests: WitnessedRequest[]
  /** The manifests that came with an answer, so that it is known what had to be asked for. */
  manifests: WitnessedManifest[]
  /** Why the fetch failed; null: it did not, or it was cut short. */
  error: PullpathError | null
  /** Why the fetch was ended before its end, in words: there is more to it than a witness may carry. null: it was not. */
  cutShort: string | null
}

/** One request of containerd. Other header values, bodies and queries are dropped while the dump is read. */
export interface WitnessedRequest {
  method: string
  /** With the port, if it was written. The dump does not tell http from https. */
  host: string
  /** Without the query. */
  path: string
  /** The registry that a mirror was asked for; null: it was not said. */
  ns: string | null
  /** null: nothing was answered, or it is not certain what. */
  status: number | null
  /** Answers came while it was open of which one may be its: an answer does not say what it answers. */
  isUncertain: boolean
  /** The digest that the answer names; and whether it names a length. Where a HEAD needs one and has none, a GET follows. */
  digest: string | null
  hasLength: boolean
  /** Of a 401: which credentials it asks for; null: none that containerd knows. */
  challenge: 'basic' | 'bearer' | null
  /** Of a 401: it says what is wrong with the token that it was given. */
  refusesToken: boolean
  /** Position of the request whose answer led here, to no endpoint; null: no redirect did. */
  redirectedFrom: number | null
  /** Milliseconds since the epoch at which the dump came in; of the answer null where it is not certain. */
  sentAt: number
  answeredAt: number | null
}

/** What a manifest or an index names, by digest. Of an index containerd fetches what fits the platform. */
export interface WitnessedManifest {
  digest: string
  kind: 'index' | 'image'
  names: string[]
}

/** containerd's own words, without what the client says before and after them. */
export function wordsOf(error: PullpathError): string {
  if (error.code !== 'PP_DAEMON_REFUSED') return error.message
  return error.message.replace(/^containerd refused \S+: /, '').replace(/ \([A-Z_]+\)$/, '')
}
