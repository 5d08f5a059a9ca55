/** The addresses of a node's pull path, in a network namespace from which nothing gets out: Harbor, Spegel, peers. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { dirname, join } from 'node:path'
import type { OciImage } from '../src/commands/demo/oci-image.ts'
import { type NodeDirectory, writeHostsFile } from '../test/fixtures/node-directory.ts'
import { NODE_IP } from '../test/fixtures/node-states.ts'
import { REGISTRIES } from './agent-process.ts'

export const HARBOR = '192.168.1.106'
const PEER_PORTS = [30020, 30021, 5000, 29999]

/** Runs a program again as itself with the argument `inside`, in namespaces of its own; without root it says so. */
export function runInside(program: string, namespaces: readonly string[], args: readonly string[] = []): void {
  if (process.getuid?.() !== 0) {
    console.log('left out: run it as root, it makes a network namespace')
    return
  }
  const command = [...namespaces, process.execPath, program, 'inside', ...args]
  const { status } = spawnSync('unshare', command, { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

/** To be called in a network namespace of its own. All of them serve this image, below any path. `peers`: other nodes. */
export function serveEndpoints(image: OciImage, peers: readonly string[] = []): Server[] {
  const addresses = [NODE_IP, HARBOR, ...peers]
  const setUp = `ip link set lo up; for it in ${addresses.join(' ')}; do ip address add $it/32 dev lo; done`
  spawnSync('sh', ['-ec', setUp], { stdio: 'inherit' })
  const registries = [NODE_IP, ...peers].flatMap((address) => PEER_PORTS.map((port) => [address, port] as const))
  return [[HARBOR, 80] as const, ...registries].map((it) => startRegistry(it, image))
}

/** Harbor is a registry of its own too, whose canary is asked for. */
export async function declareHarbor(node: NodeDirectory): Promise<void> {
  const patch = `machine: { registries: { mirrors: { ${HARBOR}: { endpoints: ['http://${HARBOR}'] } } } }\n`
  writeFileSync(join(dirname(node.talosFile), 'harbor.yaml'), patch)
  writeHostsFile(node, `${HARBOR}/hosts.toml`, `[host.'http://${HARBOR}']\n`)
}

/** Throws unless all endpoints were probed and have answered. `page`: what `/metrics` says. */
export function requireProbes(page: string): void {
  const ups = page.match(/^pullpath_endpoint_up\{.*$/gm) ?? []
  const down = ups.find((it) => !it.endsWith(' 1'))
  if (ups.length < REGISTRIES.length || down !== undefined) throw new Error(`${ups.length} endpoints: ${down}`)
}

function startRegistry([address, port]: readonly [string, number], { manifest, config, layer }: OciImage): Server {
  const server = createServer(({ url = '' }, response) => {
    const [, kind, name] = /\/(manifests|blobs)\/([^/?]+)/.exec(url) ?? []
    const blob = [config, layer].find((it) => it.digest === name)
    const content = kind === 'manifests' ? manifest : blob
    if (content === undefined) return void response.writeHead(url.endsWith('/readyz') ? 404 : 200).end('{}')
    response.setHeader('content-type', content.mediaType)
    response.setHeader('docker-content-digest', content.digest)
    response.setHeader('content-length', content.bytes.length)
    response.end(content.bytes)
  })
  return server.listen(port, address)
}
