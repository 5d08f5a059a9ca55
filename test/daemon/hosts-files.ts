import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { directoryNode, fileNode, nodeAt, type TreeNode } from '../../src/hosts/tree.ts'
import type { KeyPairs } from './key-pairs.ts'

/** What stands at one path of a hosts tree. */
export type HostsEntry =
  /** A file; `$ROOTS` stands for the directory with the trees. */
  | string
  | { pem: keyof KeyPairs | 'clientBoth' }
  | { directory: true }
  /** A symbolic link to another path of the tree. */
  | { link: string }

/** By path below the directory with the trees: `hosts/127.0.0.1_5000_/hosts.toml`. */
export type HostsFiles = Readonly<Record<string, HostsEntry>>

/** Puts the trees where a daemon finds them, in the place of what is there. */
export function writeHostsFiles(roots: string, files: HostsFiles, keyPairs: KeyPairs): void {
  rmSync(roots, { recursive: true, force: true })
  mkdirSync(roots, { recursive: true })
  for (const [path, entry] of Object.entries(files)) {
    const at = join(roots, path)
    mkdirSync(dirname(at), { recursive: true })
    if (isLink(entry)) symlinkSync(join(roots, entry.link), at)
    else {
      const text = textOf(entry, roots, keyPairs)
      if (text === null) mkdirSync(at, { recursive: true })
      else writeFileSync(at, text)
    }
  }
}

/** The same trees as Pullpath's model has them, with the links followed. */
export function hostsTree(roots: string, files: HostsFiles, keyPairs: KeyPairs): TreeNode {
  const plain = Object.entries(files).flatMap(([path, entry]): [string, string | null][] =>
    isLink(entry) ? [] : [[path, textOf(entry, roots, keyPairs)]],
  )
  const root = treeOf(plain)
  const links = Object.entries(files).flatMap(([path, entry]): [string, TreeNode][] => {
    const target = isLink(entry) ? nodeAt(root, entry.link) : undefined
    return target === undefined ? [] : [[path, target]]
  })
  return treeOf([...plain, ...links])
}

function isLink(entry: HostsEntry): entry is { link: string } {
  return typeof entry === 'object' && 'link' in entry
}

/** null: a directory. */
function textOf(entry: Exclude<HostsEntry, { link: string }>, roots: string, keyPairs: KeyPairs): string | null {
  if (typeof entry === 'string') return entry.replaceAll('$ROOTS', roots)
  if ('directory' in entry) return null
  return entry.pem === 'clientBoth' ? keyPairs.client + keyPairs.clientKey : keyPairs[entry.pem]
}

function treeOf(paths: readonly (readonly [string, string | null | TreeNode])[]): TreeNode {
  const below = new Map<string, [string, string | null | TreeNode][]>()
  for (const [path, content] of paths) {
    const [name = '', ...rest] = path.split('/')
    const inner = below.get(name) ?? []
    inner.push([rest.join('/'), content])
    below.set(name, inner)
  }
  return directoryNode(
    [...below].map(([name, inner]): [string, TreeNode] => {
      const leaf = inner.find(([path]) => path === '')?.[1]
      if (typeof leaf === 'string') return [name, fileNode(leaf)]
      if (leaf !== undefined && leaf !== null) return [name, leaf]
      return [name, treeOf(inner.filter(([path]) => path !== ''))]
    }),
  )
}
