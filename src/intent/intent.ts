import type { SourcePosition } from '../source-position.ts'
import type { Version } from '../version.ts'

/** What was declared in Git, as far as it could be read. */
export interface Intent {
  /** null: no Talos intent was configured. */
  talos: TalosIntent | null
  /** null: no Spegel intent was configured (or `spegel.from: none`). */
  spegel: SpegelIntent | null
  /** Silent mistakes in the files: each becomes an `intent-invalid` finding. */
  problems: readonly IntentProblem[]
  /** What was assumed or cannot be seen (a version not given, `valuesFrom`). */
  notes: readonly IntentNote[]
}

/** Talos machine configuration, merged as Talos merges it, as far as pulls depend on it. */
export interface TalosIntent {
  version: Version
  /** Key: the registry as declared (`192.168.1.106:5000`, `docker.io`, `*`). In order of declaration. */
  mirrors: ReadonlyMap<string, TalosMirror>
  /** Key: the endpoint's `host[:port]`. */
  tls: ReadonlyMap<string, TalosTls>
  /** Hosts that have credentials. Names only: nothing secret leaves the parser. */
  authHosts: readonly string[]
  /** `machine.features.imageCache.localEnabled` or an ImageCacheConfig document; null: not declared. */
  imageCache: boolean | null
  /** Parts of containerd's configuration that Talos merges into `/etc/cri/conf.d/cri.toml`, in merge order. */
  daemonParts: readonly DaemonPart[]
}

export interface TalosMirror {
  registry: string
  endpoints: readonly TalosEndpoint[]
  skipFallback: boolean
  source: SourcePosition | null
}

export interface TalosEndpoint {
  /** Verbatim, as Talos writes it into hosts.toml. */
  url: string
  overridePath: boolean
  source: SourcePosition | null
}

export interface TalosTls {
  host: string
  /** PEM text of the CA (public); null: none declared. */
  ca: string | null
  /** PEM text of the client certificate (public). The key is dropped while parsing. */
  clientCertificate: string | null
  insecureSkipVerify: boolean
  source: SourcePosition | null
}

/** One TOML part of containerd's configuration: from `machine.files` or a CRICustomizationConfig document. */
export interface DaemonPart {
  /** `/etc/cri/conf.d/20-customization.part`, or `CRICustomizationConfig/<name>`. */
  name: string
  /** Where its first line stands. The text itself may hold credentials, so it is not kept. */
  source: SourcePosition | null
  /** What this part sets; null: it does not say. */
  discardUnpackedLayers: boolean | null
}

/** Spegel's settings, whichever form they were written in. */
export interface SpegelIntent {
  version: Version
  /** Whether the version stood in the files or on the command line, or is the newest that Pullpath knows. */
  versionAssumed: boolean
  form: 'helmrelease' | 'values' | 'daemonset' | 'args'
  name: string
  namespace: string
  /** `containerdMirrorAdd`, or whether the configuration init container exists. */
  addsMirrors: boolean
  /** The directory that the init container writes. */
  registryConfigPath: string
  /** As written, in order. Empty: every registry, through `_default` (chart 0.1 and later). */
  mirroredRegistries: readonly SpegelRegistry[]
  /** As written, in order; `$(NODE_IP)` stands for the node's address. */
  mirrorTargets: readonly string[]
  resolveTags: boolean
  prependExisting: boolean
  /** Whether the init container writes an Authorization header. */
  basicAuth: boolean
  /** Regular expressions of what is not served (chart 0.4 and later). */
  registryFilters: readonly SpegelFilter[]
  /** What the registry container serves; null: the same list as `mirroredRegistries`. */
  servedRegistries: readonly SpegelRegistry[] | null
  source: SourcePosition | null
}

export interface SpegelRegistry {
  /** A URL with scheme, or `_default` or `*`. */
  url: string
  source: SourcePosition | null
}

export interface SpegelFilter {
  pattern: string
  source: SourcePosition | null
}

/** The closed list of silent mistakes. */
export type IntentProblemCode =
  | 'SPEGEL_KEY_IGNORED' // spegel.registries and other names that the chart's era does not read
  | 'SPEGEL_REGISTRY_NO_SCHEME'
  | 'SPEGEL_REGISTRY_NOT_A_HOST' // a trailing slash, a path, a query, a user: the init container fails
  | 'SPEGEL_REGISTRY_DUPLICATE' // two entries for one host: the last one decides; two wildcards: refused
  | 'SPEGEL_TARGET_INVALID'
  | 'SPEGEL_TARGET_DUPLICATE'
  | 'SPEGEL_FILTER_INVALID'
  | 'TALOS_ENDPOINT_NO_SCHEME'
  | 'TALOS_ENDPOINT_INVALID'
  | 'TALOS_ENDPOINT_DUPLICATE'
  | 'TALOS_SKIP_FALLBACK_WITHOUT_ENDPOINTS'
  | 'TALOS_TLS_UNREACHED' // a TLS entry that no endpoint's host:port matches, or that acts on plain http
  | 'TALOS_TLS_WILDCARD'
  | 'TALOS_KEY_UNKNOWN'
  | 'TALOS_REGISTRY_NAME' // a mirror key that no image reference can have (a scheme, a path)
  | 'VARIABLE_UNRENDERED'
  | 'CONTAINERD_OLD_PLUGIN_ID'
  | 'CONTAINERD_PART_INVALID' // a part that is no TOML
  | 'CONTAINERD_PART_PATH' // machine.files writes a path that Talos does not merge

/** A declared value that its reader ignores or refuses, without saying so. */
export interface IntentProblem {
  code: IntentProblemCode
  /** null: it concerns the node as a whole. */
  registry: string | null
  /** What stands there and what its reader makes of it: one sentence. */
  message: string
  /** How to write it right: a line to put into the file, or a command. */
  remedy: readonly { command: string; why: string }[]
  source: SourcePosition | null
}

export interface IntentNote {
  code:
    | 'VERSION_ASSUMED'
    | 'VALUES_FROM_INVISIBLE'
    | 'PARTIAL_PATCH'
    | 'LAYERS_NOT_DECLARED'
    | 'DOCUMENT_IGNORED'
    | 'TARGETS_UNKNOWN'
  message: string
  source: SourcePosition | null
}
