import { holdNamespaces, runInside } from './namespaces.ts'

/** The switch that all machines hang on. Nothing else does, and no machine has a route beyond it. */
export interface Bridge {
  /** Puts a machine on the bridge. `megabits`: a second, in each direction. */
  connect(machine: { pid: number; address: string }, megabits: number): Promise<Link>
  stop(): Promise<void>
}

/** The cable between a machine and the bridge. */
export interface Link {
  /** Pulls it out: what is under way is lost without a word. */
  cut(): Promise<void>
  restore(): Promise<void>
  shape(megabits: number): Promise<void>
}

const SET_UP = `
ip link set lo up
ip link add br0 type bridge
ip link set br0 up
`

const CONNECT = `
ip link add "$1" type veth peer name eth0 netns "$2"
ip link set "$1" master br0 up
`

const ADDRESS = `
ip address add "$1/24" dev eth0
ip link set eth0 up
`

export async function startBridge(): Promise<Bridge> {
  const namespaces = await holdNamespaces(SET_UP)
  let ports = 0
  return {
    async connect(machine, megabits) {
      ports += 1
      const port = `port${ports}`
      await runInside(namespaces, 'sh', ['-euc', CONNECT, 'sh', port, `${machine.pid}`])
      await runInside(machine, 'sh', ['-euc', ADDRESS, 'sh', machine.address])
      const turn = async (state: string) => {
        await runInside(namespaces, 'ip', ['link', 'set', port, state])
      }
      const shape = async (next: number) => {
        await Promise.all([
          runInside(namespaces, 'tc', tokenBucket(port, next)),
          runInside(machine, 'tc', tokenBucket('eth0', next)),
        ])
      }
      await shape(megabits)
      return { cut: () => turn('down'), restore: () => turn('up'), shape }
    },
    stop: () => namespaces.stop(),
  }
}

/**
 * tc-tbf(8). The bucket holds what the link carries in 2 ms, and at least the largest packet that the kernel hands
 * over in one piece; behind it waits what it carries in 50 ms.
 */
function tokenBucket(device: string, megabits: number): string[] {
  const burst = Math.max(64 * 1024, Math.round((megabits * 1e6 * 0.002) / 8))
  const settings = ['rate', `${megabits}mbit`, 'burst', `${burst}`, 'latency', '50ms']
  return ['qdisc', 'replace', 'dev', device, 'root', 'tbf', ...settings]
}
