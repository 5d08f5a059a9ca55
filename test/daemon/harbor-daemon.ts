import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { DaemonClient } from '../../src/containerd/client/daemon-client.ts'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import { memoryOf, startDaemon } from './daemon.ts'
import type { PullProfile } from './daemon-configuration.ts'
import { type Network, startNetwork } from './network.ts'
import { HARBOR } from './site.ts'
import type { Containerd } from './tools.ts'

/** A daemon in a network of its own, whose only registry is the recording one in the place of Harbor, over plain http. */
export interface HarborDaemon {
  directory: string
  network: Network
  /** The hosts directory of the daemon. */
  hosts: string
  socket: string
  client: DaemonClient
  /** Kills the daemon; resolves when another one serves in its place. `meanwhile`: between the two. */
  restart(meanwhile?: () => Promise<unknown>): Promise<void>
}

/** `prepare` is called before the daemon is started, with the directory that will be its root. All of it ends with the test. */
export async function startHarborDaemon(
  t: Test,
  containerd: Containerd,
  profile: PullProfile,
  prepare: (network: Network, root: string) => void = () => {},
): Promise<HarborDaemon> {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-harbor-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const network = await startNetwork(join(directory, 'network'))
  t.teardown(() => network.stop())
  const node = join(directory, 'node')
  prepare(network, join(memoryOf(node, network), 'root'))
  const start = () => startDaemon(node, { containerd, network, profile })
  let daemon = await start()
  t.teardown(() => daemon.stop())
  const hosts = join(daemon.roots, 'hosts', HARBOR)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(join(hosts, 'hosts.toml'), `server = 'http://${HARBOR}'\n[host.'http://${HARBOR}']\n`)
  const client = openDaemonClient(daemon.socket)
  t.teardown(() => client.close())
  const restart = async (meanwhile: () => Promise<unknown> = async () => {}) => {
    process.kill(daemon.pid, 'SIGKILL')
    await daemon.ended
    await meanwhile()
    daemon = await start()
  }
  return { directory, network, hosts: dirname(hosts), socket: daemon.socket, client, restart }
}
