import { randomUUID } from 'node:crypto'
import type {
  ContentInfo,
  DaemonClient,
  DaemonEvent,
  NamespaceClient,
  Subscription,
} from '../containerd/client/daemon-client.ts'
import { type ImageReference, imageReferenceIn } from '../containerd/reference.ts'
import type { MirrorFacts } from '../drift/classification.ts'
import { kubeletWord } from '../drift/kubelet-word.ts'
import type { Pull } from '../drift/pull.ts'
import { PullpathError } from '../errors.ts'
import type { KubeletEvents } from './kubelet-events.ts'
import { CRI_NAMESPACE } from './node-images.ts'
import { type ObservedMarks, observedMarks } from './observed-marks.ts'
import type { ObservedSource } from './observed-source.ts'
import { PodFinder, type PodOfPull } from './pod-finder.ts'
import { PullActivity } from './pull-activity.ts'
import { OWN_LEASE } from './pull-lease.ts'
import { readStoredImage, type StoredImage } from './stored-image.ts'

export interface ObservedPullsOptions {
  /** Whether Pullpath pulls this image itself, to measure or to prove something. */
  isOwn(reference: ImageReference): boolean
  mirrorsOf(registry: string): MirrorFacts
  source: ObservedSource
  /** null: there is no API server to ask. */
  kubelet: KubeletEvents | null
  onPull(pull: Pull): void
  /** A fault of Pullpath itself. */
  onFault(error: unknown): void
  patience?: Partial<ObservedPatience>
}

/** Milliseconds. */
export interface ObservedPatience {
  /** After the first record of an image: CRI makes three of them, and gives its lease back. */
  settle: number
  /** For the lease to be gone, after that. */
  lease: number
  /** For the container that it was pulled for. */
  container: number
  /** Between two readings of Spegel's counters while nothing is pulled. */
  counters: number
}

const PATIENCE: ObservedPatience = { settle: 300, lease: 2_000, container: 10_000, counters: 30_000 }
const EVENTS = [
  'topic~="^/images/(create|update)"',
  'topic~="^/content/create"',
  'topic~="^/snapshot/(prepare|commit)"',
  'topic~="^/containers/create"',
].map((it) => `namespace==${CRI_NAMESPACE},${it}`)
/** So many images are remembered to have been seen of late. */
const MOST_SEEN = 64
/** Between two looks for a lease that is about to go. */
const AGAIN = 50

/** An image of which a record was just made, until all of its records are. */
interface Arrival {
  reference: ImageReference
  /** The names of its records. */
  names: Set<string>
  target: string
  end: number
  earliest: number
  image: StoredImage
  contents: Map<string, ContentInfo | null>
}

/**
 * Observes the pulls that others make on this node (the kubelet, crictl, ctr) from what containerd tells and keeps:
 * nothing is asked of any registry. What was missed, while the daemon or its events were away, is not counted.
 */
export class ObservedPulls {
  readonly #options: ObservedPullsOptions
  readonly #patience: ObservedPatience
  readonly #ending = new AbortController()
  #subscription: Subscription | null = null
  #store: NamespaceClient | null = null
  #pods: PodFinder | null = null
  #activity: PullActivity | null = null
  #sampling: NodeJS.Timeout | null = null
  /** One image at a time. */
  #work: Promise<void> = Promise.resolve()
  #arrivals: Arrival[] = []
  /** By digest: the end of the pull that is taken to have fetched it. */
  readonly #taken = new Map<string, number>()
  /** By the digest of the image: when one of its records was made last. */
  readonly #lastSeen = new Map<string, number>()

  constructor(options: ObservedPullsOptions) {
    this.#options = options
    this.#patience = { ...PATIENCE, ...options.patience }
  }

