import { type GoUrl, parseGoUrl } from '../format/go-url.ts'
import { formatPosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import type { IntentProblem, TalosEndpoint, TalosMirror } from './intent.ts'
import { parseTalosEndpoint } from './talos-endpoint-url.ts'
import { unrenderedPart, unrenderedProblem } from './talos-fields.ts'
import { shownRegistry } from './talos-mirrors.ts'

/** What is wrong with one mirror, although Talos may take it without a word. */
export function mirrorProblems(mirror: TalosMirror, version: Version): IntentProblem[] {
  const registry = shownRegistry(mirror.registry)
  return [
    ...nameProblems(mirror, registry),
    ...mirror.endpoints.flatMap((endpoint) => endpointProblems(endpoint, registry, version)),
    ...duplicateProblems(mirror, registry),
    ...fallbackProblems(mirror, registry),
  ]
}

function nameProblems({ registry: name, source }: TalosMirror, registry: string): IntentProblem[] {
  const placeholder = unrenderedPart(name)
  if (placeholder !== null && source !== null) {
    return [unrenderedProblem(placeholder, `the registry name ${JSON.stringify(name)}`, registry, source)]
  }
  const wrong = whyNoReferenceHasIt(name)
  if (wrong === null) return []
  return [
    {
      code: 'TALOS_REGISTRY_NAME',
      registry,
      message: `no image is ever pulled from ${JSON.stringify(name)}: ${wrong.reason}`,
      remedy: [{ command: wrong.instead, why: 'a mirror is named by what stands before the first / of an image' }],
      source,
    },
  ]
}

/** Why containerd never looks for this name (reference grammar of distribution); null: it may. */
function whyNoReferenceHasIt(name: string): { reason: string; instead: string } | null {
  // A document without a name is a problem of its own.
  if (name === '*' || name === '') return null
  const host = name.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, '').replace(/\/.*$/, '')
  if (name.includes('://')) return { reason: 'a registry name has no scheme', instead: `${JSON.stringify(host)}:` }
  if (name.includes('/')) return { reason: 'a registry name has no path', instead: `${JSON.stringify(host)}:` }
  if (name.includes('*')) return { reason: 'a * stands for all registries or for none', instead: '"*":' }
  if (name === 'index.docker.io') return { reason: 'containerd calls this registry docker.io', instead: 'docker.io:' }
  if (!/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]+)?$/.test(name)) {
    return { reason: 'it is no host name or address, with or without a port', instead: '"registry.example:5000":' }
  }
  // Without a dot, a port or a capital letter the first part of a reference is a repository of docker.io.
  if (/^[a-z0-9-]+$/.test(name) && name !== 'localhost') {
    return { reason: `${name}/image means docker.io/${name}/image`, instead: `${JSON.stringify(`${name}:80`)}:` }
  }
  return null
}

/** What one endpoint that Talos cannot parse does to all mirrors. */
const WRITES_NOTHING = 'Talos cannot parse it and then writes no hosts file at all'

