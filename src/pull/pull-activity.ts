import type { ContentInfo, DaemonEvent, NamespaceClient } from '../containerd/client/daemon-client.ts'
import { PullpathError } from '../errors.ts'
import { chainIdIn } from './pull-marks.ts'

/**
 * A lease of containerd as it was seen. Whoever pulls takes one before the resolve and gives it back at the end
 * (client/pull.go, core/transfer/local/pull.go: WithLease), so it says when a pull began and what belongs to it.
 */
export interface SeenLease {
  id: string
  createdAt: number
  /** The first look at which it was no longer there; null: it still is. */
  goneBy: number | null
  /** Digests that it keeps, whoever fetched them. */
  contents: Set<string>
  /** By digest: when it was seen to write it last. */
  writes: Map<string, number>
  /** When it was seen to change last. */
  changedAt: number
}

/** A content that was seen while it was written. Milliseconds since the epoch. */
export interface SeenIngest {
  startedAt: number
  /** The first look at which it was over; null: it is not, or was broken off. */
  goneBy: number | null
}

/** The pause between two looks, in milliseconds, by the time since the last event. */
const PAUSES = [
  { within: 1_000, pause: 20 },
  { within: 10_000, pause: 100 },
  { within: Number.POSITIVE_INFINITY, pause: 500 },
] as const
/** Nothing moved for so long: nobody looks until the next event. */
const REST_AFTER = 5_000
/** A lease that did not move for so long is of a pull that died: containerd keeps it for a day. */
const DEAD_AFTER = 600_000
/** Of one look: so many leases and contents are asked for; the others have their turn at the next one. */
const MOST_ASKED = 64
/** So many looks are remembered: a pull whose lease none of them saw took place between two. */
const MOST_LOOKS = 256
/** More marks than any burst leaves: whatever it is, it is not kept. */
const MOST_MARKS = 20_000

/**
 * Takes down what containerd does while something is pulled, whoever pulls. At rest nothing is asked: an event begins
 * it. Errors of the daemon are passed over: its subscription tells of them.
 */
export class PullActivity {
  /** By digest: how it was written, and what is known of it once it was stored. */
  readonly begun = new Map<string, SeenIngest>()
  readonly stored = new Map<string, Pick<ContentInfo, 'size' | 'createdAt'>>()
  /** By chain id. */
  readonly prepared = new Map<string, number>()
  readonly committed = new Map<string, number>()
  readonly leases = new Map<string, SeenLease>()
  /** From then on everything was heard. */
  readonly since: number
  readonly #store: NamespaceClient
  readonly #onRest: () => void
  /** Of pulls that were under way before, or died; they are of no interest, but for as long as they may be alive. */
  readonly #others = new Set<string>()
  #timer: NodeJS.Timeout | null = null
  #looking: Promise<void> | null = null
  #isLively = false
  #heardAt = 0
  #movedAt = 0
  /** When leases were asked for, and told. */
  readonly #looks: { asked: number; told: number }[] = []
  #ingests = ''
  /** What a lease was seen to keep, and of which nothing is known yet. */
  readonly #unasked = new Set<string>()
  #isStopped = false

  constructor(store: NamespaceClient, since: number, onRest: () => void = () => {}) {
    this.#store = store
    this.since = since
    this.#onRest = onRest
  }

  get isLively(): boolean {
    return this.#isLively
  }

  /** The last look that was over by a time: a lease that was there at that time, and that no look saw, was taken after it. */
  lastLook(by: number): number {
    return this.#looks.findLast((it) => it.told <= by)?.asked ?? this.since
  }

  /** Whether a lease is there that was taken before anything was heard, or that does not move. */
  get hasOthers(): boolean {
    return this.#others.size > 0
  }

  hear(event: DaemonEvent): void {
    if (event.topic === '/snapshot/prepare') {
      const chainId = chainIdIn(event.key)
      // The layer of a container that starts: nothing is pulled.
      if (chainId === null) return
      // A second attempt at it does not count, but one after it was committed: it was removed meanwhile.
      const before = this.prepared.get(chainId)
      if (before === undefined || (this.committed.get(chainId) ?? 0) > before) this.prepared.set(chainId, event.at)
    } else if (event.topic === '/snapshot/commit') {
      // Also that of `ctr commit` and the like; it does no harm.
      this.committed.set(event.name, event.at)
    } else if (event.topic === '/content/create') {
      this.stored.set(event.digest, { size: event.size, createdAt: event.at })
    }
    this.#heardAt = Date.now()
    this.#movedAt = this.#heardAt
    if (!this.#isLively) {
      this.#isLively = true
      void this.#go()
    } else if (this.#timer !== null) {
      // What was about to rest may be another pull by now.
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => void this.#go(), 0)
    }
  }

