import { PullpathError } from '../errors.ts'
import { isAtLeast, type Version } from '../version.ts'

/** What differs between containerd releases about where an image is pulled from. */
export interface Behaviour {
  /** go-toml v1 sorts hosts by line and sees every table form; v2 sees `[host.X]` headers only. */
  dialect: 'go-toml-1' | 'go-toml-2'
  /**
   * go-toml 2.4 and later. An empty table header in the place of a value, as in `[server]`, is refused, not passed over;
   * and `skip_verify` as the second dotted key of a host or later is decoded, where containerd panicked before.
   */
  hasGoToml24: boolean
  /** A hosts.toml without any `host` table is thrown away. */
  refusesFileWithoutHosts: boolean
  /** Whether `referrers` is a capability; where it is not, the word makes the whole file invalid. */
  knowsReferrers: boolean
  /** `explicit-tls`: known, and by mistake counted as a TLS setting. */
  dialTimeout: 'unknown' | 'explicit-tls' | 'connect-only'
  /** Which http endpoints with a TLS setting are tried over https first. */
  httpsFirst: 'never' | 'any-port' | 'explicit-port-but-80' | 'any-port-but-80'
  /** The scheme of a loopback registry without configuration: `by-port` is https for none and 443. */
  localhostScheme: 'http' | 'by-port'
  /** Whether the fallback to http is remembered for the later requests of a step, and follows a TLS timeout too. */
  fallbackSticks: boolean
  /** Whether a refused connection or a timeout on an endpoint without a port falls back to http too. */
  fallbackOnPortError: boolean
  /** Go's parser refuses more than one colon outside brackets in the host of a URL. */
  strictColons: boolean
  /** What looks like a query in an endpoint's path stays where `ns` is added. */
  keepsQueryOfPath: boolean
  /** Whether the transfer service exists for CRI, as its default way to pull. */
  transferService: boolean
  /** CRI's `registry.config_path` where nothing sets it. */
  defaultConfigPath: string
  /** The default config_path is set before mirrors are read, so that mirrors and it collide. */
  defaultConfigPathCollides: boolean
  /** The newest `version =` of the daemon's configuration: files that declare an older one are migrated. */
  configVersion: 2 | 3 | 4
  /** Imported files replace a plugin's section instead of being merged into it. */
  importsReplacePlugins: boolean
  /** A digest is looked for under blobs after manifests, unless somebody answered other than 404. */
  blobsOnlyAfterNotFound: boolean
  /** The most relevant error is reported, not the first one that is no 404. */
  reportsMostRelevantError: boolean
  /** 500, 503 and 504 are asked once more, on the last endpoint. */
  retriesServerErrors: boolean
  /** Requests to one endpoint in all; `shared`: failed connections count too, and are tried again on the last one. */
  attempts: 6 | 5
  retriesTransportErrors: boolean
  /** A 403 to HEAD is followed by a GET for the error's text. */
  asksForbiddenAgain: boolean
  /** The GET that replaces a HEAD without digest is checked for its status. */
  checksReplacementGet: boolean
  /** A `header` of hosts.toml gives the endpoint a credential store of its own. */
  headerSeparatesAuthorizer: boolean
}

const memo = new Map<string, Behaviour>()

/**
 * The rules of one containerd release. A pre-release has those of its release.
 * Throws PP_VERSION_UNSUPPORTED below 1.7, which is past its end of life.
 */
export function behaviourOf(version: Version): Behaviour {
  const known = memo.get(version.text)
  if (known !== undefined) return known
  const behaviour = deriveBehaviour(version)
  memo.set(version.text, behaviour)
  return behaviour
}

function deriveBehaviour(version: Version): Behaviour {
  const from = (bound: string): boolean => isAtLeast({ ...version, pre: '' }, bound)
  const between = (low: string, high: string): boolean => from(low) && !from(high)
  if (!from('1.7.0')) {
    throw new PullpathError('PP_VERSION_UNSUPPORTED', `containerd ${version.text} is not supported`, {
      advice: 'containerd 1.7 and later are; older releases are past their end of life',
    })
  }
  const v2 = from('2.0.0')
  return {
    // 1.x: getSortedHosts sorts a toml.Tree by position; 2.0: it walks the expressions of go-toml/v2's unstable parser.
    dialect: v2 ? 'go-toml-2' : 'go-toml-1',
    // go.mod: 2.4.3 in 2.4.0, 2.3.0 in 2.3. A distribution links its own into any release: Debian's newest has 2.4.3.
    hasGoToml24: from('2.4.0') || (v2 && isOfDistribution(version)),
    // 1.7.32: hosts.go, getSortedHosts returns no error for a missing tree.
    refusesFileWithoutHosts: !from('1.7.32'),
    // 2.2.0: hosts.go, parseHostConfig.
    knowsReferrers: from('2.2.0'),
    // 2.0.7 counts it among the TLS settings; 2.1.0 separates explicitTLSFromHost from it.
    dialTimeout: between('2.0.7', '2.1.0') ? 'explicit-tls' : from('2.1.0') ? 'connect-only' : 'unknown',
    // hosts.go: 1.7.7 introduced the fallback, 1.7.8 exempted port 80 and no port, 1.7.24 included no port again.
    httpsFirst:
      v2 || from('1.7.24')
        ? 'any-port-but-80'
        : from('1.7.8')
          ? 'explicit-port-but-80'
          : from('1.7.7')
            ? 'any-port'
            : 'never',
    localhostScheme: from('1.7.8') ? 'by-port' : 'http',
    // 1.7.16: resolver.go, NewHTTPFallback replaces HTTPFallback.
    fallbackSticks: from('1.7.16'),
    // 1.7.24: resolver.go, isPortError.
    fallbackOnPortError: from('1.7.24'),
    // GODEBUG urlstrictcolons, which the `go 1.26` of go.mod turns on.
    strictColons: from('2.3.0'),
    // 2.2.0: resolver.go, addQuery. Before, addNamespace cut the path off before it read the query.
    keepsQueryOfPath: from('2.2.0'),
    transferService: from('2.1.0'),
    // 2.2.0: internal/cri/config, Linux.
    defaultConfigPath: from('2.2.0') ? '/etc/containerd/certs.d:/etc/docker/certs.d' : '',
    // 2.2.2 moved the default to the plugin's start, after the mirrors are known.
    defaultConfigPathCollides: between('2.2.0', '2.2.2'),
    configVersion: from('2.3.0') ? 4 : v2 ? 3 : 2,
    importsReplacePlugins: !v2,
    // resolver.go, firstErrPriority > 2: backported to 2.0.11 and 2.2.6, never to 2.1.
    blobsOnlyAfterNotFound: between('2.0.11', '2.1.0') || from('2.2.6'),
    reportsMostRelevantError: v2,
    // 2.1.0: resolver.go, retryRequest takes lastHost.
    retriesServerErrors: from('2.1.0'),
    // 2.3.2: resolver.go, maxAttempts and doWithTransportRetries.
    attempts: from('2.3.2') ? 5 : 6,
    retriesTransportErrors: from('2.3.2'),
    // 2.3.3: withGETErrorBody.
    asksForbiddenAgain: from('2.3.3'),
    // 2.3.0: resolver.go, Resolve.
    checksReplacementGet: from('2.3.0'),
    // 2.1.0: hosts.go, docker.WithAuthHeader.
    headerSeparatesAuthorizer: from('2.1.0'),
  }
}

/** Without the stamp of a release: containerd's version.go has `+unknown` until a build sets it, Debian's never does. */
function isOfDistribution({ text }: Version): boolean {
  return text.endsWith('+unknown')
}
