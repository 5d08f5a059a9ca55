import { posix } from 'node:path'
import { type DirectoryNode, directoryNode, type FileNode, type TreeNode } from './tree.ts'

const DIRECTORY_MODE = 0o755

/**
 * A tree while a writer works on it. Directories that came from elsewhere are copied before their first change, so
 * that nodes never change, and a thousand files cost no more than a thousand steps. Errors are texts as open(2) and
 * mkdir(2) give them.
 */
export class WorkingTree {
  readonly root: DirectoryNode
  /** Directories that this tree made itself, with the map that it may write to. */
  readonly #own = new Map<TreeNode, Map<string, TreeNode>>()

  constructor(entries: Iterable<readonly [string, TreeNode]>, facts: { mode: number }) {
    this.root = this.#make(entries, facts.mode)
  }

  /** Like nodeAt, but a file in the way is an error, and so is what cannot be looked at. */
  lookUp(path: string): TreeNode | string | undefined {
    let node: TreeNode | undefined = this.root
    for (const name of stepsOf(path) ?? []) {
      if (node?.kind === 'file') return `open ${path}: not a directory`
      if (node?.kind === 'unreadable') return `open ${path}: ${node.message}`
      node = node?.entries.get(name)
    }
    return node
  }

  /** Makes or replaces one file, and its directories; returns the error. A path outside the tree changes nothing. */
  put(path: string, make: (before: FileNode | undefined) => FileNode): string | null {
    const steps = stepsOf(path)
    const name = steps?.pop()
    if (steps === null || name === undefined) return null
    let entries = this.#entriesOf(this.root)
    for (const step of steps) {
      const before = entries.get(step)
      if (before !== undefined && before.kind !== 'directory') return `mkdir ${path}: not a directory`
      const inner =
        before !== undefined && this.#own.has(before) ? before : this.#make(before?.entries ?? [], before?.mode)
      entries.set(step, inner)
      entries = this.#entriesOf(inner)
    }
    const before = entries.get(name)
    if (before !== undefined && before.kind !== 'file') return `open ${path}: is a directory`
    entries.set(name, make(before))
    return null
  }

  /** All that are no directories below a path, by their path from there, in the order of filepath.WalkDir. */
  filesBelow(path: string): [string, Exclude<TreeNode, DirectoryNode>][] {
    const node = this.lookUp(path)
    return typeof node === 'string' ? [] : filesOf(node, '')
  }

  #make(entries: Iterable<readonly [string, TreeNode]>, mode: number | null | undefined): DirectoryNode {
    const own = new Map(entries)
    const node: DirectoryNode = { ...directoryNode([], { mode: mode ?? DIRECTORY_MODE }), entries: own }
    this.#own.set(node, own)
    return node
  }

  #entriesOf(directory: DirectoryNode): Map<string, TreeNode> {
    return this.#own.get(directory) ?? new Map(directory.entries)
  }
}

function filesOf(node: TreeNode | undefined, prefix: string): [string, Exclude<TreeNode, DirectoryNode>][] {
  if (node === undefined) return []
  if (node.kind !== 'directory') return [[prefix, node]]
  const names = [...node.entries.keys()].sort()
  return names.flatMap((name) => filesOf(node.entries.get(name), posix.join(prefix, name)))
}

/** null: the path leaves the tree, as it does for the registry `http://..`. */
function stepsOf(path: string): string[] | null {
  const steps = posix
    .normalize(path)
    .split('/')
    .filter((it) => it !== '' && it !== '.')
  return steps[0] === '..' ? null : steps
}
