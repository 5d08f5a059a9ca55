import type { ContentInfo } from '../containerd/client/daemon-client.ts'
import type { ObjectEvidence } from '../drift/classification.ts'
import type { PullPhase } from '../drift/pull.ts'
import type { SeenIngest, SeenLease } from './pull-activity.ts'
import { phasesOf } from './pull-marks.ts'
import type { StoredImage } from './stored-image.ts'

/** What was seen while an image was pulled, and after. Times are milliseconds since the epoch. */
export interface SeenPull {
  image: StoredImage
  /** What its reference names, and in which repository. */
  target: string
  repository: string
  /** containerd made the image's record: all of it was there, and unpacked. */
  end: number
  /** From then on everything was heard; a pull whose lease was never seen began after `earliest`. */
  since: number
  earliest: number
  leases: readonly SeenLease[]
  begun: ReadonlyMap<string, SeenIngest>
  /** As it was seen first, which may have been before it was labelled; and as it is now, null for what is gone. */
  stored: ReadonlyMap<string, Pick<ContentInfo, 'size' | 'createdAt'>>
  contents: ReadonlyMap<string, ContentInfo | null>
  prepared: ReadonlyMap<string, number>
  committed: ReadonlyMap<string, number>
  /** What pulls that ended before this one are taken to have fetched, and when they ended. */
  taken: ReadonlyMap<string, number>
}

export interface ObservedMarks {
  begin: number
  /** Whether its own lease was seen: else it begins with the first content, and the resolve is not in it. */
  hasLease: boolean
  /** Whether nobody else was seen to pull meanwhile. */
  alone: boolean
  /** One for each object, in the same order; `bytes`: as far as it is certain that they came in this pull. */
  objects: readonly Pick<ObjectEvidence, 'digest' | 'kind' | 'bytes' | 'fetched' | 'heldHere'>[]
  /** How many objects were continued from a pull that had broken off: fetched, but not all of their bytes now. */
  resumed: number
  /** How many were a part of other pulls too, at the same time: who fetched them is not known. */
  shared: number
  /** How many came and went unseen, or were here before: that is not known. */
  unseen: number
  phases: readonly PullPhase[]
}

/** Whoever pulls notes there from which repository a content is; an import or a build does not (core/remotes/docker: handler.go). */
const SOURCE = 'containerd.io/distribution.source.'
/** By so much the clock of a mark may be behind: events are stamped after what they tell. */
const SLACK = 5
/** An ingest that was begun so long before the pull is of another one. */
const BEFORE = 50

/**
 * What of an image came over the network in a pull that was watched. null: nothing of it did (it was there, got another
 * name, or was imported), or a part of it was missed. Nothing is claimed that was not seen.
 */
export function observedMarks(seen: SeenPull): ObservedMarks | null {
  const { image, target, end } = seen
  const own = seen.leases.filter((it) => has(it, target) && it.createdAt <= end && isOver(it, end))
  const lease = own.toSorted((a, b) => a.createdAt - b.createdAt)[0] ?? null
  const bound = lease?.createdAt ?? Math.max(earliestOf(seen), seen.since)
  const objects = image.objects.map((object) => ({
    ...object,
    ...partOf(object.digest, object.size, seen, bound, own),
  }))
  const fetched = objects.filter((it) => it.fetched === true)
  if (fetched.length === 0) return null
  const starts = fetched.map(({ digest, storedAt }) => {
    const startedAt = seen.begun.get(digest)?.startedAt ?? 0
    return startedAt >= bound ? startedAt : (storedAt ?? end)
  })
  const begin = lease?.createdAt ?? Math.min(...starts)
  if (begin < seen.since || begin > end) return null
  const stored = new Map(fetched.flatMap((it) => (it.storedAt === null ? [] : [[it.digest, it.storedAt] as const])))
  const within = (marks: ReadonlyMap<string, number>) =>
    new Map([...marks].filter(([, at]) => at >= begin - SLACK && at <= end + SLACK))
  const [begun, prepared, committed] = [
    within(new Map([...seen.begun].map(([digest, it]) => [digest, it.startedAt]))),
    within(seen.prepared),
    within(seen.committed),
  ]
  const all = phasesOf(image, { called: begin, begun, stored, prepared, committed }, image.diffIds)
  // Without the lease nothing is known of what went before the first content.
  const isOthers = ({ digest, name }: PullPhase) =>
    name === 'unpack' &&
    objects.some((it) => it.digest === digest && (it.isShared || (it.fetched === false && !it.heldHere)))
  const phases = all.filter((it) => (lease !== null || it.name !== 'resolve') && !isOthers(it))
  const bytesOf = new Map(objects.map(({ digest, bytes }) => [digest, bytes]))
  return {
    begin,
    hasLease: lease !== null,
    alone:
      lease !== null &&
      !seen.leases.some((it) => !own.includes(it) && (it.goneBy ?? end) >= begin && it.createdAt <= end),
    objects: objects.map(({ digest, kind, bytes, fetched, heldHere }) => ({ digest, kind, bytes, fetched, heldHere })),
    resumed: objects.filter((it) => it.isResumed).length,
    shared: objects.filter((it) => it.isShared).length,
    unseen: objects.filter((it) => it.fetched === null && !it.isShared).length,
    phases: phases.map((it) => ({ ...it, bytes: Math.min(it.bytes, bytesOf.get(it.digest ?? '') ?? 0) })),
  }
}