  start(client: DaemonClient): void {
    if (this.#ending.signal.aborted) return
    const store = client.inNamespace(CRI_NAMESPACE)
    this.#store = store
    this.#pods = new PodFinder(store)
    this.#subscription = client.subscribe(EVENTS, {
      onUp: () => {
        this.#forget()
        this.#activity = new PullActivity(store, Date.now(), () => this.#rest())
        this.#sample()
      },
      onDown: () => this.#forget(),
      onEvent: (event) => this.#hear(event),
    })
  }

  stop(): void {
    this.#ending.abort()
    this.#subscription?.close()
    this.#forget()
  }

  /** Whatever is not finished is not counted: what happens to it from now on is not heard. */
  #forget(): void {
    this.#activity?.stop()
    this.#activity = null
    this.#arrivals = []
    this.#taken.clear()
    this.#lastSeen.clear()
    if (this.#sampling !== null) clearTimeout(this.#sampling)
  }

  /** Nobody pulls, or at least nothing moves. */
  #rest(): void {
    if (this.#activity?.leases.size === 0) this.#taken.clear()
    this.#sample()
  }

  /** Reads the counters now and then, as long as nothing is pulled. */
  #sample(): void {
    if (this.#sampling !== null) clearTimeout(this.#sampling)
    if (this.#activity === null || this.#activity.isLively) return
    void this.#options.source.read().catch((error: unknown) => this.#options.onFault(error))
    this.#sampling = setTimeout(() => this.#sample(), this.#patience.counters)
    this.#sampling.unref()
  }

  #hear(event: DaemonEvent): void {
    if (event.topic === '/containers/create') this.#pods?.hear(event)
    else if (event.topic === '/images/create' || event.topic === '/images/update') {
      const { name, at } = event
      // CRI's record by id comes with every other one.
      if (!name.startsWith('sha256:')) this.#then((store, activity) => this.#meet(store, activity, name, at))
    } else this.#activity?.hear(event)
  }

  /** Does something after all that came before, unless the daemon was away meanwhile. */
  #then(task: (store: NamespaceClient, activity: PullActivity) => Promise<void>): void {
    const [store, activity] = [this.#store, this.#activity]
    if (store === null || activity === null) return
    this.#work = this.#work
      .then(async () => {
        if (this.#activity === activity) await task(store, activity)
      })
      .catch((error: unknown) => {
        // The daemon is away: its subscription hears so too.
        if (!(error instanceof PullpathError)) this.#options.onFault(error)
      })
  }

  async #meet(store: NamespaceClient, activity: PullActivity, name: string, at: number): Promise<void> {
    const reference = imageReferenceIn(name)
    const record = await store.image(name)
    if (reference === null || record === null) return
    const target = record.target.digest
    this.#lastSeen.delete(target)
    this.#lastSeen.set(target, at)
    if (this.#lastSeen.size > MOST_SEEN) this.#lastSeen.delete([...this.#lastSeen.keys()][0] ?? '')
    const known = this.#arrivals.find((it) => it.target === target)
    if (known !== undefined) {
      known.names.add(name)
      // A pull by tag makes a record by digest too.
      if (known.reference.tag === null && reference.repository === known.reference.repository)
        known.reference = reference
      return
    }
    const image = await readStoredImage(store, record.target)
    if (image === null) return
    const contents = await contentsOf(store, image)
    await activity.lookAgain()
    const earliest = activity.lastLook(at)
    const oldest = Math.min(earliest, ...[...activity.leases.values()].map((it) => it.createdAt))
    // Where all of it was there before any pull that may be under way, nothing was pulled.
    if ([...contents.values()].every((it) => it !== null && (it.createdAt ?? 0) < oldest)) return
    const arrival = { reference, names: new Set([name]), target, end: at, earliest, image, contents }
    this.#arrivals.push(arrival)
    setTimeout(() => this.#then((store, activity) => this.#settle(store, activity, arrival)), this.#patience.settle)
  }

  async #settle(store: NamespaceClient, activity: PullActivity, arrival: Arrival): Promise<void> {
    const { target, end, image, contents, reference, earliest } = arrival
    const isHeld = () => [...activity.leases.values()].some((it) => it.contents.has(target) && it.goneBy === null)
    const until = performance.now() + this.#patience.lease
    do {
      await activity.lookAgain()
      if (!isHeld()) break
      await new Promise((resolve) => setTimeout(resolve, AGAIN))
    } while (performance.now() < until)
    for (const [digest, info] of await contentsOf(store, image)) if (info !== null) contents.set(digest, info)
    this.#arrivals = this.#arrivals.filter((it) => it !== arrival)
    const { since, begun, stored, prepared, committed } = activity
    const leases = [...activity.leases.values()]
    const { repository } = reference
    const seen = {
      image,
      target,
      repository,
      end,
      since,
      earliest,
      leases,
      begun,
      stored,
      contents,
      prepared,
      committed,
    }
    const marks = observedMarks({ ...seen, taken: this.#taken })
    if (marks === null) return
    for (const { digest, bytes } of marks.objects) if (bytes > 0) this.#taken.set(digest, end)
    const isOurs = leases.some((it) => it.id.startsWith(OWN_LEASE) && it.contents.has(target))
    if (isOurs || this.#options.isOwn(reference)) return
    const alone = marks.alone && !activity.hasOthers
    const others = [...this.#lastSeen].filter(([digest]) => digest !== target).map(([, at]) => at)
    this.#finish(arrival, { ...marks, alone }, Math.max(since, ...others)).catch(this.#options.onFault)
  }

  async #finish({ reference, names, end, image }: Arrival, marks: ObservedMarks, quietSince: number): Promise<void> {
    const { source, mirrorsOf, onPull } = this.#options
    const mirrors = mirrorsOf(reference.registry)
    const imageId = image.objects.find((it) => it.kind === 'config')?.digest ?? ''
    const [told, pod] = await Promise.all([
      source.tell({ reference, objects: image.objects, marks, end, mirrors, quietSince }),
      this.#podOf(new Set([...names, imageId]), end),
    ])
    const duration = (end - marks.begin) / 1000
    const pull: Pull = {
      id: randomUUID(),
      image: reference.image,
      registry: reference.registry,
      method: 'observed',
      via: null,
      source: told.source,
      startedAt: new Date(marks.begin).toISOString(),
      duration,
      bytes: marks.objects.reduce((sum, it) => sum + it.bytes, 0),
      phases: [...marks.phases],
      evidence: [...told.evidence, ...marksEvidence(marks)],
      failure: null,
    }
    if (pod !== null) await this.#addWord(pull, pod, { names, end, image, marks })
    pull.phases.sort((a, b) => a.start - b.start)
    if (!this.#ending.signal.aborted) onPull(pull)
  }

  async #podOf(names: ReadonlySet<string>, after: number): Promise<PodOfPull | null> {
    if (this.#pods === null) return null
    const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(this.#patience.container)])
    return this.#pods.find(names, after, signal)
  }

  async #addWord(
    pull: Pull,
    pod: PodOfPull,
    { names, end, image, marks }: Pick<Arrival, 'names' | 'end' | 'image'> & { marks: ObservedMarks },
  ): Promise<void> {
    const text = `the next container made of it is ${pod.container} of the pod ${pod.namespace}/${pod.name}`
    pull.evidence.push({ source: "containerd's containers", text })
    const { kubelet } = this.#options
    if (kubelet === null) return
    const answer = await kubelet.about(pod, names, end, this.#ending.signal)
    if (answer.kind === 'silent') {
      pull.evidence.push({ source: 'event of the kubelet', text: answer.why })
      return
    }
    const imageBytes = image.objects.reduce((sum, it) => sum + it.size, 0)
    const { phase, evidence } = kubeletWord(answer.message, {
      duration: pull.duration,
      fromCall: marks.hasLease,
      imageBytes,
    })
    pull.phases.push(phase)
    pull.evidence.push(...evidence)
  }
}

function marksEvidence({ hasLease, resumed, shared, unseen }: ObservedMarks): Pull['evidence'] {
  const pieces: Pull['evidence'] = []
  const add = (source: string, text: string) => pieces.push({ source, text })
  if (!hasLease)
    add(
      "containerd's leases",
      'its own was not seen: it begins with the first content, and the resolve before that is not in it',
    )
  if (resumed > 0) add('ingests of containerd', `${resumed} objects had been begun before: their bytes are not counted`)
  if (shared > 0) {
    const text = `${shared} objects were a part of another pull too: who fetched them is not known, and their bytes are counted for the one that ended first`
    add("containerd's leases", text)
  }
  if (unseen > 0)
    add(
      'content of containerd',
      `${unseen} objects came and went unseen, or were here before: their bytes are not counted`,
    )
  return pieces
}

async function contentsOf(store: NamespaceClient, { objects }: StoredImage): Promise<Map<string, ContentInfo | null>> {
  const contents = new Map<string, ContentInfo | null>()
  for (const { digest } of objects) contents.set(digest, await store.content(digest))
  return contents
}
