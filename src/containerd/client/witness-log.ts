import type { WitnessedManifest, WitnessedRequest } from '../witness.ts'

/** containerd: core/transfer/streaming/stream.go, maxRead. */
const LONGEST_CHUNK = 32 * 1024

interface Entry extends Omit<WitnessedRequest, 'redirectedFrom'> {
  isOver: boolean
  /** The same request, written just before this one and not answered in between. */
  twin: Entry | null
  /** The object that it is for, by its last name in a path. */
  object: string
  /** `host path` where its answer leads to, until something was sent there. */
  redirect: string | null
  /** The one whose answer led here. */
  source: Entry | null
}

/**
 * Reads containerd's dump of its own HTTP dialogue (pkg/httpdbg/debug.go) as it comes in: one write for each request and
 * each answer, cut into chunks only where it is longer than 32 KiB; chunks of two long ones may be mixed. Of headers only
 * the host, the digest, the lengths and where a redirect leads are looked at, of bodies only what a manifest names;
 * nothing but the result is kept.
 */
export class WitnessLog {
  readonly #mostBytes: number
  readonly #entries: Entry[] = []
  readonly #manifests: WitnessedManifest[] = []
  /** Answers that may belong to any of several requests: their status. */
  #loose: { status: number; at: number }[] = []
  /** Answers to requests with a twin: containerd 2.1 writes them twice where an endpoint has a `header` and no more. */
  readonly #echoes = new Map<string, Entry | null>()
  #bytes = 0
  #cutShort: string | null = null

  /** `mostBytes`: more is not wanted, neither of the dump nor of one answer nor of what a manifest names. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** Why no more is wanted; null: it is. */
  get cutShort(): string | null {
    return this.#cutShort
  }