  /** Looks at once, and once more where one is under way that may have begun too early. */
  async lookAgain(): Promise<void> {
    await this.#looking
    await this.#look()
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  async #go(): Promise<void> {
    this.#timer = null
    await this.#look()
    if (this.#isStopped) return
    const now = Date.now()
    if (now - this.#movedAt > REST_AFTER) return this.#rest(now)
    const age = now - this.#heardAt
    this.#timer = setTimeout(() => void this.#go(), PAUSES.find((it) => age < it.within)?.pause)
    this.#timer.unref()
  }

  #rest(now: number): void {
    this.#isLively = false
    for (const [id, lease] of this.leases) {
      if (lease.goneBy !== null) this.leases.delete(id)
      else if (now - lease.changedAt > DEAD_AFTER) {
        this.leases.delete(id)
        this.#others.add(id)
      }
    }
    const marks = [this.begun, this.stored, this.prepared, this.committed]
    const isMuch = marks.reduce((sum, it) => sum + it.size, 0) > MOST_MARKS
    if (this.leases.size === 0 || isMuch) for (const it of marks) it.clear()
    this.#onRest()
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch((error: unknown) => {
        if (!(error instanceof PullpathError)) throw error
      })
      .finally(() => {
        this.#looking = null
      })
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    const asked = Date.now()
    const [leases, ingests] = await Promise.all([this.#store.leases([]), this.#store.ingests([])])
    // Marks of containerd have parts of a millisecond: what is gone by now was there until a later one at most.
    const now = Date.now() + 1
    this.#looks.push({ asked, told: now })
    if (this.#looks.length > MOST_LOOKS) this.#looks.shift()
    const there = new Set(leases.map((it) => it.id))
    for (const id of this.#others) if (!there.has(id)) this.#others.delete(id)
    for (const lease of this.leases.values()) if (!there.has(lease.id)) lease.goneBy ??= now
    for (const { id, createdAt } of leases) {
      if (this.leases.has(id) || this.#others.has(id)) continue
      if (createdAt === null || createdAt < this.since) this.#others.add(id)
      else {
        const lease = {
          id,
          createdAt,
          goneBy: null,
          contents: new Set<string>(),
          writes: new Map<string, number>(),
          changedAt: now,
        }
        this.leases.set(id, lease)
        this.#movedAt = now
      }
    }
    const writing = new Map(ingests.map(({ ref, startedAt }) => [digestOf(ref), startedAt]))
    for (const [digest, ingest] of this.begun) if (!writing.has(digest)) ingest.goneBy ??= now
    for (const [digest, startedAt] of writing) {
      if (startedAt !== null) this.begun.set(digest, { startedAt, goneBy: null })
    }
    const written = ingests.map((it) => `${it.ref} ${it.offset}`).join()
    if (written !== this.#ingests) this.#movedAt = now
    this.#ingests = written
    await this.#lookIntoLeases(now)
  }

  /** Those first that were not looked into for the longest time: a map keeps the order in which they were set. */
  async #lookIntoLeases(now: number): Promise<void> {
    const alive = [...this.leases.values()].filter((it) => it.goneBy === null)
    for (const lease of alive.slice(0, MOST_ASKED)) {
      this.leases.delete(lease.id)
      this.leases.set(lease.id, lease)
      const resources = await this.#store.leaseResources(lease.id)
      if (resources === null) {
        lease.goneBy = Date.now() + 1
        continue
      }
      for (const { id, type } of resources) {
        const digest = digestOf(id)
        if (type === 'ingests') {
          lease.writes.set(digest, now)
        } else if (type === 'content' && !lease.contents.has(digest)) {
          lease.contents.add(digest)
          lease.changedAt = now
          this.#movedAt = now
          if (!((this.stored.get(digest)?.createdAt ?? 0) >= lease.createdAt)) this.#unasked.add(digest)
        }
      }
    }
    await this.#lookAtContents()
  }

  /** Layers may be gone right after they were unpacked (discard_unpacked_layers): what is known of them is noted before. */
  async #lookAtContents(): Promise<void> {
    for (const digest of [...this.#unasked].slice(0, MOST_ASKED)) {
      this.#unasked.delete(digest)
      const info = await this.#store.content(digest)
      if (info !== null) this.stored.set(digest, { size: info.size, createdAt: info.createdAt })
    }
  }
}

/** `layer-sha256:…` (core/remotes: MakeRefKey). */
function digestOf(ref: string): string {
  return ref.slice(ref.search(/[a-z0-9]+:[0-9a-f]+$/))
}
