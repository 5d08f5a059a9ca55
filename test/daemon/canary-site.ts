import type { ContainerdPullOptions } from '../../src/pull/containerd-pull.ts'
import type { Subject } from '../../src/pull/subject.ts'
import { type HarborDaemon, startHarborDaemon } from './harbor-daemon.ts'
import { type ImageOptions, makeImage } from './image.ts'
import type { ListenerPlan } from './plan.ts'
import { HARBOR } from './site.ts'
import { subjectOf } from './subject-of.ts'

export const CANARY_REPOSITORY = 'library/pullpath-canary'

/** Without mirrors, and with nobody to ask: what comes is the origin's, and what peers have is not known. */
export const PULL_OPTIONS: ContainerdPullOptions = {
  image: 'canary',
  mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
  sight: null,
  hasDiskPressure: async () => false,
  deadline: 20_000,
  patience: 0,
}

/** What a daemon has in one namespace. */
export interface Remains {
  images: string[]
  ingests: string[]
  leases: string[]
  contents: number
}

/** Of one that was never asked for anything. */
export const NOTHING: Remains = { images: [], ingests: [], leases: [], contents: 0 }

/** Such a daemon, the canaries that Harbor has, and what the daemon has. */
export interface CanarySite extends HarborDaemon {
  /** Harbor has a new canary, by every tag, and answers by this plan. */
  serve(plan?: ListenerPlan, options?: Partial<ImageOptions>): Promise<Subject>
  /** What a namespace of the daemon has; by default CRI's. */
  left(namespace?: string): Promise<Remains>
}

/** As startHarborDaemon. */
export async function startCanarySite(...site: Parameters<typeof startHarborDaemon>): Promise<CanarySite> {
  const harbor = await startHarborDaemon(...site)
  const { network, client } = harbor
  let images = 0
  const serve = async (plan: ListenerPlan = {}, options: Partial<ImageOptions> = {}): Promise<Subject> => {
    images += 1
    const made = makeImage(CANARY_REPOSITORY, {
      layers: 2,
      index: false,
      layerBytes: 100_000,
      salt: `${images}`,
      ...options,
    })
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
  return { ...harbor, serve, left }
}
