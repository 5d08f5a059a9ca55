/** A node of the cluster that `examples/` describes: its files in Git, and its hosts tree as both writers leave it. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { expectedTree } from '../../../src/hosts/expected-tree.ts'
import type { DirectoryNode } from '../../../src/hosts/tree.ts'
import { readIntent } from '../../../src/intent/read-intent.ts'
import { HOSTS_DIR } from '../../fixtures/intents.ts'
import { writeTree } from '../../fixtures/node-directory.ts'
import { NODE_IP } from '../../fixtures/node-states.ts'
import type { ConfigMap } from './chart.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'examples')
const textOf = (path: string) => readFileSync(join(EXAMPLES, path), 'utf8')

export interface ExampleNode {
  name: string
  ip: string
  /** What is `/` on the node. */
  root: string
  hostsDir: string
  /** Where the chart expects containerd's. */
  socket: string
  /** What the HelmRelease gives to the chart. */
  // biome-ignore lint/suspicious/noExplicitAny: as free as a values file.
  values: Record<string, any>
  /** What Kustomize generates of the files in Git, and `values` name. */
  configMaps: ConfigMap[]
  /** After a change of any mirror Talos writes its own files and removes all others. */
  talosRewrites(): void
  /** Spegel's init container moves that away and writes its own. */
  spegelRewrites(): void
}

/** The node as it is after boot: Talos wrote, then Spegel. */
export function exampleNode(root: string): ExampleNode {
  const [talos, spegel] = [generated('talos'), generated('spegel')]
  const given = { talosFiles: filesOf(talos), spegelFiles: filesOf(spegel), talosVersion: null, spegelVersion: null }
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
  writeDaemonConfig(join(root, 'etc', 'cri'))
  return {
    name: 'k8s-1',
    ip: NODE_IP,
    root,
    hostsDir,
    socket: join(root, 'run', 'containerd', 'containerd.sock'),
    values: parse(textOf('flux/app/helmrelease.yaml')).spec.values,
    configMaps: [talos, spegel],
    talosRewrites: () => replaceBy(talosTree),
    spegelRewrites: () => replaceBy(tree),
  }
}

/** The only ConfigMap of a `kustomization.yaml`. */
function generated(directory: string): ConfigMap {
  const [{ name, files }] = parse(textOf(`${directory}/kustomization.yaml`)).configMapGenerator
  const data = Object.fromEntries(files.map((file: string) => [file, textOf(`${directory}/${file}`)]))
  return { kind: 'ConfigMap', metadata: { name }, data }
}

const filesOf = ({ data }: ConfigMap) => Object.entries(data).map(([path, text]) => ({ path, text }))

/** What containerd is configured by, with the part that the example patch adds. */
function writeDaemonConfig(cri: string): void {
  const [{ content }] = parse(textOf('talos/keep-layers.yaml')).machine.files
  const registry = `[plugins."io.containerd.cri.v1.images".registry]\n  config_path = "${HOSTS_DIR}"\n`
  writeFileSync(join(cri, 'containerd.toml'), 'version = 3\nimports = ["/etc/cri/conf.d/cri.toml"]\n')
  writeFileSync(join(cri, 'conf.d', 'cri.toml'), `${content}  use_local_image_pull = true\n${registry}`)
}
