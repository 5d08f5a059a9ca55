import type { AccessEntry, RawAccessEntry } from './access-log.ts'
import { startBridge } from './bridge.ts'
import { expectedHosts, nodeAddresses, ORIGIN } from './cluster.ts'
import { type Machine, startMachine } from './machine.ts'
import { orEnd } from './namespaces.ts'
import { type LabNode, startNode } from './node.ts'
import { type Origin, startOrigin } from './origin.ts'

/** A cluster in network namespaces: nodes with containerd and a peer mirror, and the registry they all pull from. */
export interface Lab {
  origin: Origin
  nodes: readonly LabNode[]
  /** Another machine on the bridge, which stops with the lab. `megabits`: of its link. */
  addMachine(machine: { name: string; address: string; megabits: number }): Promise<Machine>
  /** Runs something, and says what the origin and all peers answered meanwhile, in the order of time. */
  observe<T>(action: () => Promise<T>): Promise<{ result: T; served: AccessEntry[] }>
  /** Ends everything; nothing is left. */
  stop(): Promise<void>
}

export interface LabOptions {
  /** 1 to 8. */
  nodes: number
  /**
   * How long a peer waits for another one at least, in milliseconds. Spegel has 100, which a busy machine exceeds; what
   * must come from a peer for certain needs more.
   */
  patience?: number
}

const SPEGELS_PATIENCE_MS = 100

/** Starts a lab in which Talos and then Spegel have written every node's hosts. Needs root and what `.ci/tools` installs. */
export async function startLab({ nodes: count, patience = SPEGELS_PATIENCE_MS }: LabOptions): Promise<Lab> {
  const addresses = nodeAddresses(count)
  const names = new Map([[ORIGIN, 'origin'], ...addresses.map(({ name, address }) => [address, name] as const)])
  const bridge = await startBridge()
  const starting = [
    startOrigin(bridge),
    ...addresses.map(async (its) => {
      const others = addresses.map(({ address }) => address).filter((it) => it !== its.address)
      const node = await startNode(bridge, its, { others, patience })
      await node.writeHosts(expectedHosts(its.address).tree)
      return node
    }),
  ] as const
  const added: Machine[] = []
  const stop = async () => {
    await Promise.all(added.map((it) => it.stop()))
    const started = await Promise.allSettled(starting)
    await Promise.all(started.map((it) => (it.status === 'fulfilled' ? it.value.stop() : undefined)))
    await bridge.stop()
  }
  const [origin, ...nodes] = await orEnd({ stop }, () => Promise.all(starting))
  const named = (by: string, { address, ...entry }: RawAccessEntry): AccessEntry => {
    return { by, asker: names.get(address) ?? address, ...entry }
  }
  const logs = async () => {
    const ofOrigin = (await origin.rawLog()).map((it) => named('origin', it))
    const ofPeers = nodes.map(async ({ peer, machine }) => (await peer.rawLog()).map((it) => named(machine.name, it)))
    return [ofOrigin, ...(await Promise.all(ofPeers))]
  }
  return {
    origin,
    nodes,
    async addMachine(machine) {
      const started = await startMachine(bridge, machine)
      added.push(started)
      return started
    },
    async observe(action) {
      const before = await logs()
      const result = await action()
      const after = await logs()
      const served = after.flatMap((log, index) => log.slice(before[index]?.length))
      return { result, served: served.sort((a, b) => a.at - b.at) }
    },
    stop,
  }
}
