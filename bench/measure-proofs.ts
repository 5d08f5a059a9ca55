import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandInside } from '../test/daemon/command-inside.ts'
import { type Daemon, startDaemon } from '../test/daemon/daemon.ts'
import { makeImage } from '../test/daemon/image.ts'
import { type Network, startNetwork } from '../test/daemon/network.ts'
import { HARBOR } from '../test/daemon/site.ts'
import { missingTools, unpackedContainerd } from '../test/daemon/tools.ts'

const ROUNDS = 60
const CANARY = 'library/pullpath-canary'
/** A loopback address of the daemon's network, where the peer that has nothing listens. */
const PEER = '127.0.0.4:80'
const HOSTS_TOML = `server = 'http://${HARBOR}'

[host.'http://${PEER}']
  capabilities = ['pull', 'resolve']
  dial_timeout = '200ms'

[host.'http://${HARBOR}']
  capabilities = ['pull', 'resolve']
`

/**
 * Prints how long a resolve proof takes beside a bare pull of the same image, with a real containerd and the registry
 * of its tests in a network of their own; or why it does not.
 */
export async function measureProofs(): Promise<void> {
  const missing = missingTools()
  if (missing !== null) return console.log(`resolve proofs are not measured: ${missing}`)
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-bench-'))
  try {
    const network = await startNetwork(join(directory, 'network'))
    try {
      const containerd = unpackedContainerd(2)
      const daemon = await startDaemon(join(directory, 'node'), { containerd, network, profile: 'talos' })
      try {
        await measure(network, daemon)
      } finally {
        await daemon.stop()
      }
    } finally {
      await network.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(network: Network, { containerd, roots, socket }: Daemon): Promise<void> {
  const hosts = join(roots, 'hosts', HARBOR)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(join(hosts, 'hosts.toml'), HOSTS_TOML)
  const absent = [{ kind: 'status', status: 404 }] as const
  const listeners = { [PEER]: { head: absent, manifests: absent, blobs: absent } }
  const image = makeImage(CANARY, { layers: 1, index: false })
  await network.begin({ plan: { otherwise: {}, listeners, keepAlive: false }, image })
  console.log(`containerd ${containerd.version.text} as Talos configures it: ${ROUNDS} proofs and pulls in turn`)
  const inside = join(import.meta.dirname, 'proofs-inside.ts')
  const args = [inside, socket, `${HARBOR}/${CANARY}:proof-0`, `http://${HARBOR}/v2`, String(ROUNDS)]
  const [program, ...rest] = commandInside(network.pid, process.execPath, args)
  const child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`proofs-inside.ts ended with ${code}`)
}
