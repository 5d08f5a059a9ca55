import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ExpectedTree, expectedTree } from '../../src/hosts/expected-tree.ts'
import type { Intent } from '../../src/intent/intent.ts'
import { readIntent } from '../../src/intent/read-intent.ts'
import { HARBOR } from '../daemon/site.ts'

/** The cluster that the lab is: Talos nodes, a plain-HTTP registry, Spegel on a hostPort and the chart's nodePort. */
export const ORIGIN = HARBOR
export const PEER_PORTS = { pod: 5000, router: 5001, metrics: 9090, host: 29999, node: 30021 }
/** Of the machine with the API server and Prometheus. */
export const CONTROL_PLANE = '192.168.1.110'
/** Where Talos has them. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock'
export const CONTAINERD_ROOT = '/var/lib/containerd'
export const HOSTS_DIR = '/etc/cri/conf.d/hosts'

const FIRST_NODE = 98
/** The addresses end before the origin's. */
export const MOST_NODES = 8

/** Names and addresses of the first nodes: `k8s-1` at 192.168.1.98, and so on. */
export function nodeAddresses(count: number): { name: string; address: string }[] {
  if (count < 1 || count > MOST_NODES) throw new RangeError(`${count} nodes: a lab has 1 to ${MOST_NODES}`)
  return Array.from({ length: count }, (_, index) => ({
    name: `k8s-${index + 1}`,
    address: `192.168.1.${FIRST_NODE + index}`,
  }))
}

/** What Talos writes on a node, and Spegel on top of it, from the files of `examples/`. */
export function expectedHosts(address: string): ExpectedTree {
  return expectedTree(clusterIntent(), { ip: address, hostsDir: HOSTS_DIR, imageCache: false })
}

/** Hosts of the registries that Spegel mirrors. */
export function mirroredRegistries(): string[] {
  return (clusterIntent().spegel?.mirroredRegistries ?? []).map(({ url }) => new URL(url).host)
}

function clusterIntent(): Intent {
  return readIntent({
    talosFiles: [example('talos/registry-mirrors.yaml')],
    spegelFiles: [example('spegel/helmrelease.yaml')],
    talosVersion: null,
    spegelVersion: null,
  })
}

function example(path: string): { path: string; text: string } {
  return { path, text: readFileSync(join(import.meta.dirname, '..', '..', 'examples', path), 'utf8') }
}
