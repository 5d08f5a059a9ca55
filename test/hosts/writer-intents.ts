import { type DirectoryNode, directoryNode, fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import type { SpegelIntent, TalosIntent } from '../../src/intent/intent.ts'
import { parseVersion, type Version } from '../../src/version.ts'

export interface TalosCase {
  version: string
  mirrors: { registry: string; skipFallback: boolean; endpoints: { url: string; overridePath: boolean }[] }[]
  tls: { host: string; ca: string | null; cert: string | null; skip: boolean }[]
  auth: string[]
}

export interface SpegelCase {
  version: string
  registries: string[]
  targets: string[]
  resolveTags: boolean
  prependExisting: boolean
  basicAuth: boolean
}

export function versionOf(text: string): Version {
  const version = parseVersion(text)
  if (version === null) throw new TypeError(`not a version: ${text}`)
  return version
}

export function talosIntent(it: TalosCase): TalosIntent {
  const source = null
  return {
    version: versionOf(it.version),
    mirrors: new Map(
      it.mirrors.map((mirror) => {
        const endpoints = mirror.endpoints.map((endpoint) => ({ ...endpoint, source }))
        return [mirror.registry, { ...mirror, endpoints, source }]
      }),
    ),
    tls: new Map(
      it.tls.map(({ host, ca, cert, skip }) => [
        host,
        { host, ca, clientCertificate: cert, insecureSkipVerify: skip, source },
      ]),
    ),
    authHosts: it.auth,
    imageCache: null,
    daemonParts: [],
  }
}

export function spegelIntent(it: SpegelCase): SpegelIntent {
  return {
    version: versionOf(it.version),
    versionAssumed: false,
    form: 'args',
    name: 'spegel',
    namespace: 'kube-system',
    addsMirrors: true,
    registryConfigPath: '/etc/cri/conf.d/hosts',
    mirroredRegistries: it.registries.map((url) => ({ url, source: null })),
    mirrorTargets: it.targets,
    resolveTags: it.resolveTags,
    prependExisting: it.prependExisting,
    basicAuth: it.basicAuth,
    registryFilters: [],
    servedRegistries: null,
    source: null,
  }
}

/** A tree of files by path. */
export function treeOf(files: Record<string, string>): DirectoryNode {
  const entries = new Map<string, TreeNode>()
  const below = new Map<string, Record<string, string>>()
  for (const [path, text] of Object.entries(files)) {
    const slash = path.indexOf('/')
    if (slash < 0) entries.set(path, fileNode(text))
    else {
      const name = path.slice(0, slash)
      below.set(name, { ...below.get(name), [path.slice(slash + 1)]: text })
    }
  }
  for (const [name, inner] of below) entries.set(name, treeOf(inner))
  return directoryNode(entries)
}

/** The texts of a tree's files by path; null where a file has none. */
export function filesOf(tree: DirectoryNode, prefix = ''): Record<string, string | null> {
  const files: Record<string, string | null> = {}
  for (const [name, node] of tree.entries) {
    if (node.kind === 'directory') Object.assign(files, filesOf(node, `${prefix}${name}/`))
    else if (node.kind === 'file') files[prefix + name] = node.text
  }
  return files
}
