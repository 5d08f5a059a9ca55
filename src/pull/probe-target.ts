import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Config } from '../config/config.ts'
import { behaviourOf } from '../containerd/behaviour.ts'
import { NO_HEADERS } from '../containerd/endpoint-headers.ts'
import { declaredRegistries } from '../drift/declared-registries.ts'
import { isImageCache, type RatedEndpoint, type RatedPath } from '../drift/path-comparison.ts'
import type { EndpointProbe } from '../drift/probes.ts'
import { rememberedPath } from '../drift/remembered-paths.ts'
import { parseGoDuration } from '../format/go-duration.ts'
import type { RegistryEndpoint } from '../registry/registry-client.ts'
import type { Inputs } from '../watch/inputs.ts'
import { type EndpointAccess, endpointAccess } from './endpoint-access.ts'

/** An endpoint that is probed, with what containerd would bring along. */
export interface ProbeTarget extends Pick<EndpointProbe, 'url' | 'role' | 'registries'> {
  endpoint: Pick<RegistryEndpoint, 'url' | 'namespace' | 'headersForRealm'>
  /** Reads what is brought along: anew for each probe, since certificates are renewed, and keys are not kept. */
  access(): EndpointAccess
  /** The URL where containerd goes on over plain http if https fails; null: it does not. */
  fallback: string | null
  /** What to ask for; null: nothing is named for its registry. */
  image: { repository: string; reference: string } | null
  /** How long containerd waits for a connection, in milliseconds; null: as long as it likes. */
  connectLimit: number | null
  /** Talos gives the node's containerd credentials for it, which the agent has not. */
  hasNodeCredentials: boolean
  /** A public registry: its blobs lie elsewhere by design. */
  isPublic: boolean
}

/** Every endpoint that is to be probed, each URL once: those of observed pull paths, then other faces of Harbor. */
export function probeTargets(config: Config, { intent, observed, daemon, node }: Inputs): ProbeTarget[] {
  const pathOf = (registry: string) => rememberedPath(registry, daemon, observed.view, intent, node.ip)
  const targets = new Map<string, ProbeTarget>()
  for (const { registry } of declaredRegistries(intent)) {
    const path = pathOf(registry)
    for (const endpoint of path.endpoints) {
      if (isImageCache(endpoint) || isMadeUp(endpoint, path)) continue
      const target = targetOf(endpoint, registry, config, { intent, observed, daemon })
      if (target === null) continue
      const known = targets.get(target.url)
      targets.set(target.url, known === undefined ? target : joined(known, target))
    }
  }
  const others = faces(config, [...targets.values()]).map((face): ProbeTarget => {
    // Who pulls by that name: containerd has the files of the directory of that name.
    const { host } = new URL(face.url)
    const endpoint = pathOf(host).endpoints.find((it) => it.url === face.url)
    const access = () => endpointAccess(endpoint ?? BRINGS_NOTHING, observed.view, config.host.root)
    return { ...face, access, hasNodeCredentials: intent.talos?.authHosts.includes(host) === true }
  })
  return [...targets.values(), ...others]
}

const BRINGS_NOTHING = { ca: [], clientPairs: [], headers: NO_HEADERS, skipVerify: null } as const

/**
 * containerd's default upstream behind an origin that was declared: it comes last, and for a plain-http registry it never
 * answers. The wildcard's is whatever registry is asked for.
 */
function isMadeUp(endpoint: RatedEndpoint, { registry, endpoints }: RatedPath): boolean {
  if (endpoint.declaredIn !== 'default') return false
  return registry === '_default' || endpoints.some((it) => it.role !== 'peer' && it.declaredIn !== 'default')
}

function targetOf(
  endpoint: RatedEndpoint,
  registry: string,
  config: Config,
  { intent, observed, daemon }: Pick<Inputs, 'intent' | 'observed' | 'daemon'>,
): ProbeTarget | null {
  const isPublic = !isOurs(endpoint, registry, config)
  if (isPublic && !config.probe.public) return null
  return {
    url: endpoint.url,
    role: endpoint.role,
    registries: [registry],
    endpoint: {
      url: endpoint.url,
      namespace: endpoint.namespaceParam ? registry : null,
      headersForRealm: behaviourOf(daemon.version).headerSeparatesAuthorizer,
    },
    access: () => endpointAccess(endpoint, observed.view, config.host.root),
    fallback: endpoint.httpsFirst ? endpoint.url.replace(/^https:/, 'http:') : null,
    image: imageFor(registry, config),
    connectLimit: endpoint.dialTimeout === null ? null : parseGoDuration(endpoint.dialTimeout),
    hasNodeCredentials: intent.talos?.authHosts.includes(endpoint.host) === true,
    isPublic,
  }
}

/** One probe serves all registries of a URL; an image of any of them tells more than none. */
function joined(known: ProbeTarget, target: ProbeTarget): ProbeTarget {
  const registries = [...new Set([...known.registries, ...target.registries])]
  return { ...(known.image === null && target.image !== null ? target : known), registries }
}

/** `library/app:v1` or `library/app@sha256:…`, of that registry. */
function imageFor(registry: string, { probe }: Config): ProbeTarget['image'] {
  const text = Object.hasOwn(probe.images, registry) ? probe.images[registry] : undefined
  const [, repository, digest, tag] = /^([^@:]+)(?:@(.+)|:(.+))?$/.exec(text ?? '') ?? []
  return repository === undefined ? null : { repository, reference: digest ?? tag ?? 'latest' }
}

/** A peer, plain http, a private address, or what the configuration names. Everything else is somebody else's. */
function isOurs(endpoint: RatedEndpoint, registry: string, { probe, harbor }: Config): boolean {
  const isPlain = endpoint.httpsFirst || endpoint.url.startsWith('http:')
  if (endpoint.role === 'peer' || isPlain || Object.hasOwn(probe.images, registry)) return true
  const host = URL.parse(endpoint.url)?.hostname ?? ''
  return isPrivate(host) || [harbor.url ?? '', ...harbor.extraUrls].some((it) => URL.parse(it)?.hostname === host)
}

function isPrivate(hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(address) === 0) return address === 'localhost'
  return PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** RFC 1918, 6598, 3927, 4193, 4291; loopback. */
const PRIVATE = new BlockList()
for (const [network, prefix, family] of [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['::1', 128, 'ipv6'],
] as const) {
  PRIVATE.addSubnet(network, prefix, family)
}

/** The other URLs of Harbor: what a pull meets there is told of the registries that Harbor is the origin of. */
function faces({ harbor }: Config, targets: readonly ProbeTarget[]): ProbeTarget[] {
  const host = URL.parse(harbor.url ?? '')?.host
  const known = targets.filter((it) => it.role !== 'peer' && URL.parse(it.url)?.host === host)
  const [first] = known
  if (first === undefined) return []
  const registries = [...new Set(known.flatMap((it) => it.registries))]
  return harbor.extraUrls.map((face): ProbeTarget => {
    const url = `${face.replace(/\/+$/, '')}/v2`
    const endpoint = { ...first.endpoint, url, namespace: null }
    return { ...first, url, role: 'face', registries, endpoint, fallback: null, connectLimit: null }
  })
}
