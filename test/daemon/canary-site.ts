import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { DaemonClient } from '../../src/containerd/client/daemon-client.ts'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import type { Subject } from '../../src/pull/subject.ts'
import { memoryOf, startDaemon } from './daemon.ts'
import type { PullProfile } from './daemon-configuration.ts'
import { type ImageOptions, makeImage } from './image.ts'
import { type Network, startNetwork } from './network.ts'
import type { ListenerPlan } from './plan.ts'
import { HARBOR } from './site.ts'
import { subjectOf } from './subject-of.ts'
import type { Containerd } from './tools.ts'

export const CANARY_REPOSITORY = 'library/pullpath-canary'

/** What a daemon has in one namespace. */
export interface Remains {
  images: string[]
  ingests: string[]
  leases: string[]
  contents: number
}

/** Of one that was never asked for anything. */
export const NOTHING: Remains = { images: [], ingests: [], leases: [], contents: 0 }

/** A daemon whose only registry is the recording one in the place of Harbor, and what it has. */
export interface CanarySite {
  directory: string
  network: Network
  hosts: string
  socket: string
  client: DaemonClient
  /** Harbor has a new canary, by every tag, and answers by this plan. */
  serve(plan?: ListenerPlan, options?: Partial<ImageOptions>): Promise<Subject>
  /** What a namespace of the daemon has; by default CRI's. */
  left(namespace?: string): Promise<Remains>
  /** Kills the daemon; resolves when another one serves in its place. */
  restart(): Promise<void>
}

/** `prepare` is called before the daemon is started, with the directory that will be its root. */
export async function startCanarySite(
  t: Test,
  containerd: Containerd,
  profile: PullProfile,
  prepare: (network: Network, root: string) => void = () => {},
): Promise<CanarySite> {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-faults-'))
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
  let images = 0
  const serve = async (plan: ListenerPlan = {}, options: Partial<ImageOptions> = {}): Promise<Subject> => {
    images += 1
    const made = makeImage(CANARY_REPOSITORY, { layers: 2, index: false, layerBytes: 100_000 + images, ...options })
    await network.begin({
      plan: { otherwise: {}, listeners: { [`${HARBOR}:80`]: plan }, keepAlive: false },
      image: made,
    })
    return subjectOf(made, { registry: HARBOR, tag: `tag-${images}` })
  }
  const left = async (namespace = 'k8s.io'): Promise<Remains> => {
    const store = client.inNamespace(namespace)
    return {
      images: (await store.images([])).map((it) => it.name),
      ingests: (await store.ingests([])).map((it) => it.ref),
      leases: (await store.leases([])).map((it) => it.id),
      contents: (await store.contents([])).length,
    }
  }
  const restart = async () => {
    process.kill(daemon.pid, 'SIGKILL')
    await daemon.ended
    daemon = await start()
  }
  return { directory, network, hosts: dirname(hosts), socket: daemon.socket, client, serve, left, restart }
}
