import type { ContentInfo, DaemonClient, NamespaceClient } from '../containerd/client/daemon-client.ts'
import { classifyPull, type MirrorFacts, type PullEvidence } from '../drift/classification.ts'
import type { Pull } from '../drift/pull.ts'
import { PullpathError } from '../errors.ts'
import { CRI_NAMESPACE, NodeImages } from './node-images.ts'
import { pauseOf } from './pause.ts'
import { ABORTED, daemonPullFailure, type NotMeasured, notMeasured } from './pull-failure.ts'
import { underLease } from './pull-lease.ts'
import { phasesOf, UNCOMPRESSED } from './pull-marks.ts'
import { type PullProgress, PullRecord } from './pull-record.ts'
import { PullWatch } from './pull-watch.ts'
import { SpegelEvidence } from './spegel-evidence.ts'
import type { SpegelSight } from './spegel-sight.ts'
import type { Subject } from './subject.ts'

export interface ContainerdPullOptions {
  id?: string
  /**
   * `canary`: the image is the canary, is removed before and stays afterwards, so that other nodes can have it from
   * here. `absent`: it must not be here, and is removed again.
   */
  image: 'canary' | 'absent'
  mirrors: MirrorFacts
  sight: SpegelSight | null
  /** Whether too little space is left where images are. */
  hasDiskPressure: () => Promise<boolean>
  /** How long the pull may take, and how long other pulls are waited for. Milliseconds. */
  deadline: number
  patience: number
  signal?: AbortSignal
  onProgress?: (progress: PullProgress) => void
}

/** An ingest that was written to so shortly before is one of a pull that is under way; leases outlive theirs. */
const ACTIVE_WITHIN = 10_000
const LOOK_AGAIN = 1_000

/**
 * Has containerd pull an image as the kubelet would, and takes down what it does. Whatever comes of it, no ingest, no
 * lease and no content of a pull that failed is left: all of it belongs to a lease of this one pull. Never rejects but
 * for a fault of Pullpath itself.
 */
export async function pullByContainerd(
  client: DaemonClient,
  subject: Subject,
  options: ContainerdPullOptions,
): Promise<Pull> {
  const store = client.inNamespace(CRI_NAMESPACE)
  const images = new NodeImages(client.cri, store, subject)
  const record = (now = Date.now()) => new PullRecord(subject.reference, 'containerd', now, options.id)
  try {
    const refusal = await prepare(store, images, options)
    if (refusal !== null) return record().unmeasured(notMeasured(refusal, subject.reference.image))
    if (options.signal?.aborted === true) return record().unmeasured(ABORTED)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    return record().unmeasured(daemonPullFailure(error, options.signal?.aborted === true))
  }
  const pull = await new ContainerdPull(client, subject, options).run(record)
  // One that broke off at its end may have left its name.
  if (options.image === 'absent' || pull.failure !== null) await images.removeWhatWasPulled()
  return pull
}

/** null: it may begin, unless it is given up. */
async function prepare(
  store: NamespaceClient,
  images: NodeImages,
  { image, hasDiskPressure, patience, signal }: ContainerdPullOptions,
): Promise<NotMeasured | null> {
  if (await hasDiskPressure()) return 'disk-pressure'
  const end = performance.now() + patience
  while (await isAnyPullActive(store)) {
    if (performance.now() + LOOK_AGAIN > end) return 'busy'
    await pauseOf(LOOK_AGAIN, signal)
    if (signal?.aborted === true) return null
  }
  const there = await images.there()
  if (there === 'nothing') return null
  if (image === 'absent') return 'image-present'
  if (there === 'shared') return 'image-shared'
  await images.remove()
  return null
}

async function isAnyPullActive(store: NamespaceClient): Promise<boolean> {
  const now = Date.now()
  return (await store.ingests([])).some(({ updatedAt }) => updatedAt !== null && now - updatedAt < ACTIVE_WITHIN)
}

class ContainerdPull {
  readonly #client: DaemonClient
  readonly #store: NamespaceClient
  readonly #subject: Subject
  readonly #options: ContainerdPullOptions
  readonly #watch: PullWatch
  readonly #spegel: SpegelEvidence

