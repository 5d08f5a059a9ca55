import { posix } from 'node:path'
import { parseGoDuration } from '../format/go-duration.ts'
import { parseGoUrl } from '../format/go-url.ts'
import { portOf } from '../format/host-port.ts'
import { type FileView, viewOf } from '../hosts/file-view.ts'
import type { FileNode, TreeNode } from '../hosts/tree.ts'
import { type Behaviour, behaviourOf } from './behaviour.ts'
import { certificateFiles, checkCertificates } from './certificates.ts'
import { chooseDirectory, unreadable } from './directory-choice.ts'
import { NO_HEADERS } from './endpoint-headers.ts'
import { type HostConfig, readHostsFile } from './hosts-file.ts'
import { isLocalhost, legacyEndpoints } from './legacy-mirrors.ts'
import type {
  Capability,
  DaemonProfile,
  DeclaredIn,
  Endpoint,
  PathError,
  PathNote,
  PullPath,
  SkippedEndpoint,
} from './pull-path.ts'

/**
 * The ordered endpoints that this containerd asks for a registry, with the files as `view` shows them.
 * Throws PP_VERSION_UNSUPPORTED for a containerd below 1.7.
 */
export function pullPathOf(registry: string, daemon: DaemonProfile, view: FileView): PullPath {
  const behaviour = behaviourOf(daemon.version)
  if (daemon.configPath === '') return legacyPath(registry, daemon)
  const choice = chooseDirectory(registry, daemon, view)
  const notes = [...choice.notes]
  const directory = choice.kind === 'none' ? null : choice.path
  const base = { registry, directory, file: null, fileUsed: false, skipped: [] }
  if (choice.kind === 'error') return { ...base, endpoints: [], notes, error: choice.error }
  if (choice.kind === 'none') return withHosts(base, [DEFAULT_HOST], { behaviour, view, notes })
  const loaded = loadDirectory(choice.node, choice.path, choice.hidesDefault, behaviour)
  notes.push(...loaded.notes)
  const found = { ...base, file: loaded.file, fileUsed: loaded.used }
  if (loaded.error !== null) return { ...found, endpoints: [], notes, error: loaded.error }
  return withHosts(found, loaded.hosts, { behaviour, view, notes })
}

/** Whether a HEAD for this kind of reference is sent to an endpoint: a digest needs no `resolve`. */
export function askedToResolve({ capabilities }: Pick<Endpoint, 'capabilities'>, byDigest: boolean): boolean {
  return capabilities.includes('pull') && (byDigest || capabilities.includes('resolve'))
}

const DEFAULT_HOST: HostConfig = {
  declared: '',
  scheme: '',
  host: '',
  path: '',
  capabilities: [],
  ca: null,
  clientPairs: [],
  skipVerify: null,
  overridePath: false,
  dialTimeout: null,
  headers: NO_HEADERS,
  headerFault: null,
  source: null,
}

type PathBase = Omit<PullPath, 'endpoints' | 'notes' | 'error'>

interface LoadedDirectory {
  file: string | null
  used: boolean
  hosts: readonly HostConfig[]
  notes: readonly PathNote[]
  error: PathError | null
}

