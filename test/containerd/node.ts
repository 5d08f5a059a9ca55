import type { DaemonProfile, PullMode, PullPath } from '../../src/containerd/pull-path.ts'
import { pullPathOf } from '../../src/containerd/pull-path-of.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import { directoryNode, fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import { parseVersion, type Version } from '../../src/version.ts'

/** Releases on both sides of every boundary that matters to a path. */
export const VERSIONS = ['1.7.0', '1.7.31', '1.7.32', '2.0.6', '2.0.7', '2.0.11', '2.1.9', '2.2.7', '2.3.4'] as const

/** A directory: its files by name. */
export interface Tree {
  readonly [name: string]: Tree | string | TreeNode
}

export const ROOT = '/etc/cri/conf.d/hosts'

export function version(text: string): Version {
  const parsed = parseVersion(text)
  if (parsed === null) throw new TypeError(text)
  return parsed
}

export function daemon(text: string, facts: { mode?: PullMode; configPath?: string } = {}): DaemonProfile {
  const { mode = 'local', configPath = ROOT } = facts
  return { version: version(text), pullMode: mode, configPath, legacyMirrors: new Map() }
}

export function treeOf(tree: Tree): TreeNode {
  return directoryNode(Object.entries(tree).map(([name, it]) => [name, nodeOf(it)]))
}

function nodeOf(it: Tree | string | TreeNode): TreeNode {
  if (typeof it === 'string') return fileNode(it)
  return isNode(it) ? it : treeOf(it)
}

function isNode(it: Tree | TreeNode): it is TreeNode {
  return typeof it.kind === 'string'
}

/** The path of `registry` on a node whose hosts directory holds `tree`. */
export function pathIn(
  tree: Tree,
  registry: string,
  text = '2.2.7',
  facts: Parameters<typeof daemon>[1] = {},
): PullPath {
  return pullPathOf(registry, daemon(text, facts), viewOf(new Map([[ROOT, treeOf(tree)]])))
}

/** The path that one hosts.toml gives for 192.168.1.106. */
export function pathOfFile(hostsToml: string, text = '2.2.7', beside: Tree = {}): PullPath {
  return pathIn({ '192.168.1.106': { 'hosts.toml': hostsToml, ...beside } }, '192.168.1.106', text)
}

export function urls(path: PullPath): string[] {
  return path.endpoints.map((it) => it.url)
}

export function noteCodes(path: PullPath): string[] {
  return path.notes.map((it) => it.code)
}