function endpointProblems({ url, source }: TalosEndpoint, registry: string, version: Version): IntentProblem[] {
  const problem = (code: IntentProblem['code'], message: string, command: string, why: string): IntentProblem[] => [
    { code, registry, message, remedy: [{ command, why }], source },
  ]
  // An IPv6 address without brackets is of no use either where Talos itself takes it.
  const parsed = parseGoUrl(url, { strictColons: true })
  const isRefused = typeof parseTalosEndpoint(url, version) === 'string'
  const placeholder = unrenderedPart(url) ?? /\$[A-Za-z_]\w*/.exec(url)?.[0] ?? null
  if (placeholder !== null && source !== null) {
    const effect = isRefused ? WRITES_NOTHING : undefined
    return [unrenderedProblem(placeholder, `the endpoint ${url}`, registry, source, effect)]
  }
  if (url !== '' && !url.includes('//')) {
    const effect = isRefused
      ? WRITES_NOTHING
      : 'Talos writes it as it is, or refuses it in a RegistryMirrorConfig, and containerd asks it over https'
    return problem(
      'TALOS_ENDPOINT_NO_SCHEME',
      `the endpoint ${JSON.stringify(url)} has no scheme: ${effect}`,
      `- http://${url}`,
      'or https://, if the registry speaks TLS',
    )
  }
  const wrong =
    typeof parsed === 'string'
      ? { what: isRefused ? `${parsed}: ${WRITES_NOTHING}` : parsed, instead: null }
      : whatIsWrong(parsed)
  if (wrong === null) return []
  return problem(
    'TALOS_ENDPOINT_INVALID',
    `the endpoint ${JSON.stringify(url)} cannot be used: ${wrong.what}`,
    `- ${wrong.instead ?? `http://${registry === '_default' ? 'mirror.example' : registry}`}`,
    'http:// or https://, a host, a port if it is not the usual one, and at most a path',
  )
}

function whatIsWrong(url: GoUrl): { what: string; instead: string | null } | null {
  if (url.host === '' || url.host.startsWith(':')) return { what: 'it names no host', instead: null }
  const isWeb = url.scheme === 'http' || url.scheme === 'https'
  const instead = `${isWeb ? url.scheme : 'http'}://${url.host}${url.path}`
  if (!isWeb) return { what: `its scheme is ${url.scheme || 'missing'}, not http or https`, instead }
  if (url.hasUser) return { what: 'containerd drops the user and password: credentials belong into auth', instead }
  if (url.query === null && url.fragment === '') return null
  return { what: 'containerd drops what stands behind the path', instead }
}

/** Talos renders one table for each `[host]` entry; the same table twice is invalid TOML and the file is ignored. */
function duplicateProblems({ endpoints, skipFallback }: TalosMirror, registry: string): IntentProblem[] {
  // With skipFallback the last endpoint becomes `server` and has no table of its own.
  const tables = skipFallback ? endpoints.slice(0, -1) : endpoints
  const first = new Map<string, TalosEndpoint>()
  return tables.flatMap((endpoint): IntentProblem[] => {
    const earlier = first.get(endpoint.url)
    if (earlier === undefined) {
      first.set(endpoint.url, endpoint)
      return []
    }
    const places = [earlier.source, endpoint.source].map((it) => (it === null ? 'unknown' : formatPosition(it)))
    const isMerged = earlier.source?.file !== endpoint.source?.file
    const how = isMerged ? ': Talos appends the lists of patches to each other' : ''
    return [
      {
        code: 'TALOS_ENDPOINT_DUPLICATE',
        registry,
        message:
          `the endpoint ${endpoint.url} is declared twice, at ${places.join(' and ')}${how}. ` +
          'Talos then writes the same table twice, and containerd ignores the whole hosts.toml',
        remedy: [
          {
            command: `# remove - ${endpoint.url} from ${places[1]}`,
            why: isMerged ? 'one of the two files must declare it, not both' : 'one of the two is enough',
          },
        ],
        source: endpoint.source,
      },
    ]
  })
}

function fallbackProblems({ registry: name, endpoints, skipFallback, source }: TalosMirror, registry: string) {
  if (!skipFallback || endpoints.length > 0) return []
  const upstream =
    name === '*' ? 'the registry of the image' : `https://${name === 'docker.io' ? 'registry-1.docker.io' : name}`
  const problem: IntentProblem = {
    code: 'TALOS_SKIP_FALLBACK_WITHOUT_ENDPOINTS',
    registry,
    message: `skipFallback does nothing without endpoints: containerd still asks ${upstream}, Talos itself asks nobody`,
    remedy: [
      { command: 'endpoints: ["http://…"]', why: 'name at least one endpoint' },
      { command: '# remove skipFallback', why: 'or let the registry itself be asked' },
    ],
    source,
  }
  return [problem]
}
