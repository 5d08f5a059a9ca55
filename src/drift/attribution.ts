import { hostDirectory } from '../host-directory.ts'
import { type TreeFingerprint, treeFingerprint } from '../hosts/fingerprint.ts'
import { type FileNode, nodeAt, type TreeNode } from '../hosts/tree.ts'
import type { NodeFacts } from './facts.ts'
import type { Remedies } from './remedy.ts'

/** What the tree and the node tell about who wrote what and when. */
export interface Attribution {
  node: NodeFacts
  remedies: Remedies
  hostsDir: string
  traces: TreeFingerprint
  /** Whether `_backup` holds a hosts.toml of this registry. */
  isInBackup(registry: string): boolean
  /** The file at an absolute path, if it is one of the tree. */
  fileAt(path: string): FileNode | null
}

export function attributionOf(tree: TreeNode, hostsDir: string, node: NodeFacts, remedies: Remedies): Attribution {
  return {
    node,
    remedies,
    hostsDir,
    traces: treeFingerprint(tree),
    isInBackup: (registry) =>
      [registry, hostDirectory(registry === '_default' ? '*' : registry)].some(
        (name) => nodeAt(tree, `_backup/${name}/hosts.toml`)?.kind === 'file',
      ),
    fileAt: (path) => {
      const file = path.startsWith(`${hostsDir}/`) ? nodeAt(tree, path.slice(hostsDir.length)) : undefined
      return file?.kind === 'file' ? file : null
    },
  }
}

/** Milliseconds since the epoch as ISO 8601; null where there is no time. */
export function isoTime(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString()
}