/** hosts.go, loadHostDir: the hosts of hosts.toml, or the one that Docker's certificate files describe. */
function loadDirectory(node: TreeNode, path: string, hidesDefault: boolean, behaviour: Behaviour): LoadedDirectory {
  const nothing = { file: null, used: false, hosts: [], notes: [] }
  if (node.kind !== 'directory') {
    const message = `open ${path}/hosts.toml: not a directory`
    return { ...nothing, error: { code: 'NOT_A_DIRECTORY', message, source: null } }
  }
  const file = posix.join(path, 'hosts.toml')
  const content = node.entries.get('hosts.toml')
  const certificates = certificateFiles(node, path)
  const fallback = { used: false, hosts: [{ ...DEFAULT_HOST, ...certificates }], error: null }
  const hiding: PathNote[] = []
  if (hidesDefault && certificates.ca === null && certificates.clientPairs.length === 0) {
    const message = `${path} has no hosts.toml that counts, and hides ${posix.join(path, '../_default')}`
    hiding.push({ code: 'DEFAULT_SHADOWED', message, source: null })
  }
  if (content === undefined) {
    const message = `${path} has no hosts.toml: the default upstream is asked`
    return { ...fallback, file: null, notes: [{ code: 'FILE_ABSENT', message, source: null }, ...hiding] }
  }
  if (content.kind === 'directory') {
    const message = `read ${file}: is a directory`
    return { ...nothing, file, error: { code: 'DIRECTORY_UNREADABLE', message, source: null } }
  }
  if (content.kind === 'unreadable') return { ...nothing, file, error: unreadable(file, content) }
  if (content.size === 0) {
    const message = `${file} is empty: the default upstream is asked`
    return { ...fallback, file, notes: [{ code: 'FILE_EMPTY', message, source: null }, ...hiding] }
  }
  if (!hasText(content)) return { ...fallback, file, ...notRead(content, file, behaviour) }
  const parsed = readHostsFile(content, path, behaviour)
  if (parsed.kind === 'panic') {
    const error: PathError = { code: 'HOST_PANIC', message: parsed.reason, source: parsed.position }
    return { ...nothing, file, error }
  }
  if (parsed.kind === 'ignored') {
    const message = `${file} is thrown away: ${parsed.reason}`
    return { ...fallback, file, notes: [{ code: 'FILE_IGNORED', message, source: parsed.position }] }
  }
  return { file, used: true, hosts: [...parsed.hosts, parsed.root], notes: parsed.notes, error: null }
}

function hasText(node: FileNode): node is FileNode & { text: string } {
  return node.text !== null
}

const NOT_READ = {
  'too-large': 'it is too large',
  'not-utf8': 'it is not UTF-8',
  secret: 'it is a private key',
} as const

/** go-toml v2 refuses what is no UTF-8. Of any other file that was not read, nothing can be said. */
function notRead(
  node: FileNode,
  file: string,
  behaviour: Behaviour,
): { notes: PathNote[]; error: PathError | null; hosts?: readonly HostConfig[] } {
  if (node.omitted === 'not-utf8' && behaviour.dialect === 'go-toml-2') {
    const message = `${file} is thrown away: it is not UTF-8`
    return { notes: [{ code: 'FILE_IGNORED', message, source: null }], error: null }
  }
  const message = `${file} was not read: ${NOT_READ[node.omitted ?? 'secret']}`
  return { notes: [], error: { code: 'NOT_SEEN', message, source: null }, hosts: [] }
}

interface PathContext {
  behaviour: Behaviour
  view: FileView
  notes: PathNote[]
}

/** hosts.go, ConfigureHosts: the last host gets the default where it has no name; TLS settings are loaded for all. */
function withHosts(base: PathBase, hosts: readonly HostConfig[], context: PathContext): PullPath {
  const { notes, view, behaviour } = context
  const endpoints: Endpoint[] = []
  const skipped: SkippedEndpoint[] = []
  for (const [index, config] of hosts.entries()) {
    const last = index === hosts.length - 1
    const isDefault = last && config.host === ''
    const host = isDefault ? defaultHost(config, base.registry, behaviour) : config
    if (isDefault && config.declared !== '') {
      const message = `server ${JSON.stringify(config.declared)} names no host: the default upstream is asked`
      notes.push({ code: 'KEY_IGNORED', message, source: config.source })
    }
    if (host.ca !== null || host.clientPairs.length > 0) {
      const checked = checkCertificates(host, view)
      notes.push(...checked.notes)
      if (checked.error !== null) return { ...base, endpoints: [], notes, error: checked.error }
    }
    const endpoint = endpointOf(host, isDefault ? 'default' : last ? 'server' : 'hosts.toml', base.registry, context)
    if (endpoint === null) skipped.push({ before: endpoints.length, capabilities: host.capabilities })
    else endpoints.push(endpoint)
  }
  return finish({ ...base, skipped }, endpoints, notes)
}

