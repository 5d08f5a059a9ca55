/**
 * A directory tree as containerd's `os.Stat` and `os.ReadFile` see it: symbolic links are followed.
 * Nodes never change; a changed file is a new node, so that what was derived from a node can be kept with it.
 */
export type TreeNode = FileNode | DirectoryNode | UnreadableNode

export interface FileNode {
  kind: 'file'
  /** null: not read, see `omitted`. */
  text: string | null
  /** Why there is no text. `secret`: a private key, never read. */
  omitted: 'too-large' | 'not-utf8' | 'secret' | null
  /** Bytes. */
  size: number
  /** Permission bits (0o600); null in a tree that was computed. */
  mode: number | null
  /** Milliseconds since the epoch; null in a tree that was computed. */
  modifiedAt: number | null
}

export interface DirectoryNode {
  kind: 'directory'
  entries: ReadonlyMap<string, TreeNode>
  mode: number | null
  modifiedAt: number | null
}

/** Something is there, or may be there, and could not be looked at. */
export interface UnreadableNode {
  kind: 'unreadable'
  /** The system's code (`EACCES`, `ELOOP`, `EIO`), `ENOTREG` for a device or FIFO, or `NOT_SEEN` outside what is mounted. */
  code: string
  message: string
}

/** Makes a file node of a computed tree. */
export function fileNode(text: string, facts: { mode?: number; modifiedAt?: number } = {}): FileNode {
  return {
    kind: 'file',
    text,
    omitted: null,
    size: Buffer.byteLength(text),
    mode: facts.mode ?? null,
    modifiedAt: facts.modifiedAt ?? null,
  }
}

/** Makes a directory node of a computed tree. */
export function directoryNode(
  entries: Iterable<readonly [string, TreeNode]> = [],
  facts: { mode?: number; modifiedAt?: number } = {},
): DirectoryNode {
  return {
    kind: 'directory',
    entries: new Map(entries),
    mode: facts.mode ?? null,
    modifiedAt: facts.modifiedAt ?? null,
  }
}

/** The node at a relative path (`192.168.1.106/hosts.toml`); undefined where nothing is there. */
export function nodeAt(root: TreeNode, path: string): TreeNode | undefined {
  let node: TreeNode | undefined = root
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (node?.kind === 'unreadable') return node
    if (node?.kind !== 'directory') return undefined
    node = node.entries.get(name)
  }
  return node
}
