import type { WitnessedRequest } from './daemon-client.ts'

/** containerd: core/transfer/streaming/stream.go, maxRead. */
const LONGEST_CHUNK = 32 * 1024

/**
 * Reads containerd's dump of its own HTTP dialogue (pkg/httpdbg/debug.go) as it comes in: one write for each request and
 * each answer, cut into chunks only where it is longer than 32 KiB. Of headers only the host and the digest are looked
 * at; nothing but the result is kept.
 */
export class WitnessLog {
  readonly #requests: (WitnessedRequest & { isOver: boolean })[] = []
  #isInBody = false

  /** `at`: milliseconds since the epoch. */
  add(chunk: Uint8Array, at: number): void {
    const isContinued = this.#isInBody
    this.#isInBody = chunk.length === LONGEST_CHUNK
    if (isContinued) return
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    const head = text.slice(0, text.indexOf('\r\n\r\n') + 2)
    const request = /^([A-Z]+) (\S+) HTTP\/[\d.]+\r\n/.exec(head)
    if (request?.[1] !== undefined && request[2] !== undefined) this.#addRequest(request[1], request[2], head, at)
    const status = /^HTTP\/[\d.]+ (\d{3})\b/.exec(head)?.[1]
    if (status !== undefined) this.#addAnswer(Number(status), head, at)
  }

  requests(): WitnessedRequest[] {
    return this.#requests.map(({ isOver: _, ...request }) => request)
  }

  #addRequest(method: string, target: string, head: string, at: number): void {
    const host = headerOf(head, 'Host') ?? ''
    const [path = '', query = ''] = target.split('?', 2)
    // One object is asked for at one endpoint after the other: what went before has failed without an answer.
    for (const earlier of this.#requests) if (nameOf(earlier.path) === nameOf(path)) earlier.isOver = true
    this.#requests.push({
      method,
      host,
      path,
      ns: new URLSearchParams(query).get('ns'),
      status: null,
      sentAt: at,
      answeredAt: null,
      isOver: false,
    })
  }

  /** An answer does not say what it answers. Different objects are asked for at the same time. */
  #addAnswer(status: number, head: string, at: number): void {
    const open = this.#requests.filter((it) => !it.isOver)
    const digest = headerOf(head, 'Docker-Content-Digest')
    const request = open.length === 1 ? open[0] : open.find((it) => digest !== null && nameOf(it.path) === digest)
    if (request === undefined) return
    request.status = status
    request.answeredAt = at
    request.isOver = true
  }
}

function headerOf(head: string, name: string): string | null {
  return new RegExp(`\\r\\n${name}: ([^\\r\\n]*)\\r\\n`, 'i').exec(head)?.[1] ?? null
}

/** The object: the last part of the path. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
