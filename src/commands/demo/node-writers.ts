import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeSpegelTree } from '../../hosts/spegel-writer.ts'
import { writeTalosTree } from '../../hosts/talos-writer.ts'
import type { DirectoryNode } from '../../hosts/tree.ts'
import { directoryNode } from '../../hosts/tree.ts'
import type { SpegelIntent, TalosIntent } from '../../intent/intent.ts'
import { readTree } from '../../watch/read-tree.ts'
import { writeTree } from '../write-tree.ts'
import { NODE_IP } from './declared.ts'

/** Talos writes in place, keeps what is equal, and deletes whatever it did not write (Talos 1.13: syncHosts). */
export async function talosWrites(directory: string, talos: TalosIntent): Promise<void> {
  const { tree } = writeTalosTree(talos, { hostsDir: '/etc/cri/conf.d/hosts', imageCache: false })
  for (const name of await readdir(directory)) {
    if (!tree.entries.has(name)) await rm(join(directory, name), { recursive: true })
  }
  await writeTree(directory, tree, { file: 0o600, directory: 0o700 })
}

/** Spegel's init container: renames everything into _backup once, clears the rest, writes its own (Spegel 0.7). */
export async function spegelWrites(directory: string, spegel: SpegelIntent): Promise<void> {
  const before = await readDirectory(directory)
  const { tree } = writeSpegelTree(before, spegel, { ip: NODE_IP })
  if (!before.entries.has('_backup')) {
    await mkdir(join(directory, '_backup'), { mode: 0o755 })
    for (const name of before.entries.keys()) await rename(join(directory, name), join(directory, '_backup', name))
  }
  for (const name of await readdir(directory)) {
    if (name !== '_backup') await rm(join(directory, name), { recursive: true })
  }
  const own = directoryNode([...tree.entries].filter(([name]) => name !== '_backup'))
  await writeTree(directory, own, { file: 0o644, directory: 0o755 })
}

/** What a reboot leaves: the tree lives in memory. */
export async function clearTree(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true })
}

/** An edit by hand that loses a quote. */
export async function breakHostsFile(directory: string, registry: string): Promise<void> {
  const path = join(directory, registry, 'hosts.toml')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace("'\n", '\n'))
}

async function readDirectory(directory: string): Promise<DirectoryNode> {
  const tree = await readTree(directory, { hostRoot: '/' })
  if (tree.kind !== 'directory') throw new Error(`the demo's own directory cannot be read: ${directory}`)
  return tree
}
