/** A node of the cluster that `examples/` describes: its files in Git, and its hosts tree as both writers leave it. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expectedTree } from '../../../src/hosts/expected-tree.ts'
import type { DirectoryNode } from '../../../src/hosts/tree.ts'
import { readIntent } from '../../../src/intent/read-intent.ts'
import { HOSTS_DIR } from '../../fixtures/intents.ts'
import { writeTree } from '../../fixtures/node-directory.ts'
import { NODE_IP } from '../../fixtures/node-states.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'examples')
const IN_GIT = {
  talos: ['talos/registry-mirrors.yaml'],
  spegel: ['spegel/helmrelease.yaml', 'spegel/ocirepository.yaml'],
}

/** File name to text, as the chart's values have it. */
type Files = Record<string, string>

export interface ExampleNode {
  name: string
  ip: string
  /** What is `/` on the node. */
  root: string
  hostsDir: string
  /** The chart's `intent`, with the example files as they stand in Git. */
  intent: { talos: { files: Files }; spegel: { files: Files } }
  /** After a change of any mirror Talos writes its own files and removes all others. */
  talosRewrites(): void
  /** Spegel's init container moves that away and writes its own. */
  spegelRewrites(): void
}

/** The node as it is after boot: Talos wrote, then Spegel. */
export function exampleNode(root: string): ExampleNode {
  const talos = textsOf(IN_GIT.talos)
  const spegel = textsOf(IN_GIT.spegel)
  const given = { talosFiles: listOf(talos), spegelFiles: listOf(spegel), talosVersion: null, spegelVersion: null }
  const intent = readIntent(given)
  const { tree, talosTree } = expectedTree(intent, { ip: NODE_IP, hostsDir: HOSTS_DIR, imageCache: false })
  const hostsDir = join(root, HOSTS_DIR)
  mkdirSync(hostsDir, { recursive: true })
  const replaceBy = (to: DirectoryNode) => {
    for (const name of readdirSync(hostsDir)) {
      if (!to.entries.has(name)) rmSync(join(hostsDir, name), { recursive: true })
    }
    writeTree(hostsDir, to)
  }
  replaceBy(tree)
  return {
    name: 'k8s-1',
    ip: NODE_IP,
    root,
    hostsDir,
    intent: { talos: { files: talos }, spegel: { files: spegel } },
    talosRewrites: () => replaceBy(talosTree),
    spegelRewrites: () => replaceBy(tree),
  }
}

function textsOf(paths: readonly string[]): Files {
  const read = (path: string) => readFileSync(join(EXAMPLES, path), 'utf8')
  return Object.fromEntries(paths.map((path) => [path.split('/').at(-1) ?? '', read(path)]))
}

const listOf = (files: Files) => Object.entries(files).map(([path, text]) => ({ path, text }))
