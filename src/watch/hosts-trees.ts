import { directoryNode, type TreeNode } from '../hosts/tree.ts'
import { isSameNode, TreeReader } from './read-tree.ts'

/** The hosts directories of the node, by path as the daemon sees it. */
export type HostsTrees = ReadonlyMap<string, TreeNode>

const ABSENT = directoryNode()

/** Reads the directory that Talos and Spegel write, and whichever others containerd was told to read. */
export class HostsTreesReader {
  readonly #hostRoot: string
  readonly #hostsDir: string
  #readers = new Map<string, TreeReader>()

  constructor(hostRoot: string, hostsDir: string) {
    this.#hostRoot = hostRoot
    this.#hostsDir = hostsDir
  }

  /** `configPath`: as containerd has it, a `:`-list included. */
  read(configPath: string): { value: HostsTrees; directories: readonly string[] } {
    const paths = new Set([this.#hostsDir, ...configPath.split(':').filter((path) => path.startsWith('/'))])
    this.#readers = new Map(
      [...paths].map((path) => [path, this.#readers.get(path) ?? new TreeReader(this.#hostRoot, path)]),
    )
    const directories: string[] = []
    const trees = new Map<string, TreeNode>()
    for (const [path, reader] of this.#readers) {
      const reading = reader.read()
      directories.push(...reading.directories)
      trees.set(path, path === this.#hostsDir ? reading.tree : this.#orAbsent(path, reading.tree))
    }
    return { value: trees, directories }
  }

  /**
   * containerd passes over a directory that is missing as over an empty one. Whether it is missing, or only not mounted
   * here, cannot be told unless all of the node is.
   */
  #orAbsent(path: string, tree: TreeNode): TreeNode {
    if (tree.kind !== 'unreadable' || tree.code !== 'ENOENT') return tree
    if (this.#hostRoot === '/') return ABSENT
    return { kind: 'unreadable', code: 'NOT_SEEN', message: `${path} is not mounted here, or does not exist` }
  }
}

export function areSameTrees(a: HostsTrees, b: HostsTrees): boolean {
  if (a.size !== b.size) return false
  for (const [path, tree] of b) {
    const before = a.get(path)
    if (before === undefined || !isSameNode(before, tree)) return false
  }
  return true
}
