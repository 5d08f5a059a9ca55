import type { Pull, PullPhase } from './pull.ts'
import type { PulledMessage } from './pulled-message.ts'

/** What is compared with the kubelet's word. */
export interface ComparedPull {
  /** Seconds between the first and the last mark. */
  duration: number
  /** Whether the first mark is that of the call, with the resolve; else it is that of the first content. */
  fromCall: boolean
  /** Of the whole image by its manifest, whether it was fetched or not. */
  imageBytes: number
}

/**
 * By how much two durations of one pull may differ: the kubelet's has its look-up of credentials and two more calls of
 * CRI in it, and is cut to milliseconds.
 */
const TOLERANCE = { seconds: 0.25, part: 0.1 }
/** CRI counts what the image takes in the content store, which may leave out an index. */
const SIZE_TOLERANCE = 0.01

/** The kubelet's word on a pull as a phase of it and as evidence: either it agrees, or the text says what differs. */
export function kubeletWord(
  said: PulledMessage,
  marks: ComparedPull,
): { phase: PullPhase; evidence: Pull['evidence'] } {
  const { pull, withWaiting, bytes } = said
  const phase = { name: 'kubelet', digest: null, endpoint: null, start: 0, duration: pull, bytes: 0 }
  const waiting = withWaiting === null ? '' : `, ${seconds(withWaiting)} with waiting`
  const pieces = [
    { source: 'event of the kubelet', text: `it pulled for ${seconds(pull)}${waiting}: ${timeText(pull, marks)}` },
  ]
  if (bytes !== null && Math.abs(bytes - marks.imageBytes) > SIZE_TOLERANCE * marks.imageBytes) {
    const text = `it says that the image has ${bytes} bytes, the manifest ${marks.imageBytes}`
    pieces.push({ source: 'event of the kubelet', text })
  }
  return { phase, evidence: pieces }
}

function timeText(pull: number, { duration, fromCall }: ComparedPull): string {
  const allowed = Math.max(TOLERANCE.seconds, TOLERANCE.part * pull)
  if (Math.abs(pull - duration) <= allowed) return "this agrees with containerd's marks"
  if (pull > duration && !fromCall) return `containerd's marks, without the resolve, span ${seconds(duration)}`
  return `this differs from containerd's marks, which span ${seconds(duration)}`
}

function seconds(value: number): string {
  return `${value.toFixed(3)} s`
}
