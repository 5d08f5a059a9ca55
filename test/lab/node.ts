import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeTree } from '../../src/commands/write-tree.ts'
import type { DaemonClient } from '../../src/containerd/client/daemon-client.ts'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import type { DirectoryNode } from '../../src/hosts/tree.ts'
import { type ContainerdProcess, startContainerd } from '../daemon/containerd-process.ts'
import { daemonConfiguration } from '../daemon/daemon-configuration.ts'
import { unpackedContainerd } from '../daemon/tools.ts'
import type { Bridge } from './bridge.ts'
import { CONTAINERD_ROOT, CONTAINERD_SOCKET, HOSTS_DIR } from './cluster.ts'
import { type Machine, startMachine } from './machine.ts'
import { orEnd } from './namespaces.ts'
import { Peer } from './peer.ts'

/** A node: a machine with a containerd and a peer mirror. */
export interface LabNode {
  machine: Machine
  peer: Peer
  /** A client of its containerd, open until the node stops. */
  containerd: DaemonClient
  /** Puts this tree where containerd looks for hosts, in the place of what is there. */
  writeHosts(tree: DirectoryNode): Promise<void>
  /** A pull as the kubelet makes it; resolves to how long it took, in milliseconds. */
  pull(reference: string): Promise<number>
  /** Removes the image and what nothing else needs. */
  remove(reference: string): Promise<void>
  stop(): Promise<void>
}

const MEGABITS = 1_000
const PULL_MS = 120_000
const LOG = '/run/containerd.log'

/** Below /var, which is an overlay here, containerd's own overlays need a memory of their own. */
const SET_UP = `
mkdir -p ${dirname(CONTAINERD_SOCKET)} ${CONTAINERD_ROOT} ${HOSTS_DIR} /run/lab/containerd
mount --bind /run/lab/containerd ${CONTAINERD_ROOT}
`

export async function startNode(
  bridge: Bridge,
  { name, address }: { name: string; address: string },
  { others, patience }: { others: readonly string[]; patience: number },
): Promise<LabNode> {
  const machine = await startMachine(bridge, { name, address, megabits: MEGABITS, setUp: SET_UP })
  const containerd = openDaemonClient(machine.outside(CONTAINERD_SOCKET))
  const peer = new Peer(machine, others, { patience })
  machine.beforeStop(async () => containerd.close())
  await orEnd(machine, async () => {
    const daemon = await startTalosContainerd(machine)
    machine.beforeStop(() => daemon.stop())
    await peer.start()
  })
  return {
    machine,
    peer,
    containerd,
    async writeHosts(tree) {
      const directory = machine.outside(HOSTS_DIR)
      for (const it of readdirSync(directory)) rmSync(join(directory, it), { recursive: true })
      await writeTree(directory, tree, { file: 0o644, directory: 0o755 })
    },
    async pull(reference) {
      const begun = performance.now()
      await containerd.cri.pullImage(reference, PULL_MS)
      return performance.now() - begun
    },
    remove: (reference) => containerd.cri.removeImage(reference),
    stop: () => machine.stop(),
  }
}

/** containerd 2.1 with Talos' files where Talos has them, layers kept. */
function startTalosContainerd(machine: Machine): Promise<ContainerdProcess> {
  const { path, version } = unpackedContainerd(2)
  const settings = { configPath: HOSTS_DIR }
  const { files } = daemonConfiguration('/etc/cri', { version, profile: 'talos-keeping-layers', settings })
  for (const [file, text] of files) {
    mkdirSync(dirname(machine.outside(file)), { recursive: true })
    writeFileSync(machine.outside(file), text)
  }
  return startContainerd({
    path,
    pid: machine.pid,
    args: ['--config=/etc/cri/containerd.toml', `--address=${CONTAINERD_SOCKET}`, `--root=${CONTAINERD_ROOT}`],
    log: machine.outside(LOG),
  })
}
