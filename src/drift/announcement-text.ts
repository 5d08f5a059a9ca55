import type { Announcement } from './announcements.ts'
import { REASONS } from './reasons.ts'

/** What is written of one announcement, in one line without anything that a terminal acts on. */
export interface AnnouncementText {
  /** `PeerMirrorMissing`, and `PeerMirrorMissingEnded`. */
  reason: string
  note: string
}

/** The API server refuses a longer note (kubernetes: pkg/apis/core/validation/events.go, NoteLengthLimit). Bytes. */
const LONGEST_NOTE = 1024
/** Where the command leaves less than this for what is wrong, it is looked up instead. Bytes. */
const SHORTEST_SUMMARY = 256
const ELSEWHERE = "The agent's page names the remedy."

export function announcementText({ kind, finding }: Announcement): AnnouncementText {
  const name = camelCase(finding.reason)
  const where = finding.registry === '' ? 'this node' : finding.registry
  if (kind === 'ended') {
    const note = `${where}: ended, after it began at ${finding.since}: ${REASONS[finding.reason].title}`
    return { reason: `${name}Ended`, note: cut(oneLine(note), LONGEST_NOTE) }
  }
  const [remedy] = finding.remedy
  const command = remedy === undefined ? '' : ` To mend it: ${oneLine(remedy.command)}`
  // Half a command is worse than none.
  const tail = bytes(command) > LONGEST_NOTE - SHORTEST_SUMMARY ? ` ${ELSEWHERE}` : command
  const cause = finding.cause.confidence === 'unknown' ? '' : ` Cause: ${sentence(finding.cause.text)}`
  const wrong = oneLine(`${where}: ${sentence(finding.summary)}${cause}`)
  return { reason: name, note: `${cut(wrong, LONGEST_NOTE - bytes(tail))}${tail}` }
}

/** `peer-mirror-missing` becomes `PeerMirrorMissing`. */
export function camelCase(reason: string): string {
  return reason.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** Without controls, and without what turns the writing direction: names on the node's disk may have either. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}

function sentence(text: string): string {
  return `${text.replace(/\.$/, '')}.`
}

/** At most so many bytes of UTF-8, ending in an ellipsis where something is missing. */
export function cut(text: string, longest: number): string {
  if (bytes(text) <= longest) return text
  const kept: string[] = []
  let size = bytes('…')
  for (const letter of text) {
    size += bytes(letter)
    if (size > longest) break
    kept.push(letter)
  }
  return `${kept.join('').trimEnd()}…`
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length
}