function has({ contents, writes }: SeenLease, digest: string): boolean {
  return contents.has(digest) || writes.has(digest)
}

/** A lease that outlives its pull is that of one that died. */
function isOver({ goneBy }: SeenLease, end: number): boolean {
  return goneBy !== null && goneBy >= end
}

interface Part {
  fetched: boolean | null
  heldHere: boolean | null
  bytes: number
  storedAt: number | null
  isResumed: boolean
  isShared: boolean
}

function partOf(digest: string, size: number, seen: SeenPull, bound: number, own: readonly SeenLease[]): Part {
  const now = seen.contents.get(digest) ?? null
  // The event may be of a content that is gone by now; what is there says when it was made.
  const storedAt = now?.createdAt ?? seen.stored.get(digest)?.createdAt ?? null
  const part = { storedAt, bytes: 0, isResumed: false, isShared: false }
  if (storedAt === null) {
    const isWritten = own.some((it) => it.writes.has(digest))
    return isWritten
      ? { ...part, fetched: true, heldHere: false, bytes: size }
      : { ...part, fetched: null, heldHere: null }
  }
  if (storedAt < bound - SLACK) {
    // What is gone may have been gone before: then it came again, unseen. Nor is it known where its own lease may be one
    // that was there before.
    const isSure =
      now !== null && !seen.leases.some((it) => it.goneBy === null && has(it, seen.target) && it.createdAt <= storedAt)
    return isSure ? { ...part, fetched: false, heldHere: true } : { ...part, fetched: null, heldHere: null }
  }
  // Made later: an image that was built or imported over this one.
  if (storedAt > seen.end + SLACK) return { ...part, fetched: null, heldHere: null }
  if (now !== null && !isOfRepository(now, seen.repository)) return { ...part, fetched: false, heldHere: null }
  const isOurs = own.some((it) => it.writes.has(digest))
  const isOthers = seen.leases.some((it) => !own.includes(it) && (it.writes.get(digest) ?? 0) >= bound)
  if (isOthers && !isOurs) return { ...part, fetched: false, heldHere: false }
  const isTaken = (seen.taken.get(digest) ?? 0) >= storedAt
  const isHeld = seen.leases.some((it) => it.contents.has(digest) && !own.includes(it) && wasThere(it, storedAt))
  if (!isOurs && (isTaken || isHeld)) {
    return { ...part, fetched: null, heldHere: null, bytes: isTaken ? 0 : size, isShared: true }
  }
  const ingest = seen.begun.get(digest)
  // One that was over before was of an earlier time that it was fetched.
  const isResumed = ingest !== undefined && ingest.startedAt < bound - BEFORE && (ingest.goneBy ?? bound) >= bound
  return { ...part, fetched: true, heldHere: false, bytes: isResumed ? 0 : size, isResumed }
}

/** One of those may be its own of which it was not seen what they keep. */
function earliestOf({ leases, earliest, end }: SeenPull): number {
  const unknown = leases.filter(
    (it) => it.contents.size + it.writes.size === 0 && it.createdAt <= end && isOver(it, end),
  )
  return Math.min(earliest, ...unknown.map((it) => it.createdAt))
}

function wasThere({ createdAt, goneBy }: SeenLease, at: number): boolean {
  return createdAt <= at && (goneBy === null || goneBy >= at)
}

function isOfRepository({ labels }: ContentInfo, repository: string): boolean {
  return [...labels].some(([name, value]) => name.startsWith(SOURCE) && value.split(',').includes(repository))
}
