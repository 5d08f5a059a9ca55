import type { Pull, PullPhase } from '../drift/pull.ts'
import { printable } from './printable.ts'
import { paint, type RenderOptions } from './render-options.ts'
import { wrapText } from './wrap-text.ts'

const SOURCES: Readonly<Record<Pull['source'], string>> = {
  first: 'from the origin: no peer had it',
  peer: 'from another node',
  fallback: 'from the origin, although a peer had it',
  mixed: 'from the origin and from other nodes',
  local: 'from this node itself',
  unknown: 'where it came from is not certain',
}

/** A measured pull for a person: what came of it, its phases, and on what it rests. */
export function renderPull(pull: Pull, options: RenderOptions): string {
  const { via, image, source, bytes, duration, failure, evidence } = pull
  const title = `${via ?? 'observed'}  ${printable(image)}`
  const head =
    failure === null
      ? paint(source === 'fallback' ? 'yellow' : 'green', sourceText(pull), options)
      : paint('red', `failed: ${failure.reason}`, options)
  const sum = `${bytesText(bytes)} in ${secondsText(duration)}${rateText(bytes, duration)}`
  const lines = [paint('bold', title, options), `  ${head}`, `  ${sum}`]
  if (failure !== null) lines.push(wrapText(printable(failure.message), options.width, '  '))
  if (pull.phases.length > 0) lines.push('', ...phaseTable(pull, options.width - 2).map((line) => `  ${line}`))
  if (evidence.length > 0)
    lines.push('', ...evidence.map((it) => wrapText(`${it.source}: ${it.text}`, options.width, '  ')))
  return `${lines.join('\n')}\n`
}

/** A leg of the origin asks no peer, so that nobody knows what one had. */
function sourceText({ via, source }: Pull): string {
  return via === 'origin' && source === 'first' ? 'from the origin, which alone was asked' : SOURCES[source]
}

/** How two probe legs compare. `ratio`: the peer's time by the origin's. */
export function renderRatio(ratio: number, origin: Pull, peer: Pull): string {
  const [first, other] = [secondsText(origin.duration), secondsText(peer.duration)]
  return `first to peer: ${first} to ${other}, so a peer takes ${ratio.toFixed(3)} of the time of the origin\n`
}

/** `1.36 s`, `12.3 ms`. */
export function secondsText(seconds: number): string {
  return seconds >= 1 ? `${seconds.toFixed(2)} s` : `${(seconds * 1000).toFixed(1)} ms`
}

/** In units of 10^6, as the kubelet counts: `16.78 MB`. */
export function bytesText(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(2)} MB`
  return bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} kB` : `${Math.round(bytes)} B`
}

/** `, 12.3 MB/s`; empty where there is nothing to divide. */
function rateText(bytes: number, seconds: number): string {
  return bytes > 0 && seconds > 0 ? `, ${bytesText(bytes / seconds)}/s` : ''
}

/** A digest by as much of it as tells one from another. */
export function shortDigest(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12)
}

const HEADS = ['PHASE', 'OBJECT', 'ENDPOINT', 'BEGINS AT', 'TAKES', 'BYTES', 'RATE'] as const
const ENDPOINT = HEADS.indexOf('ENDPOINT')

/** With a column of the endpoints if they are known and it has room, else with a line wherever another one is asked. */
function phaseTable(pull: Pull, room: number): string[] {
  const rows = pull.phases.map((it) => cellsOf(it, pull))
  const isSeen = pull.phases.some((it) => it.endpoint !== null)
  const whole = aligned([HEADS, ...rows], ENDPOINT + 1)
  if (isSeen && whole.every((line) => line.length <= room)) return whole
  const narrow = aligned(
    [HEADS, ...rows].map((row) => row.toSpliced(ENDPOINT, 1)),
    ENDPOINT,
  )
  if (!isSeen) return narrow
  const [head = '', ...lines] = narrow.map((line) => `  ${line}`)
  const asked = pull.phases.map((it) => it.endpoint)
  return [head, ...lines.flatMap((line, at) => (asked[at] === asked[at - 1] ? [line] : [asked[at] ?? '-', line]))]
}

function cellsOf({ name, digest, endpoint, start, duration, bytes }: PullPhase, pull: Pull): string[] {
  return [
    name,
    digest === null ? askedName(pull) : shortDigest(digest),
    endpoint ?? '-',
    secondsText(start),
    secondsText(duration),
    bytes === 0 ? '' : bytesText(bytes),
    rateText(bytes, duration).slice(2),
  ]
}

/** By what the image itself is asked for: its tag, or else a digest, as a peer is in any case. */
function askedName({ image, via }: Pull): string {
  const [name = '', digest] = printable(image).split('@')
  if (digest !== undefined) return shortDigest(digest)
  return via === 'peer' ? 'by digest' : name.slice(name.lastIndexOf(':') + 1)
}

/** In columns: the first `words` of them to the left, numbers to the right. */
function aligned(table: readonly (readonly string[])[], words: number): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const cell = (text: string, column: number) => {
    const width = widths[column] ?? 0
    return column < words ? text.padEnd(width) : text.padStart(width)
  }
  return table.map((row) => row.map(cell).join('  ').trimEnd())
}
