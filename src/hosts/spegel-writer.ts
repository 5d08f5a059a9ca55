import { posix } from 'node:path'
import type { SpegelIntent } from '../intent/intent.ts'
import { existingHosts } from './existing-hosts.ts'
import { spegelHostsFile } from './spegel-hosts-file.ts'
import { parseSpegelRegistries, parseSpegelTargets, type SpegelUrl } from './spegel-registries.ts'
import { type SpegelRules, spegelRules } from './spegel-rules.ts'
import { type DirectoryNode, directoryNode, type FileNode, fileNode, type TreeNode } from './tree.ts'

/** What is on disk after Spegel's init container, and why it failed. */
export interface SpegelTree {
  tree: DirectoryNode
  /** The init container's error in words; null: it ended well. */
  failure: string | null
}

const BACKUP = '_backup'
const FILE_MODE = 0o644
const DIRECTORY_MODE = 0o755

/**
 * What is on disk after Spegel's `configuration` container ran on `tree` (AddMirrorConfiguration in
 * pkg/oci/containerd.go), also where it fails midway: byte for byte for 0.7, by meaning for 0.1 to 0.6. `node.ip` is
 * what `$(NODE_IP)` stands for: the chart puts it into a URL as it is, an IPv6 address without brackets too.
 * Never throws.
 */
export function writeSpegelTree(tree: DirectoryNode, spegel: SpegelIntent, node: { ip: string }): SpegelTree {
  if (!spegel.addsMirrors) return { tree, failure: null }
  const rules = spegelRules(spegel.version)
  const registries = parseSpegelRegistries(
    spegel.mirroredRegistries.map((it) => it.url),
    rules,
  )
  if (typeof registries === 'string') return { tree, failure: registries }
  const targets = parseSpegelTargets(spegelTargets(spegel, node), rules)
  if (typeof targets === 'string') return { tree, failure: targets }

  const backup = backUp(tree)
  if (typeof backup === 'string') return { tree, failure: backup }
  let written = directoryNode([[BACKUP, backup]], { mode: tree.mode ?? DIRECTORY_MODE })
  for (const registry of registries) {
    const own = spegelHostsFile({ ...spegel, server: registry.text, targets: targets.map((it) => it.text) }, rules)
    const kept = spegel.prependExisting ? keepExisting(written, registry, rules) : { tree: written, text: '' }
    if (typeof kept === 'string') return { tree: written, failure: kept }
    written = kept.tree
    const text = kept.text === '' ? own : `${own}\n\n${kept.text}`
    const path = posix.join(registry.host === '' ? directoryOfNoHost(rules) : registry.host, 'hosts.toml')
    const next = put(written, path, (before) => fileNode(text, { mode: before?.mode ?? FILE_MODE }))
    if (typeof next === 'string') return { tree: written, failure: next }
    written = next
  }
  return { tree: written, failure: null }
}

/** The targets as the init container gets them: `$(NODE_IP)` filled in. */
export function spegelTargets(spegel: SpegelIntent, node: { ip: string }): string[] {
  return spegel.mirrorTargets.map((target) => target.replaceAll('$(NODE_IP)', node.ip))
}

/** Moves every entry into `_backup`, unless that is there already. */
function backUp(tree: DirectoryNode): DirectoryNode | string {
  const existing = tree.entries.get(BACKUP)
  if (existing === undefined) return directoryNode(tree.entries, { mode: DIRECTORY_MODE })
  if (existing.kind === 'directory') return existing
  return existing.kind === 'file' ? `mkdir ${BACKUP}: not a directory` : `stat ${BACKUP}: ${existing.message}`
}

