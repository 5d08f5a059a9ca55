/**
 * What the kubelet says of a pull in the message of its event `Pulled` (kubernetes: pkg/kubelet/images/image_manager.go,
 * EnsureImageExists; events/event.go: PulledImage). The words are no API: what is not known here is no pull.
 */
import { parseGoDuration } from '../format/go-duration.ts'

export interface PulledMessage {
  /** As the pod names it, not normalised. */
  image: string
  /** Seconds of PullImage, with the look-up of credentials and of the image's size. */
  pull: number
  /** Seconds with the time that the kubelet let it wait; null: not said (up to 1.24). */
  withWaiting: number | null
  /** Of the image as CRI counts it; null: not said (up to 1.29). */
  bytes: number | null
}

/** client-go, tools/record/events_cache.go: from the 11th similar event within 10 minutes on there is one for all. */
const AGGREGATED = /^\(combined from similar events\): /

const PULLED =
  /^Successfully pulled image "([^"\\]+)" in (\S+)(?: \((\S+) including waiting\))?(?:\. Image size: (\d+) bytes\.)?$/

/** null: it tells of no pull, such as `Container image "app:v1" already present on machine`. */
export function parsePulledMessage(message: string): PulledMessage | null {
  const [, image, pull = '', waiting, size] = PULLED.exec(message.replace(AGGREGATED, '')) ?? []
  if (image === undefined) return null
  const [seconds, withWaiting] = [secondsOf(pull), waiting === undefined ? null : secondsOf(waiting)]
  if (seconds === null || (waiting !== undefined && withWaiting === null)) return null
  const bytes = size === undefined ? null : Number(size)
  return Number.isSafeInteger(bytes ?? 0) ? { image, pull: seconds, withWaiting, bytes } : null
}

/** null: it is none, or negative. */
function secondsOf(text: string): number | null {
  const milliseconds = parseGoDuration(text)
  return milliseconds === null || milliseconds < 0 ? null : milliseconds / 1000
}
