import { posix } from 'node:path'
import type { FileView } from '../hosts/file-view.ts'
import type { TreeNode } from '../hosts/tree.ts'
import type { DaemonProfile, PathError, PathNote } from './pull-path.ts'

/** The directory that containerd picks for a registry. */
export type DirectoryChoice =
  | { kind: 'directory'; path: string; node: TreeNode; hidesDefault: boolean; notes: readonly PathNote[] }
  | { kind: 'none'; notes: readonly PathNote[] }
  | { kind: 'error'; path: string; error: PathError; notes: readonly PathNote[] }

/** Codes with which containerd itself fails. Any other code is ours: containerd runs as root and may see more. */
const DAEMON_CODES: readonly string[] = ['ELOOP', 'ENOTDIR', 'ENAMETOOLONG']

/**
 * Picks the first existing directory over all roots: containerd's HostDirFromRoot and hostPaths (config_unix.go).
 * Whatever exists wins, even if it is empty, even if it is no directory.
 */
export function chooseDirectory(registry: string, daemon: DaemonProfile, view: FileView): DirectoryChoice {
  const notes: PathNote[] = []
  // Only CRI's own client splits the list: the transfer service takes it as one path (2.1: transfer/registry).
  const isList = daemon.configPath.includes(':')
  const listAsPath = isList && daemon.pullMode === 'transfer'
  if (listAsPath) {
    const message = `in transfer mode ${daemon.configPath} is one path, which does not exist: hosts.toml is never read`
    notes.push({ code: 'CONFIG_PATH_LIST', message, source: null })
  }
  const roots = listAsPath ? [daemon.configPath] : daemon.configPath.split(':')
  const candidates = roots.flatMap((root) => candidatesOf(absolute(root), registry))
  for (const [index, candidate] of candidates.entries()) {
    const node = view.lookup(candidate.path) ?? view.lookup(candidate.root)
    if (node === undefined || (listAsPath && node.kind === 'unreadable')) continue
    const isRoot = view.lookup(candidate.path) === undefined
    if (isRoot && node.kind === 'directory') continue
    if (isRoot && node.kind === 'file') {
      return { kind: 'error', path: candidate.path, error: notDirectory(candidate.root), notes }
    }
    if (node.kind === 'unreadable' && node.code !== 'ENOTREG') {
      return { kind: 'error', path: candidate.path, error: unreadable(candidate.path, node), notes }
    }
    const later = candidates.slice(index + 1).filter((it) => view.lookup(it.path)?.kind === 'directory')
    const shadowed = later.find((it) => !it.isDefault)
    if (shadowed !== undefined && !candidate.isDefault) {
      const message = `${candidate.path} is found first: ${shadowed.path} is never read`
      notes.push({ code: 'DIRECTORY_SHADOWED', message, source: null })
    }
    const hidesDefault = !candidate.isDefault && later.some((it) => it.isDefault)
    return { kind: 'directory', path: candidate.path, node, hidesDefault, notes }
  }
  return { kind: 'none', notes }
}

/** What an unreadable node means: containerd's own failure, or only our blindness. */
export function unreadable(path: string, node: TreeNode & { kind: 'unreadable' }): PathError {
  if (DAEMON_CODES.includes(node.code)) {
    return { code: 'DIRECTORY_UNREADABLE', message: `${path}: ${node.message}`, source: null }
  }
  return { code: 'NOT_SEEN', message: `${path} cannot be seen: ${node.message}`, source: null }
}

interface Candidate {
  root: string
  path: string
  isDefault: boolean
}

function candidatesOf(root: string, registry: string): Candidate[] {
  const names = [registry, '_default']
  const colon = registry.lastIndexOf(':')
  if (colon > 0) names.unshift(`${registry.slice(0, colon)}_${registry.slice(colon + 1)}_`)
  return names.map((name) => ({ root, path: posix.join(root, name), isDefault: name === '_default' }))
}

/** A relative root, an empty element of a list included, counts from the daemon's working directory: `/` under an init. */
function absolute(root: string): string {
  return posix.join('/', root)
}

function notDirectory(root: string): PathError {
  return { code: 'DIRECTORY_UNREADABLE', message: `${root} is not a directory`, source: null }
}
