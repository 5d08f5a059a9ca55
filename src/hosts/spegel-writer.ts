import { posix } from 'node:path'
import type { SpegelIntent } from '../intent/intent.ts'
import { existingHosts } from './existing-hosts.ts'
import { spegelHostsFile } from './spegel-hosts-file.ts'
import { parseSpegelRegistries, parseSpegelTargets, type SpegelUrl } from './spegel-registries.ts'
import { type SpegelRules, spegelRules } from './spegel-rules.ts'
import { type DirectoryNode, directoryNode, type FileNode, fileNode } from './tree.ts'
import { WorkingTree } from './working-tree.ts'

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
  const written = new WorkingTree([[BACKUP, backup]], { mode: tree.mode ?? DIRECTORY_MODE })
  const urls = targets.map((it) => it.text)
  for (const registry of registries) {
    const failure = writeRegistry(written, registry, urls, spegel, rules)
    if (failure !== null) return { tree: written.root, failure }
  }
  return { tree: written.root, failure: null }
}

/** The targets as the init container gets them: `$(NODE_IP)` filled in. */
function spegelTargets(spegel: SpegelIntent, node: { ip: string }): string[] {
  return spegel.mirrorTargets.map((target) => target.replaceAll('$(NODE_IP)', node.ip))
}

/** Moves every entry into `_backup`, unless that is there already. */
function backUp(tree: DirectoryNode): DirectoryNode | string {
  const existing = tree.entries.get(BACKUP)
  if (existing === undefined) return directoryNode(tree.entries, { mode: DIRECTORY_MODE })
  if (existing.kind === 'directory') return existing
  return existing.kind === 'file' ? `mkdir ${BACKUP}: not a directory` : `stat ${BACKUP}: ${existing.message}`
}

/** Writes one registry's directory; returns the error. */
function writeRegistry(
  tree: WorkingTree,
  registry: SpegelUrl,
  targets: readonly string[],
  spegel: SpegelIntent,
  rules: SpegelRules,
): string | null {
  const own = spegelHostsFile({ ...spegel, server: registry.text, targets }, rules)
  const kept = spegel.prependExisting ? keepExisting(tree, registry, rules) : { text: '' }
  if ('error' in kept) return kept.error
  const text = kept.text === '' ? own : `${own}\n\n${kept.text}`
  const directory = registry.host === '' ? directoryOfNoHost(rules) : registry.host
  return tree.put(posix.join(directory, 'hosts.toml'), (before) => fileNode(text, { mode: before?.mode ?? FILE_MODE }))
}

/** The hosts of the backed-up file; copies back the other files that lie beside it. */
function keepExisting(
  tree: WorkingTree,
  registry: SpegelUrl,
  rules: SpegelRules,
): { text: string } | { error: string } {
  const directory = posix.join(BACKUP, registry.host)
  const file = tree.lookUp(posix.join(directory, 'hosts.toml'))
  if (file === undefined) return { text: '' }
  if (typeof file === 'string') return { error: file }
  if (file.kind === 'directory') return { error: `read ${directory}/hosts.toml: is a directory` }
  if (file.kind === 'unreadable') return { error: `open ${directory}/hosts.toml: ${file.message}` }
  if (file.text === null) return { error: `${directory}/hosts.toml: invalid TOML` }
  const kept = existingHosts(file.text, `${directory}/hosts.toml`)
  if ('error' in kept || kept.text === '' || !rules.copiesCertificates) return kept
  for (const [path, node] of tree.filesBelow(directory)) {
    if (posix.basename(path) === 'hosts.toml') continue
    if (node.kind === 'unreadable') return { error: `open ${directory}/${path}: ${node.message}` }
    // Opened with O_APPEND: a registry that is listed twice gets its certificates twice over.
    const error = tree.put(posix.join(registry.host, path), (before) => appended(before, node))
    if (error !== null) return { error }
  }
  return kept
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