function finish(base: PathBase, endpoints: readonly Endpoint[], notes: PathNote[]): PullPath {
  const urls = new Set<string>()
  for (const endpoint of endpoints) {
    if (urls.has(endpoint.url)) {
      const message = `${endpoint.url} is asked more than once`
      notes.push({ code: 'ENDPOINT_REPEATED', message, source: endpoint.source })
    }
    urls.add(endpoint.url)
  }
  return { ...base, endpoints, notes, error: endpointsError(endpoints, base.skipped) }
}

/** resolver.go, filterHosts: it counts hosts by their capabilities; whether anything can be sent is found out later. */
function endpointsError(endpoints: readonly Endpoint[], skipped: readonly SkippedEndpoint[]): PathError | null {
  const pulling = [...endpoints, ...skipped].filter((it) => it.capabilities.includes('pull'))
  if (pulling.length === 0) {
    return { code: 'NO_PULL_HOSTS', message: 'no pull hosts: no endpoint has the capability pull', source: null }
  }
  if (!pulling.some((it) => it.capabilities.includes('resolve'))) {
    const message = 'no resolve hosts: no endpoint has the capabilities pull and resolve'
    return { code: 'NO_RESOLVE_HOSTS', message, source: null }
  }
  if (endpoints.length === 0) {
    return { code: 'ENDPOINT_INVALID', message: 'nothing can be sent to any of the endpoints', source: null }
  }
  return null
}

function defaultHost(config: HostConfig, registry: string, behaviour: Behaviour): HostConfig {
  const capabilities: Capability[] = ['pull', 'resolve', 'push']
  if (behaviour.knowsReferrers) capabilities.push('referrers')
  const host = { ...config, path: '/v2', capabilities, scheme: 'https', host: registry }
  if (registry === 'docker.io') return { ...host, host: 'registry-1.docker.io' }
  if (!isLocalhost(registry)) return host
  if (behaviour.localhostScheme === 'http') return { ...host, scheme: 'http', skipVerify: true }
  const port = portOf(registry)
  const scheme = port === '' || port === '443' ? 'https' : 'http'
  return { ...host, scheme, skipVerify: port === '80' ? config.skipVerify : true }
}

function endpointOf(
  host: HostConfig,
  declaredIn: DeclaredIn,
  registry: string,
  { behaviour, notes }: PathContext,
): Endpoint | null {
  const httpsFirst = triesHttpsFirst(host, behaviour)
  // resolver.go joins the path of each request: `//v2` of `http://mirror/` is never sent.
  const path = host.path === '' ? '' : posix.join('/', host.path)
  const url = `${httpsFirst ? 'https' : host.scheme}://${host.host}${path}`
  const fault = requestFault(host, url, behaviour)
  if (fault !== null) {
    const message = `${host.declared} is passed over: ${fault}`
    notes.push({ code: 'ENDPOINT_SKIPPED', message, source: host.source })
    return null
  }
  if (httpsFirst) {
    const message = `${host.host} is declared over http with a TLS setting: https is tried first`
    notes.push({ code: 'HTTPS_FIRST', message, source: host.source })
  }
  return {
    url,
    host: host.host,
    declaredIn,
    capabilities: host.capabilities,
    resolve: host.capabilities.includes('pull') && host.capabilities.includes('resolve'),
    fetch: true,
    namespaceParam: isProxy(host.host, registry),
    httpsFirst,
    overridePath: host.overridePath,
    skipVerify: host.skipVerify,
    dialTimeout: host.dialTimeout,
    ca: host.ca ?? [],
    client: host.clientPairs.length > 0,
    clientPairs: host.clientPairs,
    headerNames: host.headers.names,
    headers: host.headers,
    source: host.source,
  }
}

