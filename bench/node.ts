/** A node as it is after Talos and Spegel have both written, with any number of registries, in memory. */
import type { ObservedTree } from '../src/drift/facts.ts'
import { expectedTree } from '../src/hosts/expected-tree.ts'
import { viewOf } from '../src/hosts/file-view.ts'
import { type DirectoryNode, directoryNode, fileNode, type TreeNode } from '../src/hosts/tree.ts'
import type { Intent } from '../src/intent/intent.ts'
import { HOSTS_DIR, intentOf, mirror, spegelIntent, talosIntent } from '../test/fixtures/intents.ts'
import { NODE_IP } from '../test/fixtures/node-states.ts'

export function intentWith(registries: number): Intent {
  const names = Array.from({ length: registries }, (_, index) => `registry-${index}.example`)
  const talos = talosIntent(names.map((name) => mirror(name, [`http://192.168.1.106/v2/${name}`])))
  return intentOf(talos, spegelIntent(names.map((name) => `https://${name}`)))
}

/** The tree that the two writers leave, as nodes that nothing has read yet. */
export function observedTree(intent: Intent): ObservedTree {
  const { tree } = expectedTree(intent, { ip: NODE_IP, hostsDir: HOSTS_DIR, imageCache: false })
  const hosts = fresh(tree) as DirectoryNode
  return { hosts, view: viewOf(new Map([[HOSTS_DIR, hosts]])) }
}

function fresh(node: TreeNode): TreeNode {
  if (node.kind === 'file') return fileNode(node.text ?? '', { mode: 0o644, modifiedAt: 0 })
  if (node.kind !== 'directory') return node
  return directoryNode(
    [...node.entries].map(([name, entry]) => [name, fresh(entry)] as const),
    { modifiedAt: 0 },
  )
}

/** All texts of hosts.toml in a tree, `_backup` left out: what containerd reads. */
export function hostsFiles(tree: TreeNode): string[] {
  if (tree.kind !== 'directory') return []
  return [...tree.entries].flatMap(([name, entry]) => {
    if (name === '_backup') return []
    return entry.kind === 'file' ? [entry.text ?? ''] : hostsFiles(entry)
  })
}
