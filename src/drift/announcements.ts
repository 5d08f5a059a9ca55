import type { Reason } from './reasons.ts'
import type { Finding, NodeReport } from './report.ts'

/** That a finding started, or ended: what is told to whoever is not looking. */
export interface Announcement {
  kind: 'started' | 'ended'
  finding: Finding
  /** Milliseconds since the epoch: when it started or ended, as far as this agent saw it. */
  at: number
  /** How often this happened, this time included, since it was told anew; 1: it is told anew. */
  count: number
  /** `since` of the finding when it was told anew: with the finding's id and the kind it names the telling. */
  first: string
}

/** One telling: repeated by counting, as long as it is not forgotten. */
interface Line {
  first: string
  count: number
  /** Milliseconds since the epoch: when it was last told. */
  toldAt: number
}

/** What was told of one finding. */
interface Told {
  isOn: boolean
  finding: Finding
  started: Line | null
  ended: Line | null
  /** Milliseconds since the epoch: when it ended, which is not told yet; null: it has not. */
  endedAt: number | null
  /** It started so often without being told, because it was told a moment before. */
  untold: number
}

interface Occurrence {
  finding: Finding
  /** Milliseconds since the epoch: when this agent saw it first. */
  seenAt: number
}

/** That a finding started is told no more often than this: six times an hour, and its end as often. Milliseconds. */
const PAUSE = 600_000
/** kube-apiserver keeps an Event for an hour after it was last written (--event-ttl): what is older is told anew. */
const FORGOTTEN = 3_000_000

/**
 * What a rollout of Spegel, or an edit of its release, brings with it for a moment and takes away again: it is announced
 * only when it lasts. Any other difference has been read twice already.
 */
const PASSING: ReadonlySet<Reason> = new Set<Reason>(['spegel-absent', 'spegel-not-ready', 'release-not-applied'])

/**
 * Which findings are announced, and when: that one starts, once the hold-down is over; that it ends, if its start was
 * told. What is told is only how things are: a finding that starts and ends before its start could be told is never
 * told. Knows no clock: every time is handed in, in milliseconds since the epoch.
 */
export class Announcements {
  readonly #current = new Map<string, Occurrence>()
  readonly #told = new Map<string, Told>()
  #heldUntil = 0
  #holdDown = 0

  /** Takes what was found now. `heldUntil`: nothing starts before; `holdDown`: how long what passes has to last. */
  take(report: NodeReport, { heldUntil, holdDown }: { heldUntil: number; holdDown: number }, now: number): void {
    this.#heldUntil = heldUntil
    this.#holdDown = holdDown
    // What only notes how Git is written is on no node's account.
    const found = new Map(report.findings.filter((it) => it.severity !== 'info').map((it) => [it.id, it]))
    for (const [id, occurrence] of this.#current) {
      const { reason, registry } = occurrence.finding
      if (found.has(id) || !isSeen(report, reason, registry)) continue
      const told = this.#told.get(id)
      if (told?.isOn === true) told.endedAt = now
      else if (told !== undefined && now >= this.#ripeAt(occurrence)) told.untold++
      this.#current.delete(id)
    }
    for (const [id, finding] of found) {
      this.#current.set(id, { finding, seenAt: this.#current.get(id)?.seenAt ?? now })
    }
    for (const [id, told] of this.#told) {
      const toldAt = Math.max(told.started?.toldAt ?? 0, told.ended?.toldAt ?? 0)
      if (!told.isOn && !this.#current.has(id) && now - toldAt > FORGOTTEN) this.#told.delete(id)
    }
  }

  /** What is to be told now. */
  due(now: number): Announcement[] {
    const ended = [...this.#told].flatMap(([id, { isOn, finding, endedAt, ended: line }]): Announcement[] => {
      if (!isOn || this.#current.has(id)) return []
      return [announcement({ kind: 'ended', finding, at: endedAt ?? now }, line, 1, now)]
    })
    const started = [...this.#current].flatMap(([id, occurrence]): Announcement[] => {
      const told = this.#told.get(id)
      if (told?.isOn === true || now < this.#startsAt(id, occurrence)) return []
      const { finding, seenAt } = occurrence
      const times = 1 + (told?.untold ?? 0)
      return [announcement({ kind: 'started', finding, at: seenAt }, told?.started ?? null, times, now)]
    })
    return [...ended, ...started]
  }

  /** When something is due of its own accord; null: not before something else is found. */
  dueAt(): number | null {
    const times = [...this.#current].flatMap(([id, occurrence]) => {
      return this.#told.get(id)?.isOn === true ? [] : [this.#startsAt(id, occurrence)]
    })
    return times.length === 0 ? null : Math.min(...times)
  }

  /** This was told, or is known to have been told before. */
  told({ kind, finding, count, first }: Announcement, now: number): void {
    const before = this.#told.get(finding.id)
    const line = { first, count, toldAt: now }
    this.#told.set(finding.id, {
      isOn: kind === 'started',
      finding,
      started: kind === 'started' ? line : (before?.started ?? null),
      ended: kind === 'ended' ? line : (before?.ended ?? null),
      endedAt: null,
      untold: 0,
    })
  }

  /** From when on an occurrence counts. */
  #ripeAt({ finding, seenAt }: Occurrence): number {
    return Math.max(this.#heldUntil, PASSING.has(finding.reason) ? seenAt + this.#holdDown : seenAt)
  }

  #startsAt(id: string, occurrence: Occurrence): number {
    const toldAt = this.#told.get(id)?.started?.toldAt ?? Number.NEGATIVE_INFINITY
    return Math.max(this.#ripeAt(occurrence), toldAt + PAUSE)
  }
}

function announcement(
  what: Pick<Announcement, 'kind' | 'finding' | 'at'>,
  line: Line | null,
  times: number,
  now: number,
): Announcement {
  if (line === null || now - line.toldAt > FORGOTTEN) return { ...what, count: 1, first: what.finding.since }
  return { ...what, count: line.count + times, first: line.first }
}

/** Whether a finding that is not in this report is over, rather than out of sight. */
function isSeen({ inputs, registries }: NodeReport, reason: Reason, registry: string): boolean {
  if (registry === '') return reason === 'unreadable' || inputs.every((it) => it.up)
  const own = registries.find((it) => it.registry === registry)
  return own === undefined || own.declaredBy.length === 0 || own.inSync !== null
}
