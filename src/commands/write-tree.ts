import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DirectoryNode } from '../hosts/tree.ts'

/** Writes a computed tree below a directory, in place, with these permission bits for what is new. */
export async function writeTree(
  directory: string,
  tree: DirectoryNode,
  modes: { file: number; directory: number },
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: tree.mode ?? modes.directory })
  for (const [name, node] of tree.entries) {
    const path = join(directory, name)
    if (node.kind === 'directory') await writeTree(path, node, modes)
    else if (node.kind === 'file') await writeFile(path, node.text ?? '', { mode: node.mode ?? modes.file })
  }
}