  /** `at`: milliseconds since the epoch. */
  add(chunk: Uint8Array, at: number): void {
    if (this.#cutShort !== null) return
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    const head = text.slice(0, end + 2)
    const request = /^([A-Z]+) (\S+) HTTP\/[\d.]+\r\n/.exec(head)
    if (request?.[1] !== undefined && request[2] !== undefined) this.#addRequest(request[1], request[2], head, at)
    const status = /^HTTP\/[\d.]+ (\d{3})\b/.exec(head)?.[1]
    if (status !== undefined) {
      const isWhole = chunk.length < LONGEST_CHUNK
      this.#addAnswer(Number(status), head, isWhole ? text.slice(end + 4) : null, at)
    }
    this.#bytes += chunk.length
    if (this.#bytes > this.#mostBytes) this.#cut(`the dialogue is longer than ${this.#mostBytes} bytes`)
  }

  requests(): WitnessedRequest[] {
    return this.#entries.map(({ isOver: _, twin: __, object: ___, redirect: ____, source, ...request }) => {
      return { ...request, redirectedFrom: source === null ? null : this.#entries.indexOf(source) }
    })
  }

  manifests(): WitnessedManifest[] {
    return this.#manifests
  }

  #addRequest(method: string, target: string, head: string, at: number): void {
    const host = headerOf(head, 'Host') ?? ''
    const [path = '', query = ''] = target.split('?', 2)
    const ns = new URLSearchParams(query).get('ns')
    const leading = this.#entries.findLast((it) => it.redirect === `${host} ${path}`)
    const object = leading?.object ?? nameOf(path)
    if (leading !== undefined) leading.redirect = null
    const before = this.#entries.findLast((it) => it.object === object)
    const isTwin = before?.isOver === false && before.method === method && before.host === host && before.path === path
    // One object is asked for at one endpoint after the other: what went before is over, if it was not answered for certain.
    for (const [text, entry] of this.#echoes) {
      // Nothing is sent beside a HEAD; the answer to a GET of the same has the same head.
      if (entry?.object === object || entry?.method === 'HEAD') this.#echoes.delete(text)
    }
    if (before !== undefined && !before.isOver) this.#settle(before, isTwin)
    this.#entries.push({
      method,
      host,
      path,
      ns,
      status: null,
      isUncertain: false,
      digest: null,
      hasLength: false,
      challenge: null,
      refusesToken: false,
      sentAt: at,
      answeredAt: null,
      isOver: false,
      twin: isTwin ? before : null,
      object,
      redirect: null,
      // A target that is asked over https first, or again, is still the target.
      source: leading ?? (isTwin ? before.source : null),
    })
  }

  /** Of a request that is over: it failed without an answer, or one of the loose answers is its. */
  #settle(entry: Entry, hasTwin: boolean): void {
    entry.isOver = true
    const statuses = new Set(this.#loose.map((it) => it.status))
    if (!entry.isUncertain || hasTwin || entry.twin !== null || statuses.size !== 1) return
    const isOnly = this.#loose.length === 1
    const answer = this.#loose.shift()
    if (answer === undefined) return
    entry.status = answer.status
    entry.answeredAt = isOnly ? answer.at : null
  }

  #addAnswer(status: number, head: string, body: string | null, at: number): void {
    const echoed = this.#echoes.get(head)
    if (echoed !== undefined) {
      this.#addEcho(head, echoed)
      return
    }
    const length = Number(headerOf(head, 'Content-Length') ?? 0)
    const open = this.#entries.filter((it) => !it.isOver)
    const digest = digestOf(head)
    const entry = open.length === 1 ? open[0] : open.find((it) => digest !== null && it.object === digest)
    if (open.some((it) => it.twin !== null)) this.#echoes.set(head, entry?.twin === null ? null : (entry ?? null))
    if (entry === undefined) {
      for (const it of open) it.isUncertain = true
      if (open.length > 0) this.#loose.push({ status, at })
    } else {
      this.#answer(entry, status, head, at)
      if (entry.method === 'GET' && status === 200 && body !== null) this.#readManifest(entry, body)
    }
    if (entry?.method !== 'HEAD' && length > this.#mostBytes) {
      this.#cut(
        `${entry === undefined ? 'an answer' : `the answer of ${entry.host} for ${entry.object}`} has ${length} bytes`,
      )
    }
  }

  #answer(entry: Entry, status: number, head: string, at: number): void {
    entry.status = status
    entry.answeredAt = at
    entry.isUncertain = false
    entry.digest = digestOf(head)
    entry.hasLength = headerOf(head, 'Content-Length') !== null
    const challenges = [...head.matchAll(/\r\nWWW-Authenticate: (Basic|Bearer)\b([^\r\n]*)/gi)]
    const bearer = challenges.find((it) => it[1]?.toLowerCase() === 'bearer')
    if (status === 401) entry.challenge = bearer !== undefined ? 'bearer' : challenges.length > 0 ? 'basic' : null
    entry.refusesToken = /\berror=/.test(bearer?.[2] ?? '')
    entry.isOver = true
    const [, host = entry.host, path] =
      /^(?:[a-z]+:\/\/(?:[^/?#@]*@)?([^/?#]*))?([^?#]*)/.exec(headerOf(head, 'Location') ?? '') ?? []
    if (status >= 300 && status < 400) entry.redirect = `${host} ${path}`
    if (this.#entries.every((it) => it.isOver)) this.#loose = []
  }

  /** A request that was answered twice, in the same words, was sent once. */
  #addEcho(head: string, entry: Entry | null): void {
    if (entry?.twin == null) {
      for (const it of this.#entries) if (!it.isOver) it.isUncertain = true
      return
    }
    entry.sentAt = entry.twin.sentAt
    this.#entries.splice(this.#entries.indexOf(entry.twin), 1)
    entry.twin = null
    this.#echoes.delete(head)
  }

  /** A body that is cut, packed or no manifest says nothing. */
  #readManifest({ object }: Entry, body: string): void {
    if (!object.includes(':') || this.#manifests.some((it) => it.digest === object)) return
    const text = body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)
    const manifest = parsed(text)
    if (manifest === null) return
    const { manifests, config, layers } = manifest
    if (Array.isArray(manifests)) {
      this.#manifests.push({ digest: object, kind: 'index', names: described(manifests).map((it) => it.digest) })
    } else if (Array.isArray(layers)) {
      const contents = described([config, ...layers])
      this.#manifests.push({ digest: object, kind: 'image', names: contents.map((it) => it.digest) })
      const size = contents.reduce((sum, it) => sum + it.size, 0)
      if (size > this.#mostBytes) this.#cut(`the manifest ${object} names contents of ${size} bytes`)
    }
  }

  #cut(words: string): void {
    this.#cutShort ??= `${words}, and a witness carries ${this.#mostBytes} at most`
  }
}

function headerOf(head: string, name: string): string | null {
  return new RegExp(`\\r\\n${name}: ([^\\r\\n]*)\\r\\n`, 'i').exec(head)?.[1] ?? null
}

/** null: there is none, or what is there is none. */
function digestOf(head: string): string | null {
  return /^[a-z0-9]+:[0-9a-f]{32,128}$/.exec(headerOf(head, 'Docker-Content-Digest') ?? '')?.[0] ?? null
}

/** The object: the last part of the path. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}

/** What descriptors say; each content once. */
function described(descriptors: readonly unknown[]): { digest: string; size: number }[] {
  const found = new Map<string, { digest: string; size: number }>()
  for (const it of descriptors) {
    const { digest, size } = { digest: null, size: null, ...(typeof it === 'object' ? it : null) } as Record<
      string,
      unknown
    >
    if (typeof digest === 'string') found.set(digest, { digest, size: typeof size === 'number' ? size : 0 })
  }
  return [...found.values()]
}
