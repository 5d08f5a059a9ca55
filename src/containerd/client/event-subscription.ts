import { PullpathError } from '../../errors.ts'
import type { EventListener, Subscription } from './daemon-client.ts'

/** How patient a subscription is, in milliseconds. */
export interface Pace {
  /** Silence of events says nothing: this often the daemon is asked whether it is there. */
  heartbeat: number
  /** The pause before a subscription is made again, doubled each time from the first to the longest. */
  firstPause: number
  longestPause: number
}

/** What a subscription is made of. */
export interface EventSource {
  /** Opens the stream; `onEnd` at most once, and not after the returned function was called, which ends the stream. */
  open(onEnd: (error: PullpathError) => void): () => void
  /** A round trip to the daemon. */
  ask(): Promise<unknown>
}

/**
 * Keeps a stream of events open over restarts and hangs of the daemon, and says when it was not. containerd does not
 * say that a subscription is in force (its headers come with the first event): it is taken to be once the daemon has
 * answered a call that was sent after it on the same connection.
 */
export class EventSubscription implements Subscription {
  readonly #source: EventSource
  readonly #listener: Pick<EventListener, 'onUp' | 'onDown'>
  readonly #pace: Pace
  #endStream: (() => void) | null = null
  #timer: NodeJS.Timeout | null = null
  #pause: number
  /** Counts the streams: what is heard of an earlier one is not of this one. */
  #round = 0
  #isUp = false
  #isDownSaid = false
  #lastHeard: number | null = null
  #isClosed = false

  constructor(source: EventSource, listener: Pick<EventListener, 'onUp' | 'onDown'>, pace: Pace) {
    this.#source = source
    this.#listener = listener
    this.#pace = pace
    this.#pause = pace.firstPause
    this.#open()
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  #open(): void {
    const round = ++this.#round
    this.#endStream = this.#source.open((error) => {
      if (round === this.#round) this.#fall(error)
    })
    void this.#beat(round)
  }

  async #beat(round: number): Promise<void> {
    const asked = Date.now()
    try {
      await this.#source.ask()
    } catch (error) {
      if (round === this.#round) this.#fall(error)
      return
    }
    if (round !== this.#round || this.#isClosed) return
    if (!this.#isUp) this.#rise()
    this.#lastHeard = asked
    this.#timer = setTimeout(() => void this.#beat(round), this.#pace.heartbeat)
  }

  #rise(): void {
    this.#isUp = true
    this.#isDownSaid = false
    this.#pause = this.#pace.firstPause
    this.#listener.onUp(this.#lastHeard)
  }

  #fall(error: unknown): void {
    if (this.#isClosed) return
    this.#stop()
    this.#isUp = false
    this.#timer = setTimeout(() => this.#open(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, this.#pace.longestPause)
    if (this.#isDownSaid) return
    this.#isDownSaid = true
    this.#listener.onDown(asPullpathError(error))
  }

  #stop(): void {
    this.#round++
    this.#endStream?.()
    this.#endStream = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}

function asPullpathError(error: unknown): PullpathError {
  if (error instanceof PullpathError) return error
  return new PullpathError('PP_INTERNAL', 'a subscription to containerd failed', { cause: error })
}
