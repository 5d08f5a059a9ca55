import type { Intent } from '../intent/intent.ts'
import type { Writer } from './fingerprint.ts'
import { writeSpegelTree } from './spegel-writer.ts'
import { writeTalosTree } from './talos-writer.ts'
import { type DirectoryNode, directoryNode, type TreeNode } from './tree.ts'

/** The hosts tree that the intent leads to on one node. */
export interface ExpectedTree {
  /** Talos' tree with Spegel's run on top: what should be on the node. */
  tree: DirectoryNode
  /** What Talos writes alone: the node between boot and Spegel's first run. */
  talosTree: DirectoryNode
  /** Who writes each file of `tree`, by path (`192.168.1.106/hosts.toml`, `_backup/…`). */
  writers: ReadonlyMap<string, Writer>
  /** Why a writer stops or writes elsewhere; one sentence each. */
  failures: string[]
  /** Talos refuses what is declared and writes nothing: what it wrote earlier stays. */
  isTalosRefused: boolean
  /** Spegel's init container refuses its arguments, or writes elsewhere: what an earlier one wrote stays. */
  isSpegelRefused: boolean
}

/**
 * The expected tree of a node: Talos writes, then Spegel's init container on top. `hostsDir` is the directory as
 * containerd sees it, `imageCache` whether Talos' image cache is ready. Either half of the intent may be missing.
 */
export function expectedTree(
  intent: Intent,
  node: { ip: string; hostsDir: string; imageCache: boolean },
): ExpectedTree {
  const failures: string[] = []
  const talos = intent.talos === null ? { tree: directoryNode(), failure: null } : writeTalosTree(intent.talos, node)
  if (talos.failure !== null) failures.push(`Talos writes no mirror at all: ${talos.failure}`)
  const failuresOfTalos = failures.length
  const tree = runSpegel(talos.tree, intent, node, failures)
  const isSpegelRefused = failures.length > failuresOfTalos && tree === talos.tree
  return {
    tree,
    talosTree: talos.tree,
    writers: writersOf(tree, talos.tree),
    failures,
    isTalosRefused: talos.failure !== null,
    isSpegelRefused,
  }
}

function runSpegel(
  talosTree: DirectoryNode,
  intent: Intent,
  node: { ip: string; hostsDir: string },
  failures: string[],
): DirectoryNode {
  if (intent.spegel === null) return talosTree
  if (intent.spegel.addsMirrors && !isSamePath(intent.spegel.registryConfigPath, node.hostsDir)) {
    failures.push(`Spegel writes to ${intent.spegel.registryConfigPath}, while containerd reads ${node.hostsDir}`)
    return talosTree
  }
  const spegel = writeSpegelTree(talosTree, intent.spegel, node)
  if (spegel.failure !== null) failures.push(`Spegel's init container fails: ${spegel.failure}`)
  return spegel.tree
}

/** A node that was only moved is the very node that Talos wrote. */
function writersOf(tree: DirectoryNode, talosTree: DirectoryNode): Map<string, Writer> {
  const byTalos = new Set<TreeNode>()
  for (const [, file] of filesOf(talosTree, '')) byTalos.add(file)
  const writers = new Map<string, Writer>()
  for (const [path, file] of filesOf(tree, '')) writers.set(path, byTalos.has(file) ? 'talos' : 'spegel')
  return writers
}

function* filesOf(directory: DirectoryNode, prefix: string): Generator<[string, TreeNode]> {
  for (const [name, node] of directory.entries) {
    if (node.kind === 'directory') yield* filesOf(node, `${prefix}${name}/`)
    else yield [prefix + name, node]
  }
}

function isSamePath(a: string, b: string): boolean {
  return a.replace(/\/+$/, '') === b.replace(/\/+$/, '')
}
