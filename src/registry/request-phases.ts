/** Where a request spends its time, in the order in which it does. */
export type Phase = 'resolve' | 'connect' | 'tls' | 'sending' | 'processing' | 'transfer'

/**
 * Milliseconds between the marks of one request. A phase that did not take place, or did not come to its end, is null.
 * The marks follow each other, so the phases do not overlap, and of a request that ended well they add up to `total`.
 */
export interface Phases {
  /** Start to the addresses of the name. null as well: the host is an address. */
  resolve: number | null
  /** To the TCP connection. Where a name has several addresses, all attempts. */
  connect: number | null
  /** To the end of the handshake. null as well: http. */
  tls: number | null
  /** To the request, with its body, being handed to the system. */
  sending: number | null
  /** To the first byte of the answer. */
  processing: number | null
  /** To the end of the answer. */
  transfer: number | null
  total: number
}

type Mark = 'resolved' | 'connected' | 'secured' | 'sent' | 'answered' | 'ended'

const IN_ORDER = ['resolved', 'connected', 'secured', 'sent', 'answered', 'ended'] as const
const PHASE_BEFORE: Readonly<Record<Mark, Phase>> = {
  resolved: 'resolve',
  connected: 'connect',
  secured: 'tls',
  sent: 'sending',
  answered: 'processing',
  ended: 'transfer',
}

/** Takes the marks of one request as they come. */
export class Stopwatch {
  /** By `performance.now()`. */
  readonly startedAt = performance.now()
  readonly #marks = new Map<Mark, number>()
  readonly #expected: readonly Mark[]
  #stoppedAt: number | null = null

  constructor({ hasName, isTls }: { hasName: boolean; isTls: boolean }) {
    this.#expected = IN_ORDER.filter((it) => (it !== 'resolved' || hasName) && (it !== 'secured' || isTls))
  }

  /** The first time counts. What comes after a mark that is later in order did happen before it. */
  mark(mark: Mark): void {
    if (this.#stoppedAt !== null || this.#marks.has(mark)) return
    const now = performance.now()
    this.#marks.set(mark, now)
    if (mark === 'ended') this.#stoppedAt = now
  }

  /** Nothing is marked any more. */
  stop(): void {
    this.#stoppedAt ??= performance.now()
  }

  /** The phase under way, or the last one. */
  get phase(): Phase {
    const latest = this.#expected.findLastIndex((it) => this.#marks.has(it))
    const next = this.#expected[latest + 1]
    return next === undefined ? 'transfer' : PHASE_BEFORE[next]
  }

  get phases(): Phases {
    const phases: Phases = {
      resolve: null,
      connect: null,
      tls: null,
      sending: null,
      processing: null,
      transfer: null,
      total: (this.#stoppedAt ?? performance.now()) - this.startedAt,
    }
    let previous = this.startedAt
    for (const [position, mark] of this.#expected.entries()) {
      const own = this.#marks.get(mark)
      if (own === undefined) break
      const later = this.#expected.slice(position + 1).map((it) => this.#marks.get(it) ?? Number.POSITIVE_INFINITY)
      const at = Math.min(own, ...later)
      phases[PHASE_BEFORE[mark]] = at - previous
      previous = at
    }
    return phases
  }
}
