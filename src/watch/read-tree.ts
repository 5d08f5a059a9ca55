import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { MAX_FILE_BYTES, notRegular, readRegularFile, unreadable } from '../files/regular-file.ts'
import { systemErrorCode } from '../files/system-error.ts'
import type { DirectoryNode, FileNode, TreeNode, UnreadableNode } from '../hosts/tree.ts'
import { pathIn, resolveHostPath } from './host-path.ts'

/** A tree and what to watch for changes of it. */
export interface TreeReading {
  tree: TreeNode
  /** Every directory that was read and the one above the root, as this process reaches them. */
  directories: readonly string[]
}

/** Far above any real hosts tree: 1,000 registries with Spegel's backup are 4,000 entries. */
const MAX_ENTRIES = 20_000
/** The daemon looks two levels deep, Spegel's backup three. */
const MAX_DEPTH = 6
const MAX_TOTAL_BYTES = 32 * 1024 * 1024
/** A file that was written this shortly before it was read may be written again under the same time stamp. */
const CLOCK_STEP_MS = 20

/** Reads the tree at `path` once: absolute, as the daemon sees it, below `hostRoot`. Never throws. */
export function readTree(path: string, options: { hostRoot: string }): TreeNode {
  return new TreeReader(options.hostRoot, path).read().tree
}

interface KnownFile {
  stamp: string
  /** Whether it may have changed without its stamp. */
  recheck: boolean
  node: FileNode | UnreadableNode
}

interface Walk {
  files: Map<string, KnownFile>
  folders: Map<string, DirectoryNode>
  directories: string[]
  entries: number
  bytes: number
}

/**
 * Reads a tree again and again. An unchanged file keeps the very same node, and an unchanged tree the same root,
 * so that what was derived from them stays valid; only changed files are opened. Synchronous on purpose: the tree
 * is small and in memory (tmpfs), a reading takes about a millisecond and sees one moment.
 */
export class TreeReader {
  readonly #hostRoot: string
  readonly #path: string
  #known: Pick<Walk, 'files' | 'folders'> = { files: new Map(), folders: new Map() }

  constructor(hostRoot: string, path: string) {
    this.#hostRoot = hostRoot
    this.#path = path
  }