/** The hosts of the backed-up file, and the tree with the files that lie beside it copied back. */
function keepExisting(
  tree: DirectoryNode,
  registry: SpegelUrl,
  rules: SpegelRules,
): { tree: DirectoryNode; text: string } | string {
  const directory = posix.join(BACKUP, registry.host)
  const file = lookUp(tree, posix.join(directory, 'hosts.toml'))
  if (file === undefined) return { tree, text: '' }
  if (typeof file === 'string') return file
  if (file.kind === 'directory') return `read ${directory}/hosts.toml: is a directory`
  if (file.kind === 'unreadable') return `open ${directory}/hosts.toml: ${file.message}`
  if (file.text === null) return `${directory}/hosts.toml: invalid TOML`
  const kept = existingHosts(file.text, `${directory}/hosts.toml`)
  if ('error' in kept) return kept.error
  const source = lookUp(tree, directory)
  if (kept.text === '' || !rules.copiesCertificates || typeof source === 'string') return { tree, text: kept.text }
  let copied = tree
  for (const [path, node] of filesBelow(source)) {
    if (posix.basename(path) === 'hosts.toml') continue
    if (node.kind === 'unreadable') return `open ${directory}/${path}: ${node.message}`
    // Opened with O_APPEND: a registry that is listed twice gets its certificates twice over.
    const next = put(copied, posix.join(registry.host, path), (before) => appended(before, node))
    if (typeof next === 'string') return next
    copied = next
  }
  return { tree: copied, text: kept.text }
}

function appended(before: FileNode | undefined, added: FileNode): FileNode {
  const mode = before?.mode ?? FILE_MODE
  if (before === undefined) return { ...added, mode, modifiedAt: null }
  if (before.text === null || added.text === null) return { ...before, size: before.size + added.size }
  return fileNode(before.text + added.text, { mode })
}

/** Before 0.4 the wildcard's URL is empty, and so is that of `http:x`; both were written to `_default`. */
function directoryOfNoHost(rules: SpegelRules): string {
  return rules.wildcardHost === '' ? '_default' : ''
}

/** All that are no directories, by path, in the order of filepath.WalkDir. */
function filesBelow(node: TreeNode | undefined, prefix = ''): [string, Exclude<TreeNode, DirectoryNode>][] {
  if (node === undefined) return []
  if (node.kind !== 'directory') return [[prefix, node]]
  const names = [...node.entries.keys()].sort()
  return names.flatMap((name) => filesBelow(node.entries.get(name), posix.join(prefix, name)))
}

/** Like nodeAt, but a file in the way is an error, as it is for open(2), and so is what cannot be looked at. */
function lookUp(root: DirectoryNode, path: string): TreeNode | string | undefined {
  let node: TreeNode | undefined = root
  for (const name of stepsOf(path) ?? []) {
    if (node?.kind === 'file') return `open ${path}: not a directory`
    if (node?.kind === 'unreadable') return `open ${path}: ${node.message}`
    node = node?.entries.get(name)
  }
  return node
}

/** The tree with one file made or replaced, and its directories made; an error as text. Outside the tree: no change. */
function put(
  root: DirectoryNode,
  path: string,
  make: (before: FileNode | undefined) => FileNode,
): DirectoryNode | string {
  const steps = stepsOf(path)
  return steps === null ? root : putAt(root, steps, path, make)
}

function putAt(
  directory: DirectoryNode,
  steps: readonly string[],
  path: string,
  make: (before: FileNode | undefined) => FileNode,
): DirectoryNode | string {
  const [name = '', ...rest] = steps
  const before = directory.entries.get(name)
  const entries = new Map(directory.entries)
  if (rest.length === 0) {
    if (before !== undefined && before.kind !== 'file') return `open ${path}: is a directory`
    entries.set(name, make(before))
  } else {
    const inner = before ?? directoryNode([], { mode: DIRECTORY_MODE })
    if (inner.kind !== 'directory') return `mkdir ${path}: not a directory`
    const next = putAt(inner, rest, path, make)
    if (typeof next === 'string') return next
    entries.set(name, next)
  }
  return { ...directory, entries }
}

/** null: the path leaves the tree, as it does for the registry `http://..`. */
function stepsOf(path: string): string[] | null {
  const steps = posix
    .normalize(path)
    .split('/')
    .filter((it) => it !== '' && it !== '.')
  return steps[0] === '..' ? null : steps
}
