import { hostDirectory } from '../host-directory.ts'
import type { TalosEndpoint, TalosIntent, TalosMirror, TalosTls } from '../intent/intent.ts'
import { parseTalosEndpoint } from '../intent/talos-endpoint-url.ts'
import { isAtLeast } from '../version.ts'
import { type HostsFileEntry, talosHostsFile } from './talos-hosts-file.ts'
import { type DirectoryNode, directoryNode, type FileNode, fileNode } from './tree.ts'

/** What Talos wrote, or why it writes nothing at all. */
export interface TalosTree {
  tree: DirectoryNode
  /** Talos' error in words; null: it wrote everything. */
  failure: string | null
}

/** Where Talos' registryd serves the image cache. */
const IMAGE_CACHE_URL = 'http://127.0.0.1:3172'
/** The key is dropped while parsing: its file is known by name only. */
const UNKNOWN_KEY = '***'

/**
 * The hosts tree that Talos writes (internal/pkg/containers/cri/containerd/hosts.go): byte for byte from 1.8 on, by
 * meaning for 1.7. `hostsDir` is the directory as containerd sees it, since certificates are named by absolute path.
 * `imageCache`: whether Talos' image cache is ready. Never throws.
 */
export function writeTalosTree(talos: TalosIntent, options: { hostsDir: string; imageCache: boolean }): TalosTree {
  const directories = new Map<string, DirectoryNode>()
  for (const mirror of effectiveMirrors(talos, options.imageCache)) {
    const directory = hostDirectory(mirror.registry)
    const files = new Map<string, FileNode>()
    const entries: HostsFileEntry[] = []
    for (const endpoint of mirror.endpoints) {
      const url = parseTalosEndpoint(endpoint.url, talos.version)
      if (typeof url === 'string') {
        return failed(`error parsing endpoint "${endpoint.url}" for host "${mirror.registry}": ${url}`)
      }
      const tls = talos.tls.get(url.host)
      const named = tls === undefined ? {} : writeTls(url.host, tls, `${options.hostsDir}/${directory}`, files)
      entries.push({ url: endpoint.url, capabilities: true, overridePath: endpoint.overridePath, ...named })
    }
    const root = mirror.skipFallback ? entries.pop() : undefined
    files.set('hosts.toml', fileNode(talosHostsFile(talos.version, root, entries), { mode: 0o600 }))
    directories.set(directory, directoryNode(files, { mode: 0o700 }))
  }
  for (const [host, tls] of hostsWithoutMirror(talos)) {
    const directory = hostDirectory(host)
    if (directories.has(directory)) continue
    if (host === '*') return failed('wildcard host TLS configuration is not supported')
    const files = new Map<string, FileNode>()
    const named = writeTls(host, tls, `${options.hostsDir}/${directory}`, files)
    const url = `https://${host === 'docker.io' ? 'registry-1.docker.io' : host}`
    const entry = { url, capabilities: false, overridePath: false, ...named }
    const text = isAtLeast(talos.version, '1.9.0-beta.0')
      ? talosHostsFile(talos.version, entry, [])
      : talosHostsFile(talos.version, undefined, [entry])
    files.set('hosts.toml', fileNode(text, { mode: 0o600 }))
    directories.set(directory, directoryNode(files, { mode: 0o700 }))
  }
  return { tree: directoryNode(keptDirectories(directories), { mode: 0o755 }), failure: null }
}

/** The mirrors of the RegistriesConfig resource, image cache first (registries_config.go). */
function effectiveMirrors(talos: TalosIntent, imageCache: boolean): TalosMirror[] {
  const hasSkipFallback = isAtLeast(talos.version, '1.9.0-beta.0')
  const mirrors = [...talos.mirrors.values()].map((it) => (hasSkipFallback ? it : { ...it, skipFallback: false }))
  if (!imageCache || !isAtLeast(talos.version, '1.9.0-beta.0')) return mirrors
  if (!talos.mirrors.has('*')) mirrors.push({ registry: '*', endpoints: [], skipFallback: false, source: null })
  // Talos 1.9 has one overridePath a registry, which so reaches the cache's endpoint too (issue siderolabs/talos#10644).
  const isPerEndpoint = isAtLeast(talos.version, '1.10.0-beta.0')
  return mirrors.map((mirror) => {
    const overridePath = !isPerEndpoint && mirror.endpoints.some((it) => it.overridePath)
    const cache: TalosEndpoint = { url: IMAGE_CACHE_URL, overridePath, source: null }
    return { ...mirror, endpoints: [cache, ...mirror.endpoints] }
  })
}

/** Hosts that get a file of their own unless a mirror has their directory. */
function hostsWithoutMirror(talos: TalosIntent): [string, TalosTls][] {
  const hosts = [...talos.tls].filter(
    ([, tls]) => tls.ca !== null || tls.clientCertificate !== null || tls.insecureSkipVerify,
  )
  if (isAtLeast(talos.version, '1.9.0-beta.0')) return hosts
  // Up to 1.8 credentials alone make a directory too (fixed by b37950625 in 1.9).
  const nothing = { ca: null, clientCertificate: null, insecureSkipVerify: false, source: null }
  const named = talos.authHosts.filter((host) => !talos.tls.has(host))
  return [...hosts, ...named.map((host): [string, TalosTls] => [host, { host, ...nothing }])]
}

/** Adds the certificate files of one TLS host and returns how hosts.toml names them. */
function writeTls(
  host: string,
  tls: TalosTls,
  directory: string,
  files: Map<string, FileNode>,
): Pick<HostsFileEntry, 'ca' | 'client' | 'skipVerify'> {
  const named: Pick<HostsFileEntry, 'ca' | 'client' | 'skipVerify'> = { skipVerify: tls.insecureSkipVerify }
  if (tls.ca !== null) {
    files.set(`${host}-ca.crt`, fileNode(tls.ca, { mode: 0o600 }))
    named.ca = `${directory}/${host}-ca.crt`
  }
  if (tls.clientCertificate !== null) {
    files.set(`${host}-client.crt`, fileNode(tls.clientCertificate, { mode: 0o600 }))
    files.set(`${host}-client.key`, fileNode(UNKNOWN_KEY, { mode: 0o600 }))
    named.client = [`${directory}/${host}-client.crt`, `${directory}/${host}-client.key`]
  }
  return named
}

/** A name with a slash is made as a nested directory, whose parent the clean-up then removes (syncHosts). */
function keptDirectories(directories: ReadonlyMap<string, DirectoryNode>): [string, DirectoryNode][] {
  return [...directories].filter(([name]) => name !== '' && name !== '.' && name !== '..' && !name.includes('/'))
}

function failed(failure: string): TalosTree {
  return { tree: directoryNode([], { mode: 0o755 }), failure }
}
