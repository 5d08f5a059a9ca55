import { imageReferenceIn } from '../containerd/reference.ts'
import { type PulledMessage, parsePulledMessage } from '../drift/pulled-message.ts'
import { pauseOf } from './pause.ts'
import type { PerMinute } from './per-minute.ts'
import type { PodOfPull } from './pod-finder.ts'
import type { PulledEvents } from './pulled-events.ts'

/** What the kubelet said of a pull, or why that is not known. */
export type KubeletAnswer = { kind: 'said'; message: PulledMessage } | { kind: 'silent'; why: string }

/** The kubelet writes its events in the background. Milliseconds. */
const PAUSE = 2_000
const PATIENCE = 5_000
/** Its event is of this pull where the two ended within so long of one another; it tells whole seconds. Milliseconds. */
const NEAR = 15_000

/** Asks for the kubelet's event of a pull, once, and for so many pulls a minute at most. */
export class KubeletEvents {
  readonly #events: PulledEvents
  readonly #requests: PerMinute
  readonly #pause: number

  constructor(events: PulledEvents, requests: PerMinute, pause: number = PAUSE) {
    this.#events = events
    this.#requests = requests
    this.#pause = pause
  }

  /** `names`: of the image. `end`: of the pull, in milliseconds since the epoch. */
  async about(pod: PodOfPull, names: ReadonlySet<string>, end: number, signal: AbortSignal): Promise<KubeletAnswer> {
    if (!this.#requests.take())
      return { kind: 'silent', why: 'the API server was not asked: too many pulls this minute' }
    await pauseOf(this.#pause, signal)
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)])
    const { events, failure } = await this.#events.of(pod, limit)
    if (failure !== null) return { kind: 'silent', why: `the API server was asked for its event: ${failure}` }
    const found = events
      .filter(
        ({ fieldPath, at }) => fieldPath.endsWith(`{${pod.container}}`) && at !== null && Math.abs(at - end) < NEAR,
      )
      .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))
      .map((it) => parsePulledMessage(it.message))
      .find((it) => it !== null && isOneOf(names, it.image))
    return found == null
      ? { kind: 'silent', why: 'there is no event of the kubelet for it' }
      : { kind: 'said', message: found }
  }
}

/** The pod's name of it is not normalised. */
function isOneOf(names: ReadonlySet<string>, text: string): boolean {
  const reference = imageReferenceIn(text)
  return reference !== null && names.has(reference.image)
}