/** Why Go's client refuses to send anything to a URL; null where it does not. */
function requestFault(host: HostConfig, url: string, { strictColons }: Behaviour): string | null {
  if (host.scheme === '') return 'missing protocol scheme'
  if (host.scheme !== 'http' && host.scheme !== 'https') return `unsupported protocol scheme ${host.scheme}`
  if (host.host === '') return 'no Host in request URL'
  // net, Dialer: a deadline that has passed.
  if ((parseGoDuration(host.dialTimeout ?? '') ?? 0) < 0)
    return `the dial_timeout of ${host.dialTimeout} is over at once`
  const parsed = parseGoUrl(url, { strictColons })
  return typeof parsed === 'string' ? parsed : host.headerFault
}

function triesHttpsFirst(host: HostConfig, behaviour: Behaviour): boolean {
  if (host.scheme !== 'http' || behaviour.httpsFirst === 'never') return false
  const explicit =
    host.ca !== null ||
    host.clientPairs.length > 0 ||
    host.skipVerify !== null ||
    (host.dialTimeout !== null && behaviour.dialTimeout === 'explicit-tls')
  if (!explicit) return false
  const port = portOf(host.host)
  if (behaviour.httpsFirst === 'any-port') return true
  return port !== '80' && (port !== '' || behaviour.httpsFirst === 'any-port-but-80')
}

/** registry.go, isProxy: whether the request says which registry it stands for. */
function isProxy(host: string, registry: string): boolean {
  return host !== registry && (registry !== 'docker.io' || host !== 'registry-1.docker.io')
}

/** Without config_path no hosts.toml is read: the deprecated mirrors decide, or the default upstream alone. */
function legacyPath(registry: string, daemon: DaemonProfile): PullPath {
  const base = { registry, directory: null, file: null, fileUsed: false, skipped: [] }
  const hasMirrors = daemon.legacyMirrors.size > 0
  const note: PathNote = hasMirrors
    ? { code: 'LEGACY_MIRRORS', message: 'config_path is empty: the deprecated registry.mirrors decide', source: null }
    : { code: 'CONFIG_PATH_EMPTY', message: 'config_path is empty: no hosts.toml is read', source: null }
  const behaviour = behaviourOf(daemon.version)
  const context = { behaviour, view: NO_FILES, notes: [note] }
  // The transfer service has no legacy mirrors, and so all capabilities (2.1: transfer/registry, registry.go).
  if (!hasMirrors && daemon.pullMode === 'transfer') return withHosts(base, [DEFAULT_HOST], context)
  const { endpoints: legacy, error } = legacyEndpoints(registry, daemon.legacyMirrors, context.behaviour)
  if (error !== null) return { ...base, endpoints: [], notes: context.notes, error }
  const capabilities: Capability[] = ['pull', 'resolve']
  const endpoints: Endpoint[] = []
  const skipped: SkippedEndpoint[] = []
  // Only hosts directories have endpoints that are tried over https first.
  const plain = { ...context, behaviour: { ...behaviour, httpsFirst: 'never' as const } }
  for (const { appended, ...url } of legacy) {
    // image_pull.go, registryHosts: for a local registry no certificate is verified, that of a token realm neither.
    const skipVerify = isLocalhost(registry) && url.scheme === 'http' ? true : null
    const declared = `${url.scheme}://${url.host}${url.path}`
    const host = { ...DEFAULT_HOST, ...url, declared, capabilities, skipVerify }
    const endpoint = endpointOf(host, appended ? 'default' : 'mirrors', registry, plain)
    if (endpoint === null) skipped.push({ before: endpoints.length, capabilities })
    else endpoints.push(endpoint)
  }
  return finish({ ...base, skipped }, endpoints, context.notes)
}

/** No certificate is looked up on this way. */
const NO_FILES: FileView = viewOf(new Map())
