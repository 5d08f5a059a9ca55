import { nodeAt, type TreeNode } from './tree.ts'

/** The node's file system as far as it is visible, by absolute path as containerd sees it. */
export interface FileView {
  /** undefined: certainly absent. Outside what is visible: an unreadable node with the code `NOT_SEEN`. */
  lookup(path: string): TreeNode | undefined
}

/** A view of the trees that were read, each under its absolute path. */
export function viewOf(trees: ReadonlyMap<string, TreeNode>): FileView {
  const roots = [...trees].map(([path, tree]) => ({ path: path.replace(/\/+$/, ''), tree }))
  roots.sort((a, b) => b.path.length - a.path.length)
  return {
    lookup(path) {
      const root = roots.find((it) => path === it.path || path.startsWith(`${it.path}/`))
      if (root !== undefined) return nodeAt(root.tree, path.slice(root.path.length))
      return { kind: 'unreadable', code: 'NOT_SEEN', message: `${path} is outside what Pullpath was given to read` }
    },
  }
}
