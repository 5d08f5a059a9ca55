import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { DaemonClient } from '../../src/containerd/client/daemon-client.ts'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import { takeWitness, WITNESS_NAMESPACE } from '../../src/containerd/client/take-witness.ts'
import type { WitnessComparison } from '../../src/containerd/witness-comparison.ts'
import { viewOf } from '../../src/hosts/file-view.ts'
import { type Daemon, startDaemon } from './daemon.ts'
import { type HostsFiles, hostsTree, writeHostsFiles } from './hosts-files.ts'
import type { TestImage } from './image.ts'
import { type Network, startNetwork } from './network.ts'
import type { Plan } from './plan.ts'
import type { Recorded } from './registry.ts'
import type { Containerd } from './tools.ts'

/** One fetch that a daemon is to be a witness of. */
export interface WitnessedFetch {
  files: HostsFiles
  /** The tree as Pullpath sees it; default: as it is. */
  seen?: HostsFiles
  image: TestImage
  reference: string
  plan: Plan
  /** Milliseconds. */
  deadline?: number
  /** What happens while the daemon is at work. */
  meanwhile?(): Promise<void>
}

/** A daemon with its registries, and a client of it. */
export class WitnessedNode {
  readonly client: DaemonClient
  readonly #network: Network
  readonly #start: () => Promise<Daemon>
  #daemon: Daemon

  private constructor(network: Network, start: () => Promise<Daemon>, daemon: Daemon) {
    this.#network = network
    this.#start = start
    this.#daemon = daemon
    this.client = openDaemonClient(daemon.socket)
  }

  /** Ends with the test. */
  static async start(t: Test, containerd: Containerd): Promise<WitnessedNode> {
    const directory = mkdtempSync(join(tmpdir(), 'pullpath-witness-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const network = await startNetwork(join(directory, 'network'))
    t.teardown(() => network.stop())
    const start = () => startDaemon(join(directory, 'daemon'), { containerd, network, profile: 'talos' })
    const node = new WitnessedNode(network, start, await start())
    t.teardown(async () => {
      node.client.close()
      await node.#daemon.stop()
    })
    return node
  }

  /** What comes of some work while the registries serve the image by plan, with those trees. */
  async serving<T>({ files, image, plan }: WitnessedFetch, work: () => Promise<T>): Promise<T> {
    writeHostsFiles(this.#daemon.roots, files, this.#network.keyPairs)
    await this.#network.begin({ plan, image })
    const result = await work()
    await this.#network.end()
    return result
  }

  get socket(): string {
    return this.#daemon.socket
  }

  get hostsDir(): string {
    return join(this.#daemon.roots, 'hosts')
  }

  /** What the daemon proves, and what its registries say that it asked. Rejects as `takeWitness` does. */
  async fetch(fetch: WitnessedFetch): Promise<{ comparison: WitnessComparison; recorded: readonly Recorded[] }> {
    const { files, seen = files, image, reference, plan, deadline = 20_000, meanwhile = async () => {} } = fetch
    const { roots } = this.#daemon
    writeHostsFiles(roots, files, this.#network.keyPairs)
    await this.#network.begin({ plan, image })
    const view = viewOf(new Map([[roots, hostsTree(roots, seen, this.#network.keyPairs)]]))
    const taken = takeWitness(this.client, { image: reference, hostsDir: this.hostsDir, view, deadline })
    const [comparison] = await Promise.all([taken, meanwhile()])
    return { comparison, recorded: await this.#network.end() }
  }

  /** Kills the daemon and starts one in its place, with the same files. */
  async restart(): Promise<void> {
    process.kill(this.#daemon.pid, 'SIGKILL')
    await this.#daemon.ended
    this.#daemon = await this.#start()
  }

  /** What is in the witness's namespace. */
  async leftBehind(): Promise<object[]> {
    const own = this.client.inNamespace(WITNESS_NAMESPACE)
    return (await Promise.all([own.images([]), own.ingests([]), own.leases([]), own.contents([])])).flat()
  }
}
