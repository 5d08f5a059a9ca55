import { parseGoUrl } from '../format/go-url.ts'
import { hostDirectory } from '../host-directory.ts'
import type { IntentProblem, TalosEndpoint, TalosMirror, TalosTls } from './intent.ts'
import { unrenderedPart, unrenderedProblem } from './talos-fields.ts'
import { shownRegistry } from './talos-mirrors.ts'

interface PlacedEndpoint extends TalosEndpoint {
  registry: string
  /** `host[:port]`, which Talos looks the TLS settings up by. */
  host: string
  scheme: string
}

/** TLS settings that act nowhere, or where nobody expects it. */
export function tlsProblems(
  tls: ReadonlyMap<string, TalosTls>,
  mirrors: ReadonlyMap<string, TalosMirror>,
): IntentProblem[] {
  const endpoints: PlacedEndpoint[] = []
  for (const mirror of mirrors.values()) {
    for (const endpoint of mirror.endpoints) {
      const url = parseGoUrl(endpoint.url, { strictColons: true })
      if (typeof url === 'string') continue
      endpoints.push({ ...endpoint, registry: shownRegistry(mirror.registry), host: url.host, scheme: url.scheme })
    }
  }
  const directories = new Set([...mirrors.keys()].map(hostDirectory))
  return [...tls.values()].flatMap((settings) => {
    const problem = problemOf(settings, endpoints, directories)
    return problem === null ? [] : [problem]
  })
}

function problemOf(
  settings: TalosTls,
  endpoints: readonly PlacedEndpoint[],
  directories: ReadonlySet<string>,
): IntentProblem | null {
  const { host, source } = settings
  const placeholder = unrenderedPart(host)
  if (placeholder !== null && source !== null) {
    return unrenderedProblem(placeholder, `the TLS host ${JSON.stringify(host)}`, null, source)
  }
  if (settings.ca === null && settings.clientCertificate === null && !settings.insecureSkipVerify) return null
  const hasDirectory = directories.has(hostDirectory(host))
  if (host === '*') return wildcardProblem(settings, hasDirectory)
  const matching = endpoints.filter((it) => it.host === host)
  if (matching.some((it) => it.scheme === 'https')) return null
  const [plain] = matching
  if (plain !== undefined) return plainHttpProblem(settings, plain)

  const near = endpoints.find((it) => withoutPort(it.host) === withoutPort(host))
  // Without a mirror of that name Talos writes the settings for the registry itself.
  if (near === undefined && !hasDirectory) return null
  const seen = near === undefined ? 'no endpoint has this host' : `the endpoint ${near.url} has the host ${near.host}`
  return {
    code: 'TALOS_TLS_UNREACHED',
    registry: near?.registry ?? shownRegistry(host),
    message: `the TLS settings of ${host} reach no endpoint: Talos compares host and port exactly, and ${seen}`,
    remedy: [
      near === undefined
        ? { command: `# remove the TLS settings of ${host}`, why: 'or name the host[:port] of an https endpoint' }
        : {
            command: `${JSON.stringify(near.host)}:`,
            why: 'the name is the host[:port] of the endpoint, as in its URL',
          },
    ],
    source,
  }
}

function wildcardProblem({ source }: TalosTls, hasDirectory: boolean): IntentProblem {
  return {
    code: 'TALOS_TLS_WILDCARD',
    registry: hasDirectory ? '_default' : null,
    message: hasDirectory
      ? 'TLS settings for * reach no endpoint: they are looked up by the host of an endpoint'
      : 'Talos refuses TLS settings for * and then writes no hosts file at all',
    remedy: [{ command: '"registry.example:5000":', why: 'name each host[:port] that needs TLS settings' }],
    source,
  }
}

function plainHttpProblem({ host, source }: TalosTls, plain: PlacedEndpoint): IntentProblem {
  const isPort80 = plain.host.endsWith(':80')
  const effect = isPort80
    ? "containerd ignores them on port 80, and Talos' own pulls fail"
    : "containerd then tries https first on it, and Talos' own pulls fail"
  return {
    code: 'TALOS_TLS_UNREACHED',
    registry: plain.registry,
    message: `TLS settings of ${host} meet the plain-http endpoint ${plain.url}: ${effect}`,
    remedy: [
      { command: `# remove the TLS settings of ${host}`, why: 'if the registry speaks plain http' },
      { command: `- ${plain.url.replace(/^http:/, 'https:')}`, why: 'or declare the endpoint over https' },
    ],
    source,
  }
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '')
}