  constructor(client: DaemonClient, subject: Subject, options: ContainerdPullOptions) {
    const store = client.inNamespace(CRI_NAMESPACE)
    this.#client = client
    this.#store = store
    this.#subject = subject
    this.#options = options
    this.#watch = new PullWatch(client, { store, subject, onProgress: options.onProgress ?? (() => {}) })
    this.#spegel = new SpegelEvidence(options.sight, subject, options.signal)
  }

  async run(begin: (now?: number) => PullRecord): Promise<Pull> {
    let failure: Pull['failure'] = null
    let [called, duration, record] = [Date.now(), 0, begin()]
    let contents: readonly (ContentInfo | null)[] = []
    let held: readonly boolean[] | null = null
    const pull = async (lease: string) => {
      await this.#watch.start()
      // One reading of the clock for both: `startedAt` and the starts of the phases make up the daemon's own times.
      called = Date.now()
      record = begin(called)
      failure = await this.#pull(lease)
      duration = record.elapsed
      contents = await this.#contents()
    }
    try {
      held = (await this.#contents()).map((it) => it !== null)
      await this.#spegel.before()
      await underLease(this.#store, this.#options.deadline, pull, this.#options.signal)
    } catch (error) {
      if (!(error instanceof PullpathError)) throw error
      failure ??= daemonPullFailure(error, false)
    } finally {
      this.#watch.stop()
    }
    await this.#spegel.after()
    return this.#finish(record, failure, { called, duration, contents, held })
  }

  async #pull(lease: string): Promise<Pull['failure']> {
    const { deadline, signal } = this.#options
    try {
      const options = { lease, ...(signal === undefined ? {} : { signal }) }
      await this.#client.cri.pullImage(this.#subject.reference.image, deadline, options)
      return null
    } catch (error) {
      if (!(error instanceof PullpathError)) throw error
      return daemonPullFailure(error, signal?.aborted === true)
    }
  }

  #finish(
    record: PullRecord,
    failure: Pull['failure'],
    {
      called,
      duration,
      contents,
      held,
    }: { called: number; duration: number; contents: readonly (ContentInfo | null)[]; held: readonly boolean[] | null },
  ): Pull {
    const { objects } = this.#subject
    const stored = new Map<string, number>()
    const diffIds = new Map<string, string>()
    for (const it of contents) {
      if (it === null) continue
      const diffId = it.labels.get(UNCOMPRESSED)
      if (diffId !== undefined) diffIds.set(it.digest, diffId)
      if (held?.[objects.findIndex(({ digest }) => digest === it.digest)] === false && it.createdAt !== null) {
        stored.set(it.digest, it.createdAt)
      }
    }
    const { begun, prepared, committed, alone } = this.#watch
    const marks = { called, begun, stored, prepared, committed }
    for (const phase of phasesOf(this.#subject, marks, diffIds)) record.addPhase(phase)
    const evidence: PullEvidence = {
      objects: objects.map(({ digest, kind, size }, index) => {
        const heldHere = held?.[index] ?? null
        const fetched = stored.has(digest) ? true : heldHere === true ? false : null
        const bytes = fetched === true ? size : 0
        record.addBytes(bytes)
        const heldByPeers = this.#spegel.heldByPeers(digest)
        return { digest, kind, bytes, fetched, answeredBy: null, markedOwn: null, heldHere, heldByPeers }
      }),
      requests: 'unseen',
      asked: 'mirrors',
      mirrors: this.#options.mirrors,
      counters: this.#spegel.counters,
      peers: this.#spegel.peers,
      alone,
      duration,
    }
    const classification = classifyPull(evidence)
    return record.finish(failure === null ? classification : { ...classification, source: 'unknown' }, failure, {
      duration,
    })
  }

  #contents(): Promise<(ContentInfo | null)[]> {
    return Promise.all(this.#subject.objects.map(({ digest }) => this.#store.content(digest)))
  }
}
