import { createHash } from 'node:crypto'
import { announcementText } from '../drift/announcement-text.ts'
import type { Announcement, Announcements } from '../drift/announcements.ts'
import type { KubeClock } from './clock.ts'
import { type KubeApi, KubeError, type KubeFailure, type KubeObject } from './kube-api.ts'
import { PacedWriter } from './paced-writer.ts'

export interface NodeEventsOptions {
  api: Pick<KubeApi, 'create' | 'patch'>
  clock: KubeClock
  /** The Node's name. */
  node: string
  announcements: Announcements
  /** Hears of each change: why Events cannot be written; null: they can again. */
  onFailure(failure: KubeFailure | null): void
}

/** Where the API server keeps the Events of what has no namespace (kubernetes: pkg/apis/core/validation/events.go). */
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'
/** A name may have 253 characters, an instance 128. */
const LONGEST_NAME = 253
const LONGEST_INSTANCE = 128
/** So many are written within so many milliseconds at most: what drifts everywhere at once does so on every node. */
const BURST = { size: 3, within: 1_000 }

/**
 * Writes announcements as Events of the Node. While the API server is away nothing queues up: what is written when it is
 * back is what then differs from what was written last.
 */
export class NodeEvents {
  readonly #options: NodeEventsOptions
  readonly #writer: PacedWriter
  /** The burst that was begun last. `since`: milliseconds since the epoch. */
  #burst = { since: Number.NEGATIVE_INFINITY, size: 0 }

  constructor(options: NodeEventsOptions) {
    const { clock, onFailure } = options
    this.#options = options
    this.#writer = new PacedWriter({ clock, onFailure, write: (signal) => this.#write(signal) })
  }

  wake(): void {
    this.#writer.wake()
  }

  stop(): void {
    this.#writer.stop()
  }

  async #write(signal: AbortSignal): Promise<number | null> {
    const { announcements, clock } = this.#options
    for (;;) {
      const [next] = announcements.due(clock.now())
      if (next === undefined) return announcements.dueAt()
      const fullUntil = this.#fullUntil(clock.now())
      if (fullUntil !== null) return fullUntil
      this.#burst.size++
      announcements.told(await this.#tell(next, signal), clock.now())
    }
  }

  /** When more may be written, by a clock that may be set back; null: now. */
  #fullUntil(now: number): number | null {
    const { since, size } = this.#burst
    if (now < since || now >= since + BURST.within) this.#burst = { since: now, size: 0 }
    else if (size >= BURST.size) return since + BURST.within
    return null
  }

  /** Fulfilled with what is told now: an Event that has gone meanwhile is counted anew. */
  async #tell(announcement: Announcement, signal: AbortSignal): Promise<Announcement> {
    const { api, node } = this.#options
    if (announcement.count > 1) {
      const series = { count: announcement.count, lastObservedTime: microTime(announcement.at) }
      try {
        // Of an Event nothing else may change (ValidateEventUpdate).
        await api.patch(`${EVENTS}/${eventName(node, announcement)}`, 'merge', { series }, signal)
        return announcement
      } catch (error) {
        if (!isAbout(error, 'not-found')) throw error
      }
    }
    const { since } = announcement.finding
    const anew = announcement.count > 1 ? { ...announcement, count: 1, first: since } : announcement
    try {
      await api.create(EVENTS, nodeEvent(node, anew), signal)
    } catch (error) {
      // This agent wrote it before it was started again, or did not hear that it was written.
      if (isAbout(error, 'conflict')) return anew
      // It will not be taken at another time either.
      if (!isAbout(error, 'refused')) throw error
      this.#options.onFailure(error.failure)
    }
    return anew
  }
}

/** The Event of one announcement. */
export function nodeEvent(node: string, announcement: Announcement): KubeObject {
  const { reason, note } = announcementText(announcement)
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: eventName(node, announcement), namespace: 'default' },
    // As the kubelet does it: `kubectl describe node` looks for Events whose uid is the Node's name.
    regarding: { apiVersion: 'v1', kind: 'Node', name: node, uid: node },
    type: announcement.kind === 'started' ? 'Warning' : 'Normal',
    reason,
    action: announcement.kind === 'started' ? 'FindingStarted' : 'FindingEnded',
    note,
    reportingController: 'pullpath',
    reportingInstance: node.slice(0, LONGEST_INSTANCE),
    eventTime: microTime(announcement.at),
  }
}

/** The same telling has the same name, whichever run of the agent it comes from. */
function eventName(node: string, { kind, finding, first }: Announcement): string {
  const hash = createHash('sha256').update([node, kind, finding.id, first].join('\n')).digest('hex').slice(0, 16)
  const begin = node.slice(0, LONGEST_NAME - hash.length - 1).replace(/[^a-z0-9]+$/, '')
  return `${begin}.${hash}`
}

/** As metav1.MicroTime is read: six digits, no fewer. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}

function isAbout(error: unknown, reason: KubeFailure['reason']): error is KubeError {
  return error instanceof KubeError && error.failure.reason === reason
}