  /** Never throws: what cannot be read is an unreadable node. */
  read(): TreeReading {
    const walk: Walk = { files: new Map(), folders: new Map(), directories: [], entries: 0, bytes: 0 }
    const tree = this.#follow(this.#path, walk, []) ?? {
      kind: 'unreadable',
      code: 'ENOENT',
      message: 'no such file or directory',
    }
    this.#known = walk
    return { tree, directories: walk.directories }
  }

  #follow(path: string, walk: Walk, above: readonly string[]): TreeNode | undefined {
    const found = resolveHostPath(this.#hostRoot, path)
    if (above.length === 0 && found.kind !== 'unreadable') {
      // The root may be removed and made again, or appear later.
      walk.directories.push(found.kind === 'found' ? dirname(found.real) : found.nearest)
    }
    if (found.kind === 'unreadable') return found.node
    if (found.kind === 'found') return this.#node(found.real, path, found.stats, walk, above)
    // A link may lead to a part of the node that is not mounted here: then nothing shows that it is broken.
    if (above.length === 0 || this.#hostRoot === '/' || isBelow(found.nearest, above[0] ?? '')) return undefined
    return notSeen('leads to a place that is not mounted here')
  }

  #node(real: string, path: string, stats: Stats, walk: Walk, above: readonly string[]): TreeNode {
    if (stats.isDirectory()) return this.#directory(real, path, stats, walk, above)
    return stats.isFile() ? this.#file(real, path, stats, walk) : notRegular(stats)
  }

  #directory(real: string, path: string, stats: Stats, walk: Walk, above: readonly string[]): TreeNode {
    if (above.includes(real)) return notSeen('links back to a directory above itself')
    if (above.length >= MAX_DEPTH) return notSeen(`is more than ${MAX_DEPTH} directories deep`)
    walk.directories.push(real)
    let names: string[]
    try {
      names = readdirSync(real)
    } catch (error) {
      return unreadable(error)
    }
    walk.entries += names.length
    if (walk.entries > MAX_ENTRIES) return notSeen(`the tree has more than ${MAX_ENTRIES} entries`)
    const entries = new Map<string, TreeNode>()
    const inside = [...above, real]
    for (const name of names.sort()) {
      const child = this.#entry(pathIn(real, name), pathIn(path, name), walk, inside)
      if (child !== undefined) entries.set(name, child)
    }
    const node: DirectoryNode = { kind: 'directory', entries, mode: stats.mode & 0o7777, modifiedAt: stats.mtimeMs }
    const before = this.#known.folders.get(real)
    const kept = before !== undefined && isSameDirectory(before, node) ? before : node
    walk.folders.set(real, kept)
    return kept
  }

  #entry(real: string, path: string, walk: Walk, above: readonly string[]): TreeNode | undefined {
    try {
      const stats = lstatSync(real)
      if (stats.isSymbolicLink()) return this.#follow(path, walk, above)
      return this.#node(real, path, stats, walk, above)
    } catch (error) {
      // Removed since the directory was listed.
      return systemErrorCode(error) === 'ENOENT' ? undefined : unreadable(error)
    }
  }

  #file(real: string, path: string, stats: Stats, walk: Walk): TreeNode {
    const stamp = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}:${stats.mode}`
    const before = this.#known.files.get(real)
    if (before !== undefined && before.stamp === stamp && !before.recheck) {
      walk.files.set(real, before)
      walk.bytes += before.node.kind === 'file' && before.node.text !== null ? before.node.size : 0
      return before.node
    }
    const recheck = Math.abs(Date.now() - stats.ctimeMs) < CLOCK_STEP_MS
    const read = this.#readFile(real, path, stats, walk)
    const node = before !== undefined && isSameFile(before.node, read) ? before.node : read
    walk.files.set(real, { stamp, recheck, node })
    return node
  }

  #readFile(real: string, path: string, stats: Stats, walk: Walk): FileNode | UnreadableNode {
    const facts = { kind: 'file', text: null, size: stats.size, mode: stats.mode & 0o7777 } as const
    if (real.endsWith('.key') || path.endsWith('.key')) {
      return { ...facts, omitted: 'secret', modifiedAt: stats.mtimeMs }
    }
    if (walk.bytes + stats.size > MAX_TOTAL_BYTES) {
      return { ...facts, omitted: 'too-large', modifiedAt: stats.mtimeMs }
    }
    const node = readRegularFile(real, MAX_FILE_BYTES)
    if (node.kind === 'file' && node.text !== null) walk.bytes += node.size
    return node
  }
}

function notSeen(message: string): UnreadableNode {
  return { kind: 'unreadable', code: 'NOT_SEEN', message }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

function isSameDirectory(a: DirectoryNode, b: DirectoryNode): boolean {
  if (a.mode !== b.mode || a.modifiedAt !== b.modifiedAt || a.entries.size !== b.entries.size) return false
  for (const [name, node] of b.entries) {
    const before = a.entries.get(name)
    if (before === undefined || !isSameNode(before, node)) return false
  }
  return true
}

/** Whether two readings found the same; directories and files are the same only as objects. */
export function isSameNode(a: TreeNode, b: TreeNode): boolean {
  return a === b || (a.kind === 'unreadable' && b.kind === 'unreadable' && a.code === b.code && a.message === b.message)
}

function isSameFile(a: FileNode | UnreadableNode, b: FileNode | UnreadableNode): boolean {
  if (a.kind === 'unreadable' || b.kind === 'unreadable') return isSameNode(a, b)
  const isSameText = a.text === b.text && a.omitted === b.omitted && a.size === b.size
  return isSameText && a.mode === b.mode && a.modifiedAt === b.modifiedAt
}
